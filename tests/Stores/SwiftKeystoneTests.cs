using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.Swift;
using GlanceGateway.Stores.Tests.Conformance;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests;

/// <summary>The Swift driver in front of a real Swift that asks a real Keystone who its users are.</summary>
public sealed class SwiftKeystoneTests : IAsyncLifetime
{
    private SwiftServer _server = null!;
    private readonly TempDirectory _root = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _server = await SharedSwiftServer.GetWithKeystoneAsync();

    public ValueTask DisposeAsync()
    {
        _root.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task User_with_a_password_stores_in_the_account_of_the_project()
    {
        await using var driver = await OpenAsync(("username", "demo"), ("password", "demosecret"), ("project_name", "demo"));

        await AssertWorksAsync(driver);
    }

    [Fact]
    public async Task Application_credential_needs_no_project_and_ends_when_it_is_revoked()
    {
        var (id, secret, revoke) = await MakeCredentialAsync();
        await using (var driver = await OpenAsync(("application_credential_id", id), ("application_credential_secret", secret)))
            await AssertWorksAsync(driver);

        await revoke();

        var fault = await Assert.ThrowsAsync<StoreException>(() => OpenAsync(("application_credential_id", id), ("application_credential_secret", secret)));
        Assert.Equal(StoreError.Misconfigured, fault.Error);
        Assert.DoesNotContain(secret, fault.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("username", "nobody", "username")]
    [InlineData("password", "wrong-4711", "password")]
    [InlineData("project_name", "alt", "project_name")]
    [InlineData("username", "reader", "answered 403")]
    [InlineData("region", "RegionTwo", "region 'RegionTwo'")]
    public async Task What_does_not_log_in_or_may_not_write_is_refused_by_name(string option, string value, string named)
    {
        var options = new Dictionary<string, object?> { ["username"] = "demo", ["password"] = "demosecret", ["project_name"] = "demo" };
        options[option] = value;
        if (value == "reader")
            options["password"] = "readersecret";

        var fault = await Assert.ThrowsAsync<StoreException>(() => OpenAsync([.. options.Select(pair => (pair.Key, pair.Value))]));

        Assert.Equal(StoreError.Misconfigured, fault.Error);
        Assert.Contains(named, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("4711", fault.ToString(), StringComparison.Ordinal);
    }

    private static async Task AssertWorksAsync(IStorageDriver driver)
    {
        // Several segments: each is a request with the token.
        var bytes = new byte[700_000];
        new Random(5).NextBytes(bytes);
        var stored = await Live.LiveStores.StoreAsync(driver, bytes);

        Assert.Equal(bytes, await Live.LiveStores.ReadAsync(driver, stored.Location));
        Assert.Equal(StoreOutcome.Ok, await driver.DeleteAsync(stored.Location, Cancel));
    }

    private async Task<IStorageDriver> OpenAsync(params (string Name, object? Value)[] options)
    {
        var factory = new SwiftDriverFactory();
        var all = new Dictionary<string, object?>
        {
            ["auth_url"] = _server.KeystoneUrl,
            ["container"] = $"glance-{Guid.NewGuid():N}",
            ["create_container"] = true,
            ["segment_size"] = "256KiB",
        };
        foreach (var (name, value) in options)
            all[name] = value;
        return await factory.CreateAsync(OptionReader.Read(factory.Options, all), new StoreContext("tested", _root.Path, TimeProvider.System, Quiet.Logger), Cancel);
    }

    // Made by the user for himself, as 'openstack application credential create' does.
    private async Task<(string Id, string Secret, Func<Task> Revoke)> MakeCredentialAsync()
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        var (token, _, _) = await _server.LogInAsync("demo", "demo");
        using var asking = new HttpRequestMessage(HttpMethod.Get, $"{_server.KeystoneUrl}/auth/tokens") { Headers = { { "X-Auth-Token", token }, { "X-Subject-Token", token } } };
        using var asked = await http.SendAsync(asking, Cancel);
        var user = (await asked.Content.ReadFromJsonAsync<JsonObject>(Cancel))!["token"]!["user"]!["id"]!.ToString();
        var address = $"{_server.KeystoneUrl}/users/{user}/application_credentials";
        using var making = new HttpRequestMessage(HttpMethod.Post, address)
        {
            Content = Body(new JsonObject { ["application_credential"] = new JsonObject { ["name"] = Guid.NewGuid().ToString() } }),
            Headers = { { "X-Auth-Token", token } },
        };
        using var made = await http.SendAsync(making, Cancel);
        var credential = (await made.Content.ReadFromJsonAsync<JsonObject>(Cancel))!["application_credential"]!;
        var id = credential["id"]!.ToString();
        return (id, credential["secret"]!.ToString(), async () =>
        {
            using var again = new HttpClient(new SocketsHttpHandler { UseProxy = false });
            using var revoking = new HttpRequestMessage(HttpMethod.Delete, $"{address}/{id}") { Headers = { { "X-Auth-Token", token } } };
            using var gone = await again.SendAsync(revoking, Cancel);
            Assert.Equal(HttpStatusCode.NoContent, gone.StatusCode);
        });
    }

    // Of known length: uwsgi takes no chunked bodies.
    private static StringContent Body(JsonNode json) => new(json.ToJsonString(), System.Text.Encoding.UTF8, "application/json");
}
