using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>Images fetched from other regions of one Keystone, with the token of the user who asks.</summary>
public sealed class RegionTests(KeystoneServer keystone) : IAsyncLifetime
{
    private const int Size = 300_000;

    private const string Configuration = """
          username: glance
          password: glancesecret
          project_name: service
        import: { methods: [glance-direct, glance-download] }
        """;

    private static readonly TimeSpan patience = TimeSpan.FromMinutes(2);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => await keystone.StartedAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task An_image_of_another_region_comes_with_its_formats_and_the_properties_that_are_copied()
    {
        await using var gateway = await keystone.StartGatewayAsync("region-one", Configuration);
        await using var second = await keystone.StartGatewayAsync("region-two", Configuration);
        await keystone.RegisterAsync("image", "RegionTwo", second.Address.GetLeftPart(UriPartial.Authority));
        var token = await keystone.TokenAsync("demo", "demo");
        using var there = new ImagesClient(second.Address, ("X-Auth-Token", token));
        using var here = new ImagesClient(gateway.Address, ("X-Auth-Token", token));
        await ComesWholeAsync("RegionTwo", gateway, here, there, token);

        // What the user may not see there is not to be had from here.
        using var others = new ImagesClient(second.Address, ("X-Auth-Token", await keystone.TokenAsync("alt", "alt")));
        var hidden = await others.CreateAsync("hidden", new PatternContent(Size));
        Assert.Contains("status 404", await FailureAsync(gateway, here, token, "RegionTwo", hidden), StringComparison.Ordinal);
        Assert.Contains("no image service", await FailureAsync(gateway, here, token, "RegionNine", hidden), StringComparison.Ordinal);
        Assert.Contains("no image service", await FailureAsync(gateway, here, token, "RegionTwo", hidden, "internal"), StringComparison.Ordinal);
        var queued = await there.CreateAsync("queued");
        Assert.Contains("should be active instead of queued", await FailureAsync(gateway, here, token, "RegionTwo", queued), StringComparison.Ordinal);

        // The token lies nowhere: not in the registry, not in the log.
        Assert.DoesNotContain(token, gateway.Log, StringComparison.Ordinal);
        Assert.All(Directory.GetFiles(keystone["region-one"], "registry*"), file => Assert.False(Holds(file, token), file));
    }

    [Fact]
    public async Task A_real_Glance_is_another_region_as_well()
    {
        Requires.Programs("glance-api", "glance-manage");
        await using var glance = await ServerScript.StartAsync("glance", new()
        {
            ["GLANCE_PORT"] = FreePorts.First(1).ToString(CultureInfo.InvariantCulture),
            ["GLANCE_FLAVOR"] = "keystone",
            ["GLANCE_AUTH_URL"] = keystone.Url.ToString(),
        });
        await using var gateway = await keystone.StartGatewayAsync("region-of-glance", Configuration);
        await keystone.RegisterAsync("image", "RegionOfGlance", glance.Settings["GLANCE_URL"]);
        var token = await keystone.TokenAsync("demo", "demo");
        using var there = new ImagesClient(new Uri(glance.Settings["GLANCE_URL"]), ("X-Auth-Token", token));
        using var here = new ImagesClient(gateway.Address, ("X-Auth-Token", token));
        await ComesWholeAsync("RegionOfGlance", gateway, here, there, token);
        Assert.Contains("status 404", await FailureAsync(gateway, here, token, "RegionOfGlance", Guid.NewGuid().ToString()), StringComparison.Ordinal);
    }

    private async Task ComesWholeAsync(string region, GatewayProcess gateway, ImagesClient here, ImagesClient there, string token)
    {
        var source = await there.CreateAsync("theirs", new PatternContent(Size));
        await there.PatchAsync(source,
        [
            new { op = "add", path = "/hw_disk_bus", value = "scsi" },
            new { op = "add", path = "/os_type", value = "linux" },
            new { op = "add", path = "/note", value = "theirs" },
        ]);

        var id = await here.CreateAsync("ours", "qcow2");
        using var announced = await keystone.SendAsync(HttpMethod.Get, "/v2/info/import", token, other: gateway);
        Assert.Contains("glance-download", await announced.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
        await ImportAsync(gateway, token, id, region, source);
        await Eventually.TrueAsync("the image is imported", patience, async () => await here.StateAsync(id) == "active");
        var shown = await here.ShowAsync(id);
        Assert.Equal(("ours", "raw", "bare"), (Text(shown, "name"), Text(shown, "disk_format"), Text(shown, "container_format")));
        Assert.Equal(("scsi", "linux"), (Text(shown, "hw_disk_bus"), Text(shown, "os_type")));
        Assert.False(shown.TryGetProperty("note", out _));
        Assert.Equal((Size, PatternContent.Md5(Size)), await here.DownloadAsync(id));
        Assert.Equal(Text(await there.ShowAsync(source), "os_hash_value"), Text(shown, "os_hash_value"));
    }

    /// <summary>What the task says whose import fails; the image is as before.</summary>
    private async Task<string> FailureAsync(GatewayProcess gateway, ImagesClient here, string token, string region, string source, string face = "public")
    {
        var id = await here.CreateAsync("fails");
        await ImportAsync(gateway, token, id, region, source, face);
        await Eventually.TrueAsync("the import fails", patience, async () => await here.StateAsync(id) == "queued");
        using var answer = await keystone.SendAsync(HttpMethod.Get, $"/v2/images/{id}/tasks", token, other: gateway);
        var task = JsonElement.Parse(await answer.Content.ReadAsStringAsync(Token)).GetProperty("tasks")[0];
        Assert.Equal("failure", Text(task, "status"));
        return Text(task, "message");
    }

    private async Task ImportAsync(GatewayProcess gateway, string token, string id, string region, string source, string face = "public")
    {
        using var request = new StringContent(
            $$$"""{"method":{"name":"glance-download","glance_region":"{{{region}}}","glance_image_id":"{{{source}}}","glance_service_interface":"{{{face}}}"}}""",
            Encoding.UTF8, "application/json");
        using var answer = await keystone.SendAsync(HttpMethod.Post, $"/v2/images/{id}/import", token, request, other: gateway);
        Assert.True(answer.StatusCode == HttpStatusCode.Accepted, await answer.Content.ReadAsStringAsync(Token));
    }

    private static string Text(JsonElement json, string name) => json.GetProperty(name).GetString()!;

    private static bool Holds(string file, string text)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.GetBuffer().AsSpan(0, (int)copy.Length).IndexOf(Encoding.ASCII.GetBytes(text)) >= 0;
    }
}
