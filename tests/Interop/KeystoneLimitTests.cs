using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>Limits that a real Keystone keeps.</summary>
public sealed class KeystoneLimitTests(KeystoneServer keystone) : IAsyncLifetime
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => await keystone.StartedAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Registered_limits_hold_for_every_project_and_a_projects_own_over_them()
    {
        var admin = await keystone.TokenAsync("admin", "system");
        var service = await IdAsync(admin, "services?type=image", "services");
        var user = await IdAsync(admin, "users?name=glance", "users");
        var reader = await IdAsync(admin, "roles?name=reader", "roles");
        var project = await IdAsync(admin, "projects?name=alt", "projects");
        await keystone.CallAsync(HttpMethod.Put, $"system/users/{user}/roles/{reader}", admin);
        await keystone.CallAsync(HttpMethod.Post, "registered_limits", admin, JsonNode.Parse($$"""
            {"registered_limits":[
                {"service_id":"{{service}}","resource_name":"image_size_total","default_limit":1},
                {"service_id":"{{service}}","resource_name":"image_stage_total","default_limit":5},
                {"service_id":"{{service}}","resource_name":"image_count_total","default_limit":2},
                {"service_id":"{{service}}","resource_name":"image_count_uploading","default_limit":-1}]}
            """));
        await keystone.CallAsync(HttpMethod.Post, "limits", admin, JsonNode.Parse(
            $$"""{"limits":[{"service_id":"{{service}}","project_id":"{{project}}","resource_name":"image_count_total","resource_limit":3}]}"""));
        await using var gateway = await keystone.StartGatewayAsync(
            "limited", "  username: glance\n  password: glancesecret\n  project_name: service\nquotas:\n  keystone: true");

        var demo = await keystone.TokenAsync("demo", "demo");
        var id = await CreateAsync(gateway, demo);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, await UploadAsync(gateway, demo, id, (1 << 20) + 1));
        Assert.Equal(HttpStatusCode.NoContent, await UploadAsync(gateway, demo, id, 1 << 20));
        await CreateAsync(gateway, demo);
        using (var refused = await PostAsync(gateway, demo))
        {
            Assert.Equal(HttpStatusCode.RequestEntityTooLarge, refused.StatusCode);
            Assert.Contains("[Resource image_count_total is over limit of 2 due to current usage 2 and delta 1]", await refused.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        }

        using var usage = await keystone.SendAsync(HttpMethod.Get, "/v2/info/usage", demo, other: gateway);
        Assert.Equal(
            """{"usage":{"image_size_total":{"usage":1,"limit":1},"image_stage_total":{"usage":0,"limit":5},"image_count_total":{"usage":2,"limit":2},"image_count_uploading":{"usage":0,"limit":-1}}}""",
            await usage.Content.ReadAsStringAsync(Cancel));

        var alt = await keystone.TokenAsync("alt", "alt");
        for (var i = 0; i < 3; i++)
        {
            await CreateAsync(gateway, alt);
        }

        using var fourth = await PostAsync(gateway, alt);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, fourth.StatusCode);
    }

    private async Task<string> IdAsync(string token, string path, string list) =>
        (await keystone.CallAsync(HttpMethod.Get, path, token))[list]![0]!["id"]!.ToString();

    private Task<HttpResponseMessage> PostAsync(GatewayProcess gateway, string token) => keystone.SendAsync(
        HttpMethod.Post, "/v2/images", token, new StringContent("""{"disk_format":"raw","container_format":"bare"}"""), other: gateway);

    private async Task<string> CreateAsync(GatewayProcess gateway, string token)
    {
        using var created = await PostAsync(gateway, token);
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        return JsonElement.Parse(await created.Content.ReadAsStringAsync(Cancel)).GetProperty("id").GetString()!;
    }

    private async Task<HttpStatusCode> UploadAsync(GatewayProcess gateway, string token, string id, int size)
    {
        using var content = new ByteArrayContent(new byte[size]);
        content.Headers.ContentType = new("application/octet-stream");
        using var answer = await keystone.SendAsync(HttpMethod.Put, $"/v2/images/{id}/file", token, content, other: gateway);
        return answer.StatusCode;
    }
}
