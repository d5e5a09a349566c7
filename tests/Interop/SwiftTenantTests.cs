using System.Net;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>A gateway that keeps images in the Swift accounts of their projects, with a real Keystone and a real Swift.</summary>
public sealed class SwiftTenantTests(KeystoneServer keystone) : IAsyncLifetime
{
    private ServerScript? _swift;
    private GatewayProcess? _gateway;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        Requires.Programs("swift-proxy-server", "swift-account-server", "swift-container-server", "swift-object-server", "memcached");
        await keystone.StartedAsync();
        _swift = await keystone.StartSwiftAsync();
        _gateway = await keystone.StartGatewayAsync($"tenants-{Guid.NewGuid():N}", $$"""
              username: glance
              password: glancesecret
              project_name: service
            stores:
              swift:
                driver: swift
                auth_url: {{keystone.Url}}
                username: glance
                password: glancesecret
                project_name: service
                create_container: true
                multi_tenant: true
                segment_size: 1MiB
                default: true
            """);
    }

    public async ValueTask DisposeAsync()
    {
        if (_gateway is not null)
        {
            await _gateway.DisposeAsync();
        }

        if (_swift is not null)
        {
            await _swift.DisposeAsync();
        }
    }

    [Fact]
    public async Task An_image_lies_in_the_account_of_its_owner_whoever_uploads_it()
    {
        var (demo, alt, admin) = (await keystone.TokenAsync("demo", "demo"), await keystone.TokenAsync("alt", "alt"), await keystone.TokenAsync("admin", "admin"));
        var (large, small) = (RandomNumberGenerator.GetBytes(2_500_000), RandomNumberGenerator.GetBytes(1000));
        var (demos, alts) = (await CreateAsync(demo), await CreateAsync(alt));

        // An administrator's upload into another project's image is that project's.
        await PutAsync(demo, demos, large);
        await PutAsync(admin, alts, small);

        Assert.Equal(large, await GetAsync(demo, demos));
        Assert.Equal(small, await GetAsync(alt, alts));
        Assert.Equal([$"glance_{demos}"], await ContainersAsync(demo));
        Assert.Equal([$"glance_{alts}"], await ContainersAsync(alt));
        foreach (var (token, id) in new[] { (demo, demos), (alt, alts) })
        {
            using var deleted = await keystone.SendAsync(HttpMethod.Delete, $"/v2/images/{id}", token, other: _gateway);
            Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
            Assert.Empty(await ContainersAsync(token));
        }
    }

    private async Task<string> CreateAsync(string token)
    {
        using var made = await keystone.SendAsync(
            HttpMethod.Post, "/v2/images", token, new StringContent("""{"name":"disk","disk_format":"raw","container_format":"bare"}""", null, "application/json"), other: _gateway);
        return JsonNode.Parse(await made.Content.ReadAsStringAsync(Cancel))!["id"]!.ToString();
    }

    private async Task PutAsync(string token, string id, byte[] data)
    {
        using var body = new ByteArrayContent(data) { Headers = { ContentType = new("application/octet-stream") } };
        using var put = await keystone.SendAsync(HttpMethod.Put, $"/v2/images/{id}/file", token, body, other: _gateway);
        Assert.True(put.StatusCode == HttpStatusCode.NoContent, await put.Content.ReadAsStringAsync(Cancel));
    }

    private async Task<byte[]> GetAsync(string token, string id)
    {
        using var got = await keystone.SendAsync(HttpMethod.Get, $"/v2/images/{id}/file", token, other: _gateway);
        Assert.Equal(HttpStatusCode.OK, got.StatusCode);
        return await got.Content.ReadAsByteArrayAsync(Cancel);
    }

    // As the project sees its account.
    private async Task<string[]> ContainersAsync(string token)
    {
        var project = (await keystone.CallAsync(HttpMethod.Get, "auth/tokens", token, subject: token))["token"]!["project"]!["id"]!;
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{new Uri(_swift!.Settings["SWIFT_STORAGE_URL"]).GetLeftPart(UriPartial.Authority)}/v1/KEY_{project}?prefix=glance_");
        request.Headers.Add("X-Auth-Token", token);
        using var listed = await http.SendAsync(request, Cancel);
        Assert.True(listed.IsSuccessStatusCode, listed.StatusCode.ToString());
        return (await listed.Content.ReadAsStringAsync(Cancel)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
