using System.Diagnostics;
using GlanceGateway.Abstractions;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Client.Tests;

/// <summary>Two gateways with the same image, one of which may stall.</summary>
public sealed class HedgingTests : IClassFixture<HedgingTests.Gateways>, IDisposable
{
    private const int BlockBytes = 256 << 10;
    private const int Blocks = 40;

    private readonly HttpClient _http = ClientHttp.Create(new ClientOptions(), NullLogger.Instance);
    private readonly Gateways _gateways;
    private readonly FaultyProxy _first;
    private readonly FaultyProxy _other;

    public HedgingTests(Gateways gateways)
    {
        _gateways = gateways;
        _first = new FaultyProxy(gateways.One.Gateway.Address);
        _other = new FaultyProxy(gateways.Two.Gateway.Address);
    }

    public void Dispose()
    {
        _first.Dispose();
        _other.Dispose();
        _http.Dispose();
    }

    [Fact]
    public async Task A_stalled_gateway_holds_up_no_reader_and_the_other_gets_no_more_than_it_must()
    {
        var (sample, image, client) = await ShareAsync(_first.Address, _other.Address);
        await using var source = client.Open(image, new RangeKnowledge(works: true));
        await ReadAsync(source, sample, 0, 20);
        Assert.Equal(20, _first.Requests.Count(IsRead));

        _first.Delay = TimeSpan.FromMinutes(1);
        var watch = Stopwatch.StartNew();
        await ReadAsync(source, sample, 20, Blocks);

        // Each of them would have waited for the time-out of 30 s.
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(29));
        // Overtaken three times, it is not asked first any more.
        Assert.InRange(_first.Requests.Count(IsRead), 23, 25);
        Assert.Equal(Blocks - 20, _other.Requests.Count(IsRead));
        Assert.InRange(client.Hedges.Won, 3, client.Hedges.Asked);
        Assert.InRange(client.Hedges.Asked, 3, 10 + (Blocks / 20));
        Assert.All(client.Health, endpoint => Assert.Equal("closed", endpoint.Circuit));
    }

    [Fact]
    public async Task Gateways_that_are_slow_both_get_a_twentieth_more_at_most()
    {
        var (sample, image, client) = await ShareAsync(_first.Address, _other.Address);
        await using var source = client.Open(image, new RangeKnowledge(works: true));
        (_first.Delay, _other.Delay) = (TimeSpan.FromMilliseconds(200), TimeSpan.FromMilliseconds(200));

        await ReadAsync(source, sample, 0, Blocks);

        // One that was overtaken may not have left.
        Assert.InRange(_first.Requests.Count(IsRead) + _other.Requests.Count(IsRead), Blocks, Blocks + client.Hedges.Asked);
        // Ten to begin with, and one for twenty.
        Assert.InRange(client.Hedges.Asked, 0, 10 + (Blocks / 20));
    }

    [Fact]
    public async Task What_the_second_says_counts_only_when_it_has_the_bytes()
    {
        var (sample, image, client) = await ShareAsync(_first.Address, _other.Address);
        await using var source = client.Open(image, new RangeKnowledge(works: true));
        await ReadAsync(source, sample, 0, 20);
        (_first.Delay, _other.Status) = (TimeSpan.FromSeconds(2), 404);

        await ReadAsync(source, sample, 20, 22);

        Assert.True(client.Hedges.Asked > 0);
        Assert.Equal(0, client.Hedges.Won);
    }

    [Theory]
    [InlineData("alone")]
    [InlineData("without ranges")]
    [InlineData("large")]
    [InlineData("switched off")]
    [InlineData("the other is broken")]
    public async Task No_second_endpoint_is_asked(string why)
    {
        var options = why == "switched off" ? new ClientOptions { HedgeShare = 0 } : new ClientOptions();
        var (sample, image, client) = await ShareAsync(options, why == "alone" ? [_first.Address] : [_first.Address, _other.Address], why == "large" ? (9 << 20) : 5 * BlockBytes);
        await using var source = client.Open(image, new RangeKnowledge(works: why == "without ranges" ? null : true));
        if (why == "the other is broken")
        {
            (_first.Status, _other.Status) = (503, 503);
            await Assert.ThrowsAsync<StoreException>(() => client.ShowAsync(image.Id, TimeSpan.Zero, TestContext.Current.CancellationToken));
            _first.Status = null;
            Assert.NotNull(await client.ShowAsync(image.Id, cancellationToken: TestContext.Current.CancellationToken));
            Assert.InRange(client.Health[1].Faults, 1, int.MaxValue);
        }

        if (why == "without ranges")
            (_first.RangesGive, _other.RangesGive) = (400, 400);
        (_first.Delay, _other.Delay) = (TimeSpan.FromSeconds(1.5), TimeSpan.FromSeconds(1.5));

        var (offset, length) = why == "large" ? (BlockBytes, 5 << 20) : (BlockBytes, BlockBytes);
        var buffer = new byte[length];
        Assert.Equal(length, await source.ReadAsync(offset, buffer, TestContext.Current.CancellationToken));

        Assert.True(sample.Content.AsSpan(offset, length).SequenceEqual(buffer));
        Assert.Equal(0, client.Hedges.Asked);
    }

    [Fact]
    public void Late_is_what_takes_longer_than_nearly_all_and_the_credit_runs_out()
    {
        Hedging hedging = new(new ClientOptions { HedgeFloor = TimeSpan.FromMilliseconds(10) });
        Assert.Equal(TimeSpan.FromSeconds(1), hedging.Late);

        for (var i = 1; i <= 128; i++)
            hedging.Record(TimeSpan.FromMilliseconds(i));
        Assert.InRange(hedging.Late, TimeSpan.FromMilliseconds(120), TimeSpan.FromMilliseconds(125));

        for (var i = 0; i < 128; i++)
            hedging.Record(TimeSpan.FromMilliseconds(1));
        Assert.Equal(TimeSpan.FromMilliseconds(10), hedging.Late);

        Assert.Equal(10, Enumerable.Range(0, 100).Count(_ => hedging.TrySpend()));
        for (var i = 0; i < 19; i++)
            hedging.Earn();
        Assert.False(hedging.TrySpend());
        hedging.Earn();
        hedging.Earn();
        Assert.True(hedging.TrySpend());
        Assert.False(hedging.TrySpend());
    }

    private static bool IsRead(string request) => request.Contains("/file bytes=", StringComparison.Ordinal);

    private static async Task ReadAsync(IByteSource source, Sample sample, int from, int to)
    {
        var buffer = new byte[BlockBytes];
        for (var block = from; block < to; block++)
        {
            Assert.Equal(BlockBytes, await source.ReadAsync((long)block * BlockBytes, buffer, TestContext.Current.CancellationToken));
            Assert.True(sample.Content.AsSpan(block * BlockBytes, BlockBytes).SequenceEqual(buffer));
        }
    }

    private Task<(Sample Sample, RemoteImage Image, ImagesClient Client)> ShareAsync(params Uri[] endpoints) => ShareAsync(new ClientOptions(), endpoints, Blocks * BlockBytes);

    /// <summary>An image that both gateways have.</summary>
    private async Task<(Sample Sample, RemoteImage Image, ImagesClient Client)> ShareAsync(ClientOptions options, Uri[] endpoints, int bytes)
    {
        var sample = await _gateways.One.AddAsync("shared", bytes);
        using HttpClient plain = new();
        await Service.AddAsync(plain, _gateways.Two.Gateway.Address, "shared", sample.Content, sample.Id);
        var client = Service.Client(_http, options, endpoints);
        var image = await client.ShowAsync(sample.Id, cancellationToken: TestContext.Current.CancellationToken);
        return (sample, image!, client);
    }

    /// <summary>Two services that know nothing of each other.</summary>
    public sealed class Gateways : IAsyncLifetime
    {
        public Service One { get; } = new();

        public Service Two { get; } = new();

        public async ValueTask InitializeAsync()
        {
            await One.InitializeAsync();
            await Two.InitializeAsync();
        }

        public async ValueTask DisposeAsync()
        {
            await One.DisposeAsync();
            await Two.DisposeAsync();
        }
    }
}
