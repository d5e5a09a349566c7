using System.Net;
using System.Security.Cryptography;
using System.Text;
using GlanceGateway.Registry;
using GlanceGateway.Testing;

namespace GlanceGateway.Images.Tests;

/// <summary>Images of other regions whose image service fails, lies or sends something else. Real ones are in the tests with real services.</summary>
public sealed class RegionImportTests
{
    private const string Id = "11111111-2222-3333-4444-555555555555";

    private const string Request = $$$"""{"method":{"name":"glance-download","glance_region":"two","glance_image_id":"{{{Id}}}"}}""";

    private static readonly byte[] data = RandomNumberGenerator.GetBytes(300_000);

    private static readonly Caller caller = ImageWorld.Owner.WithToken("secret-token");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_image_takes_over_the_data_the_formats_and_what_the_operator_copies()
    {
        var regions = new FaultyRegions { Properties = """ "hw_disk_bus":"scsi","os_type":"linux","os_glance_x":"no","hw_number":5,"hw_rng_model":null,"owner_note":"no","name":"theirs","os_hidden":true, """ };
        await using var world = await OpenAsync(regions);
        var image = await world.CreateAsync(caller, ("name", "ours"), ("disk_format", "qcow2"), ("container_format", "ovf"), ("os_type", "windows"));
        await world.ImportAsync(image, Request, caller: caller);
        Assert.Equal(WorkStatus.Success, (await world.EndOfTaskAsync(image)).Status);

        var active = await world.FindAsync(image);
        Assert.Equal((ImageStatus.Active, "ours", "raw", "bare", data.Length), (active.Status, active.Name, active.DiskFormat, active.ContainerFormat, active.Size));
        Assert.Equal(["hw_disk_bus=scsi", "os_type=linux"], active.Properties.Where(p => !p.Key.StartsWith("os_glance", StringComparison.Ordinal)).Select(p => $"{p.Key}={p.Value}").Order(StringComparer.Ordinal));
        Assert.DoesNotContain(active.Properties, property => property.Key is "os_glance_import_properties" or "os_glance_import_formats" or "os_glance_import_task" or "os_glance_x");
        Assert.Equal(data, await world.ReadAsync(image));
        Assert.Equal([$"secret-token region two/public", $"secret-token http://two.example/v2/images/{Id}", $"secret-token http://two.example/v2/images/{Id}/file"], regions.Asked);
        await world.NothingStagedAsync();
    }

