using GlanceGateway.Abstractions;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Client.Tests;

public sealed class ImagesTests(Service service) : IClassFixture<Service>, IDisposable
{
    private readonly HttpClient _http = ClientHttp.Create(new ClientOptions(), NullLogger.Instance);

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task The_versions_are_those_of_an_images_api() =>
        Assert.Contains("v2.9", await Service.Client(_http, null, service.Gateway.Address).DiscoverAsync(TestContext.Current.CancellationToken));

    [Fact]
    public async Task A_list_has_every_image_once_however_small_its_pages_are()
    {
        List<string> made = [];
        for (var i = 0; i < 5; i++)
            made.Add((await service.AddAsync($"paged {i}", 10)).Id);
        var client = Service.Client(_http, new ClientOptions { PageSize = 2 }, service.Gateway.Address);
        List<RemoteImage> listed = [];
        await foreach (var page in client.ListAsync(new ImageListQuery(), cancellationToken: TestContext.Current.CancellationToken))
        {
            Assert.True(page.Count <= 2);
            listed.AddRange(page);
        }

        Assert.Equal(listed.Count, listed.DistinctBy(image => image.Id).Count());
        Assert.All(made, id => Assert.True(listed.Single(image => image.Id == id) is { HasData: true, Size: 10, HashAlgorithm: "sha512" }));
    }

    [Fact]
    public async Task Only_what_changed_since_is_listed()
    {
        var old = await service.AddAsync("old", 10);
        var client = Service.Client(_http, null, service.Gateway.Address);
        var since = (await client.ShowAsync(old.Id, cancellationToken: TestContext.Current.CancellationToken))!.UpdatedAt + TimeSpan.FromSeconds(1);
        // Times of images have a second's resolution.
        await Task.Delay(TimeSpan.FromSeconds(1.1), TestContext.Current.CancellationToken);
        var fresh = await service.AddAsync("fresh", 10);
        List<string> listed = [];
        await foreach (var page in client.ListAsync(new ImageListQuery(UpdatedSince: since), cancellationToken: TestContext.Current.CancellationToken))
            listed.AddRange(page.Select(image => image.Id));
        Assert.Contains(fresh.Id, listed);
        Assert.DoesNotContain(old.Id, listed);
    }

    [Fact]
    public async Task What_does_not_exist_is_null() =>
        Assert.Null(await Service.Client(_http, null, service.Gateway.Address).ShowAsync(Guid.NewGuid().ToString(), cancellationToken: TestContext.Current.CancellationToken));

    [Fact]
    public async Task Bytes_are_equal_in_ranges_and_as_a_whole()
    {
        var sample = await service.AddAsync("bytes", (3 << 20) + 17);
        var (client, image) = await ShowAsync(sample, service.Gateway.Address);
        await using var source = client.Open(image);
        Assert.Equal(sample.Content.Length, source.Length);
        Assert.Equal(sample.Content, await WholeAsync(source));
        var part = new byte[1000];
        Assert.Equal(1000, await source.ReadAsync(1_000_003, part, TestContext.Current.CancellationToken));
        Assert.True(part.AsSpan().SequenceEqual(sample.Content.AsSpan(1_000_003, 1000)));
        Assert.Equal(17, await source.ReadAsync(3 << 20, part, TestContext.Current.CancellationToken));
        Assert.Equal(0, await source.ReadAsync(sample.Content.Length, part, TestContext.Current.CancellationToken));
        Assert.True(source.Hints.Ranges);
    }

    [Theory]
    [InlineData(400)]
    [InlineData(200)]
    [InlineData(501)]
    public async Task An_endpoint_that_refuses_ranges_is_found_out_and_read_all_the_same(int status)
    {
        var sample = await service.AddAsync("no ranges", 300_000);
        using FaultyProxy proxy = new(service.Gateway.Address) { RangesGive = status };
        var (client, image) = await ShowAsync(sample, proxy.Address);
        RangeKnowledge ranges = new();
        await client.ProbeRangesAsync(image, ranges, cancellationToken: TestContext.Current.CancellationToken);
        Assert.False(ranges.Works);
        await using var source = client.Open(image, ranges);
        Assert.False(source.Hints.Ranges);
        var before = proxy.WholeDownloads;
        Assert.Equal(sample.Content, await WholeAsync(source));
        Assert.Equal(before + 1, proxy.WholeDownloads);
        var part = new byte[100];
        Assert.Equal(100, await source.ReadAsync(200_000, part, TestContext.Current.CancellationToken));
        Assert.True(part.AsSpan().SequenceEqual(sample.Content.AsSpan(200_000, 100)));
    }

    [Fact]
    public async Task A_body_that_breaks_off_goes_on_where_it_was()
    {
        var sample = await service.AddAsync("broken", 2 << 20);
        using FaultyProxy proxy = new(service.Gateway.Address);
        var (client, image) = await ShowAsync(sample, proxy.Address);
        await using var source = client.Open(image);
        proxy.BreakNextAfter = 1 << 20;
        Assert.Equal(sample.Content, await WholeAsync(source));
        Assert.Contains(proxy.Requests, request => request.EndsWith($"-{sample.Content.Length - 1}", StringComparison.Ordinal) && !request.Contains("=0-", StringComparison.Ordinal));
    }

    [Fact]
    public async Task One_request_in_twenty_may_fail_and_every_byte_is_right()
    {
        var sample = await service.AddAsync("faults", 4 << 20);
        using FaultyProxy proxy = new(service.Gateway.Address) { Faults = 0.05 };
        var (client, image) = await ShowAsync(sample, proxy.Address);
        await using var source = client.Open(image);
        Random random = new(7);
        await Parallel.ForEachAsync(
            Enumerable.Range(0, 200).Select(_ => random.Next(sample.Content.Length - 40_000)).ToList(),
            TestContext.Current.CancellationToken,
            async (offset, token) =>
            {
                var part = new byte[40_000];
                Assert.Equal(part.Length, await source.ReadAsync(offset, part, token));
                Assert.True(part.AsSpan().SequenceEqual(sample.Content.AsSpan(offset, part.Length)));
            });
    }

    [Fact]
    public async Task Other_data_below_the_same_id_is_a_change_and_no_bytes()
    {
        var sample = await service.AddAsync("same id", 1000);
        var (client, image) = await ShowAsync(sample, service.Gateway.Address);
        foreach (var other in new[] { image with { Checksum = new string('0', 32) }, image with { Size = 999 } })
        {
            await using var source = client.Open(other);
            var fault = await Assert.ThrowsAsync<StoreException>(async () => await source.ReadAsync(0, new byte[10], TestContext.Current.CancellationToken));
            Assert.Equal(StoreError.Changed, fault.Error);
        }

        await service.DeleteAsync(sample.Id);
        await using var gone = client.Open(image);
        Assert.Equal(StoreError.Changed, (await Assert.ThrowsAsync<StoreException>(async () => await gone.ReadAsync(0, new byte[10], TestContext.Current.CancellationToken))).Error);
    }

    private async Task<(ImagesClient Client, RemoteImage Image)> ShowAsync(Sample sample, Uri endpoint)
    {
        var client = Service.Client(_http, null, endpoint);
        return (client, (await client.ShowAsync(sample.Id, cancellationToken: TestContext.Current.CancellationToken))!);
    }

    private static async Task<byte[]> WholeAsync(IByteSource source)
    {
        await using var stream = await source.OpenRangeAsync(0, null, TestContext.Current.CancellationToken);
        using MemoryStream whole = new();
        await stream.CopyToAsync(whole, TestContext.Current.CancellationToken);
        return whole.ToArray();
    }
}
