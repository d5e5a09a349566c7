using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using GlanceGateway.Testing;

namespace GlanceGateway.Client.Tests;

/// <summary>Mounts that hear of changes from our gateways. Their polls are a minute apart, their sweeps an hour: what is seen sooner came by the feed.</summary>
public sealed class FeedMountTests(Service service) : IClassFixture<Service>, IDisposable
{
    /// <summary>What the feed takes a second or two for, on a loaded machine: still well below a poll.</summary>
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(30);

    private static readonly string[] s_slow = ["--poll-interval", "10m", "--sweep-interval", "1h"];

    private readonly TempDirectory _home = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task Images_appear_are_renamed_and_go_within_seconds_also_after_a_restart_of_the_gateway()
    {
        using FaultyProxy proxy = new(service.Gateway.Address);
        await using var mount = await RemoteMount.StartAsync(_home, [.. s_slow, proxy.Address.ToString()]);
        await FollowsByAsync(mount, "feed");
        var status = (await Command.RunAsync("dotnet", [Path.Combine(RepositoryPaths.Host, "glance-gateway.dll"), "mount", "status", mount.Directory], limit: TimeSpan.FromMinutes(2))).Succeeded();
        Assert.Contains($"changes as they happen, told by {proxy.Address}", status.Output, StringComparison.Ordinal);
        await ComesAndGoesAsync(mount, "before");

        // Asked to stop, it does not wait for those who wait.
        var lists = Lists(proxy);
        Assert.Equal(0, await service.Gateway.TerminateAsync(s_soon));
        await service.RestartAsync();
        proxy.Target = service.Gateway.Address;
        await FollowsByAsync(mount, "feed", TimeSpan.FromMinutes(2));
        await ComesAndGoesAsync(mount, "after");

        // The position that it had is good afterwards: nothing was listed as a whole.
        Assert.Equal(lists, Lists(proxy));
    }

    [Fact]
    public async Task A_feed_that_fails_is_replaced_by_polls_until_it_works_again()
    {
        using FaultyProxy proxy = new(service.Gateway.Address) { FeedGives = 429 };
        await using var mount = await RemoteMount.StartAsync(_home, "--poll-interval", "2s", "--sweep-interval", "1h", proxy.Address.ToString());
        await FollowsByAsync(mount, "polls");
        var follows = (await mount.StatusAsync()).GetProperty("source").GetProperty("follows");
        Assert.Contains("429", follows.GetProperty("why_not_by_feed").GetString(), StringComparison.Ordinal);
        var first = await service.AddAsync("by a poll", 5000);
        await mount.EventuallyAsync(() => mount.Shows(first.Id), "the image is not shown without the feed");
        Assert.True((await mount.StatusAsync()).GetProperty("source").GetProperty("reachable").GetBoolean());

        proxy.FeedGives = null;
        await FollowsByAsync(mount, "feed");
        await ComesAndGoesAsync(mount, "by the feed");

        // Refused, as by an endpoint over another registry: everything is listed, and followed from there.
        var lists = Lists(proxy);
        proxy.RefusesNextPosition = true;
        await service.DeleteAsync(first.Id);
        await mount.EventuallyAsync(() => !mount.Shows(first.Id), "the deleted image is still shown", s_soon);
        await mount.EventuallyAsync(() => !proxy.RefusesNextPosition, "the feed was not asked", TimeSpan.FromMinutes(2));
        await mount.EventuallyAsync(() => Lists(proxy) > lists, "nothing was listed after the refusal");
        await ComesAndGoesAsync(mount, "after the refusal");
    }