    [Theory]
    [InlineData("no region", "no image service")]
    [InlineData("redirected", "status 302")]
    [InlineData("not allowed", "status 403")]
    [InlineData("no JSON", "does not describe")]
    [InlineData("an endless description", "does not describe")]
    [InlineData("not active", "should be active instead of deactivated")]
    [InlineData("no size", "Size attribute")]
    [InlineData("an unknown format", "disk_format that this site does not take")]
    [InlineData("too many properties", "number of allowed image properties")]
    [InlineData("another length", "sends")]
    [InlineData("too short", "")]
    [InlineData("other data", "its hash differs")]
    [InlineData("not reachable", "does not answer")]
    public async Task Whatever_goes_wrong_leaves_the_image_as_it_was_and_is_told(string fault, string expected)
    {
        await using var world = await OpenAsync(new FaultyRegions { Fault = fault });
        var image = await world.CreateAsync(caller, ("disk_format", "qcow2"), ("os_type", "windows"));
        await world.ImportAsync(image, Request, caller: caller);
        var task = await world.EndOfTaskAsync(image);
        Assert.Equal(WorkStatus.Failure, task.Status);
        Assert.Contains(expected, task.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-token", task.ToString(), StringComparison.Ordinal);

        var queued = await world.FindAsync(image);
        Assert.Equal((ImageStatus.Queued, "qcow2", null), (queued.Status, queued.DiskFormat, queued.Size));
        Assert.Equal("windows", queued.Properties.Single(property => property.Key == "os_type").Value);
        Assert.DoesNotContain(queued.Properties, property => property.Key is "os_glance_import_properties" or "os_glance_import_formats" or "hw_disk_bus");
        await world.NothingStagedAsync();
    }

    [Fact]
    public async Task A_store_that_fails_takes_formats_and_properties_back()
    {
        await using var world = await OpenAsync(new FaultyRegions { Data = new byte[3 << 20] });
        var image = await world.CreateAsync(caller, ("disk_format", "qcow2"));
        await world.ImportAsync(image, Request[..^1] + ""","stores":["small"]}""", caller: caller);
        Assert.Equal(WorkStatus.Failure, (await world.EndOfTaskAsync(image)).Status);
        var queued = await world.FindAsync(image);
        Assert.Equal((ImageStatus.Queued, "qcow2"), (queued.Status, queued.DiskFormat));
        Assert.DoesNotContain(queued.Properties, property => property.Key is "hw_disk_bus" or "os_glance_import_properties");
    }

    [Fact]
    public async Task Another_gateway_has_no_token_to_fetch_with_and_says_that_it_has_to_be_asked_again()
    {
        var time = new ManualTime();
        var fetching = new FaultyRegions { Fault = "stuck" };
        await using var first = await OpenAsync(fetching, time, sweep: false);
        var image = await first.CreateAsync(caller);
        await first.ImportAsync(image, Request, caller: caller);
        await fetching.Reached.Task.WaitAsync(TimeSpan.FromMinutes(1), Token);

        // It stops and gives its task back.
        await first.Images.Runner.DisposeAsync();
        Assert.Equal(ImageStatus.Importing, (await first.FindAsync(image)).Status);
        await using var second = await first.OpenSecondAsync(time, "instance-b", import: Options(new FaultyRegions()));
        await second.Images.Runner.SweepAsync(ownToo: false, Token);
        var task = await second.EndOfTaskAsync(image);
        Assert.Equal(WorkStatus.Failure, task.Status);
        Assert.Contains("has to be asked again", task.Message, StringComparison.Ordinal);
        Assert.Equal(ImageStatus.Queued, (await second.FindAsync(image)).Status);

        // The newest task is told by its time.
        time.Advance(TimeSpan.FromSeconds(1));
        await second.ImportAsync(image, Request, caller: caller);
        Assert.Equal(WorkStatus.Success, (await second.EndOfTaskAsync(image)).Status);
        Assert.Equal(data, await second.ReadAsync(image));
    }

    [Theory]
    [InlineData("""{"glance_image_id":"11111111-2222-3333-4444-555555555555"}""", "'glance_region' needs to be set for glance-download import method")]
    [InlineData("""{"glance_region":"two"}""", "'glance_image_id' needs to be set for glance-download import method")]
    [InlineData("""{"glance_region":5,"glance_image_id":"11111111-2222-3333-4444-555555555555"}""", "'glance_region' needs to be set")]
    [InlineData("""{"glance_region":"two","glance_image_id":"../../x"}""", "Remote image id does not look like a UUID: ../../x")]
    [InlineData("""{"glance_region":"two","glance_image_id":"11111111-2222-3333-4444-555555555555","glance_service_interface":"secret"}""", "'glance_service_interface' needs to be")]
    [InlineData("""{"glance_region":"two","glance_image_id":"11111111-2222-3333-4444-555555555555","glance_service_interface":null}""", "'glance_service_interface' needs to be")]
    public async Task What_is_said_wrongly_is_refused_before_anything_begins(string method, string expected)
    {
        var regions = new FaultyRegions();
        await using var world = await OpenAsync(regions);
        var image = await world.CreateAsync(caller);
        var refusal = await Assert.ThrowsAsync<ImageException>(
            () => world.ImportAsync(image, """{"method":{"name":"glance-download",""" + method[1..] + "}", caller: caller));
        Assert.Equal(ImageError.Invalid, refusal.Error);
        Assert.Contains(expected, refusal.Message, StringComparison.Ordinal);
        Assert.Equal(ImageStatus.Queued, (await world.FindAsync(image)).Status);
        Assert.Empty(regions.Asked);
    }

    [Fact]
    public async Task The_method_is_there_only_when_it_is_enabled_and_there_are_regions()
    {
        await using var with = await OpenAsync(new FaultyRegions());
        Assert.Equal(["glance-download", "copy-image"], with.Images.Imports.Methods);
        await using var without = await ImageWorld.OpenAsync(import: Options(regions: null));
        Assert.Equal(["copy-image"], without.Images.Imports.Methods);
        Assert.Equal(ImageError.Invalid, await ImageWorld.RefusalAsync(without.ImportAsync(await without.CreateAsync(caller), Request, caller: caller)));
    }

    private static Task<ImageWorld> OpenAsync(FaultyRegions regions, TimeProvider? time = null, bool sweep = true) =>
        ImageWorld.OpenAsync(time: time, sweep: sweep, import: Options(regions));

    private static ImportOptions Options(IImageRegions? regions) =>
        new() { Methods = [ImportMethodNames.GlanceDownload, ImportMethodNames.CopyImage], Regions = regions };

    /// <summary>A region with one image, and one fault.</summary>
    private sealed class FaultyRegions : IImageRegions
    {
        public string Fault { get; init; } = "";

        public byte[] Data { get; init; } = data;

        public string Properties { get; init; } = """ "hw_disk_bus":"scsi","os_type":"linux", """;

        /// <summary>What was asked, with whose token.</summary>
        public List<string> Asked { get; } = [];

        public TaskCompletionSource Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<Uri?> FindAsync(Caller caller, string region, string face, CancellationToken cancellationToken)
        {
            Asked.Add($"{caller.IdentityToken} region {region}/{face}");
            return Task.FromResult(Fault == "no region" ? null : new Uri("http://two.example/"));
        }

        public async Task<HttpResponseMessage> GetAsync(Caller caller, Uri address, CancellationToken cancellationToken)
        {
            Asked.Add($"{caller.IdentityToken} {address}");
            if (!address.AbsolutePath.EndsWith("/file", StringComparison.Ordinal))
            {
                return Fault switch
                {
                    "redirected" => new(HttpStatusCode.Redirect),
                    "not allowed" => new(HttpStatusCode.Forbidden),
                    "not reachable" => throw new HttpRequestException("refused"),
                    "no JSON" => Answer("<html>"u8.ToArray()),
                    "an endless description" => Answer(Encoding.UTF8.GetBytes("{" + new string(' ', 2 << 20) + "}")),
                    _ => Answer(Encoding.UTF8.GetBytes(Description())),
                };
            }

            if (Fault == "stuck")
            {
                Reached.SetResult();
                await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            }

            var answer = Answer(Fault switch
            {
                "another length" => data[1..],
                "too short" => data[1..],
                "other data" => [.. data[1..], 0],
                _ => Data,
            });
            answer.Content.Headers.ContentLength = Fault == "too short" ? null : answer.Content.Headers.ContentLength;
            return answer;
        }

        private static HttpResponseMessage Answer(byte[] body) => new(HttpStatusCode.OK) { Content = new StreamContent(new MemoryStream(body)) };

        private string Description() =>
            $$"""
            { {{(Fault == "too many properties" ? string.Concat(Enumerable.Range(0, 128).Select(n => $"\"hw_{n}\":\"x\",")) : Properties)}}
              "status":"{{(Fault == "not active" ? "deactivated" : "active")}}", {{(Fault == "no size" ? "" : $"\"size\":{Data.Length},")}}
              "disk_format":"{{(Fault == "an unknown format" ? "tape" : "raw")}}", "container_format":"bare",
              "os_hash_algo":"sha512", "os_hash_value":"{{Convert.ToHexStringLower(SHA512.HashData(Data))}}" }
            """;
    }
}
