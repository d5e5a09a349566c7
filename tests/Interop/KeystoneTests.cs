using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>The gateway as an OpenStack service: a real Keystone, its users, and the unified client that finds the gateway in the catalogue.</summary>
public sealed class KeystoneTests(KeystoneServer keystone) : IAsyncLifetime
{
    public async ValueTask InitializeAsync() => await keystone.StartedAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Users_work_with_the_openstack_client_as_far_as_their_roles_go()
    {
        var data = RandomNumberGenerator.GetBytes(3_000_001);
        await File.WriteAllBytesAsync(keystone["disk.img"], data, TestContext.Current.CancellationToken);

        var created = JsonOf(await keystone.OpenStackAsync("demo", "demo", "image", "create", "--file", keystone["disk.img"], "--disk-format", "raw", "-f", "json", "disk"));
        var id = created.GetProperty("id").GetString()!;

        // The client prints the image as it was before the upload; the list shows it as it is.
        var listed = JsonOf(await keystone.OpenStackAsync("reader", "demo", "image", "list", "-f", "json"));
        Assert.Equal("active", listed.EnumerateArray().Single(image => image.GetProperty("ID").GetString() == id).GetProperty("Status").GetString());
        Refused("403", await keystone.OpenStackAsync("reader", "demo", "image", "create", "forbidden"));
        Refused("No Image found", await keystone.OpenStackAsync("alt", "alt", "image", "show", id));

        var altProject = (await keystone.OpenStackAsync("admin", "admin", "project", "show", "alt", "-f", "value", "-c", "id")).Succeeded().Output.Trim();
        (await keystone.OpenStackAsync("demo", "demo", "image", "add", "project", id, altProject)).Succeeded();
        (await keystone.OpenStackAsync("alt", "alt", "image", "set", "--accept", id)).Succeeded();
        (await keystone.OpenStackAsync("alt", "alt", "image", "save", "--file", keystone["saved.img"], id)).Succeeded();
        Assert.Equal(data, await File.ReadAllBytesAsync(keystone["saved.img"], TestContext.Current.CancellationToken));
        Refused("403", await keystone.OpenStackAsync("alt", "alt", "image", "set", "--name", "mine", id));

        (await keystone.OpenStackAsync("admin", "admin", "image", "set", "--public", id)).Succeeded();
        var shown = JsonOf(await keystone.OpenStackAsync("demo", "demo", "image", "show", id, "-f", "json"));
        Assert.Equal("public", shown.GetProperty("visibility").GetString());
        Assert.NotEqual(altProject, shown.GetProperty("owner").GetString());
        (await keystone.OpenStackAsync("demo", "demo", "image", "delete", id)).Succeeded();
    }