    [Fact]
    public async Task A_share_that_is_revoked_is_gone_within_seconds_and_other_images_stay()
    {
        Directory.CreateDirectory(_home.Path);
        var tokens = _home["tokens.yaml"];
        await File.WriteAllTextAsync(
            tokens,
            "tokens:\n- { token: token-of-the-owner-0, project: owner, roles: [member] }\n- { token: token-of-the-member, project: sharee, roles: [member] }\n- { token: token-of-the-admin-0, project: ops, roles: [admin] }\n",
            Token);
        File.SetUnixFileMode(tokens, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await File.WriteAllTextAsync(_home["gateway.yaml"], $"identity: {{ mode: tokens, file: {tokens} }}\nmetadefs: {{ load_defaults: false }}\n", Token);
        await using var gateway = await GatewayProcess.StartAsync(_home["data"], "--config", _home["gateway.yaml"]);
        using var owner = Client("token-of-the-owner-0");
        using var member = Client("token-of-the-member");
        using var admin = Client("token-of-the-admin-0");
        var shared = await Service.AddAsync(owner, gateway.Address, "shared", 3000);
        var open = await Service.AddAsync(admin, gateway.Address, "open", 3000);
        await PatchAsync(admin, open.Id, "public");
        var own = await Service.AddAsync(member, gateway.Address, "own", 3000);
        await using var mount = await RemoteMount.StartAsync(
            _home, new Dictionary<string, string> { ["OS_AUTH_TYPE"] = "admin_token", ["OS_TOKEN"] = "token-of-the-member" }, [.. s_slow, gateway.Address.ToString()]);
        await FollowsByAsync(mount, "feed");
        await mount.EventuallyAsync(() => mount.Shows(own.Id) && mount.Shows(open.Id), "images are not shown");
        Assert.False(mount.Shows(shared.Id));

        await SendAsync(owner, HttpMethod.Post, $"v2/images/{shared.Id}/members", new { member = "sharee" });
        await SendAsync(member, HttpMethod.Put, $"v2/images/{shared.Id}/members/sharee", new { status = "accepted" });
        await mount.EventuallyAsync(() => mount.Shows(shared.Id), "the shared image is not shown", s_soon);
        await SendAsync(owner, HttpMethod.Delete, $"v2/images/{shared.Id}/members/sharee");
        await mount.EventuallyAsync(() => !mount.Shows(shared.Id), "the image is shown though its share was revoked", s_soon);
        await PatchAsync(admin, open.Id, "private");
        await mount.EventuallyAsync(() => !mount.Shows(open.Id), "the image is shown though it is private now", s_soon);
        Assert.True(mount.Shows(own.Id));

        HttpClient Client(string token)
        {
            HttpClient http = new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = gateway.Address };
            http.DefaultRequestHeaders.Add("X-Auth-Token", token);
            return http;
        }
    }

    private static async Task PatchAsync(HttpClient http, string id, string visibility)
    {
        using HttpRequestMessage request = new(HttpMethod.Patch, $"v2/images/{id}")
        {
            Content = new StringContent(
                new JsonArray(new JsonObject { ["op"] = "replace", ["path"] = "/visibility", ["value"] = visibility }).ToJsonString(),
                new System.Net.Http.Headers.MediaTypeHeaderValue("application/openstack-images-v2.1-json-patch")),
        };
        using var answer = await http.SendAsync(request, Token);
        answer.EnsureSuccessStatusCode();
    }

    private static async Task SendAsync(HttpClient http, HttpMethod method, string path, object? body = null)
    {
        using HttpRequestMessage request = new(method, path) { Content = body is null ? null : JsonContent.Create(body) };
        using var answer = await http.SendAsync(request, Token);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>Lists of everything.</summary>
    private static int Lists(FaultyProxy proxy) => proxy.Requests.Count(request =>
        request.Contains("/v2/images?", StringComparison.Ordinal) && !request.Contains("id=in:", StringComparison.Ordinal) && !request.Contains("updated_at=", StringComparison.Ordinal)
        && !request.Contains("os_hidden", StringComparison.Ordinal));

    private static Task FollowsByAsync(RemoteMount mount, string by, TimeSpan? limit = null) => mount.EventuallyAsync(
        async () => (await mount.StatusAsync()).GetProperty("source").GetProperty("follows").GetProperty("by").GetString() == by, $"it does not follow by {by}", limit);

    private async Task ComesAndGoesAsync(RemoteMount mount, string name)
    {
        var sample = await service.AddAsync(name, 5000);
        await mount.EventuallyAsync(() => mount.Shows(sample.Id), "the new image is not shown", s_soon);
        await service.RenameAsync(sample.Id, $"{name} renamed");
        await mount.EventuallyAsync(() => File.Exists(Path.Combine(mount.Directory, $"by-name/default/{name} renamed")), "the new name is not shown", s_soon);
        await service.DeleteAsync(sample.Id);
        await mount.EventuallyAsync(() => !mount.Shows(sample.Id), "the deleted image is still shown", s_soon);
    }
}