    [Fact]
    public async Task Only_tokens_of_a_project_that_Keystone_confirms_are_taken()
    {
        Assert.Equal(HttpStatusCode.OK, await ListAsync(await keystone.TokenAsync("reader", "demo")));
        Assert.Equal(HttpStatusCode.Forbidden, await ListAsync(await keystone.TokenAsync("admin", "system")));
        Assert.Equal(HttpStatusCode.Forbidden, await ListAsync(await keystone.TokenAsync("alt", null)));
        using var refused = await keystone.SendAsync(HttpMethod.Get, "/v2/images", "gAAAAABnothing");
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Equal($"Keystone uri=\"{keystone.Url}\"", refused.Headers.WwwAuthenticate.Single().ToString());
        Assert.DoesNotContain("gAAAA", keystone.Gateway.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_application_credential_reaches_no_further_than_its_access_rules()
    {
        var rules = new JsonArray(new JsonObject { ["service"] = "image", ["method"] = "GET", ["path"] = "/v2/images" });
        var token = await keystone.TokenOfAsync(await keystone.ApplicationCredentialAsync(await keystone.TokenAsync("demo", "demo"), rules: rules));
        Assert.Equal(HttpStatusCode.OK, await ListAsync(token));
        Assert.Equal(HttpStatusCode.Unauthorized, await keystone.StatusAsync(HttpMethod.Get, $"/v2/images/{Guid.NewGuid()}", token));
        Assert.Equal(HttpStatusCode.Unauthorized, await keystone.StatusAsync(HttpMethod.Delete, "/v2/images", token));
        Assert.Equal(HttpStatusCode.NotFound, await keystone.StatusAsync(HttpMethod.Get, $"/v2/images/{Guid.NewGuid()}", token, serviceToken: await keystone.TokenAsync("glance", "service")));
    }

    [Fact]
    public async Task A_token_may_expire_while_it_carries_an_upload_and_a_service_may_use_it_after()
    {
        var clock = Stopwatch.StartNew();
        var owner = await keystone.TokenAsync("demo", "demo");
        using var made = await keystone.SendAsync(
            HttpMethod.Post, "/v2/images", owner, new StringContent("""{"name":"slow","disk_format":"raw","container_format":"bare"}""", null, "application/json"));
        var id = JsonElement.Parse(await made.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).GetProperty("id").GetString();

        // Long enough for Keystone, which has answered two questions so far, to answer five more.
        var life = Requires.FullCounts ? TimeSpan.FromSeconds(30) : TimeSpan.FromSeconds(3) + (4 * clock.Elapsed);
        var end = DateTimeOffset.UtcNow + life;
        var token = await keystone.TokenOfAsync(await keystone.ApplicationCredentialAsync(owner, end));
        using var content = new SlowContent(Requires.FullCounts ? TimeSpan.FromSeconds(90) : end - DateTimeOffset.UtcNow + TimeSpan.FromSeconds(2));
        using (var uploaded = await keystone.SendAsync(HttpMethod.Put, $"/v2/images/{id}/file", token, content))
        {
            Assert.Equal(HttpStatusCode.NoContent, uploaded.StatusCode);
        }

        Assert.True(DateTimeOffset.UtcNow > end);
        Assert.Equal(HttpStatusCode.Unauthorized, await ListAsync(token));
        Assert.Equal(HttpStatusCode.OK, await keystone.StatusAsync(HttpMethod.Get, $"/v2/images/{id}/file", token, serviceToken: await keystone.TokenAsync("glance", "service")));
        Assert.Equal(HttpStatusCode.Unauthorized, await keystone.StatusAsync(HttpMethod.Get, $"/v2/images/{id}/file", token, serviceToken: owner));
    }

    [Fact]
    public async Task Without_Keystone_known_tokens_go_on_working_and_others_wait_for_it()
    {
        var known = await keystone.TokenAsync("demo", "demo");
        var other = await keystone.TokenAsync("alt", "alt");
        Assert.Equal(HttpStatusCode.OK, await ListAsync(known));
        await keystone.StopAsync();
        try
        {
            Assert.Equal(HttpStatusCode.OK, await ListAsync(known));
            Assert.Equal(HttpStatusCode.ServiceUnavailable, await ListAsync(other));
        }
        finally
        {
            await keystone.StartAsync();
        }

        Assert.Equal(HttpStatusCode.OK, await ListAsync(other));
    }

    [Fact]
    public async Task The_gateway_itself_can_use_an_application_credential_from_a_file()
    {
        var (id, secret) = await keystone.ApplicationCredentialAsync(await keystone.TokenAsync("glance", "service"), DateTimeOffset.UtcNow.AddHours(1));
        await File.WriteAllTextAsync(keystone["secret"], secret + "\n", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(keystone["secret"], UnixFileMode.UserRead);
        await using var gateway = await keystone.StartGatewayAsync(
            "second", $"  application_credential_id: {id}\n  application_credential_secret_file: {keystone["secret"]}");
        Assert.Equal(HttpStatusCode.OK, await keystone.StatusAsync(HttpMethod.Get, "/v2/images", await keystone.TokenAsync("demo", "demo"), other: gateway));
        Assert.DoesNotContain(secret, gateway.Log, StringComparison.Ordinal);
    }

    private Task<HttpStatusCode> ListAsync(string token) => keystone.StatusAsync(HttpMethod.Get, "/v2/images", token);

    private static JsonElement JsonOf(CommandResult result) => JsonElement.Parse(result.Succeeded().Output);

    private static void Refused(string why, CommandResult result)
    {
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains(why, result.Error, StringComparison.Ordinal);
    }

    /// <summary>A kibibyte twice a second, for as long as it is told.</summary>
    private sealed class SlowContent : HttpContent
    {
        private readonly TimeSpan duration;

        public SlowContent(TimeSpan duration)
        {
            this.duration = duration;
            Headers.ContentType = new("application/octet-stream");
        }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            for (var clock = Stopwatch.StartNew(); clock.Elapsed < duration;)
            {
                await stream.WriteAsync(new byte[1024]);
                await stream.FlushAsync();
                await Task.Delay(TimeSpan.FromMilliseconds(500));
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
