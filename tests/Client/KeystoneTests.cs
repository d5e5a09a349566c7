using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using GlanceGateway.Abstractions;
using GlanceGateway.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Client.Tests;

/// <summary>Log-in at a real Keystone, whose catalogue names a gateway that asks the same Keystone.</summary>
public sealed class KeystoneTests : IAsyncLifetime
{
    private readonly TempDirectory _directory = new();
    private readonly HttpClient _http = ClientHttp.Create(new ClientOptions(), NullLogger.Instance);
    private readonly int _port = FreePorts.First();
    // The catalogue must name the gateway before that has a port.
    private readonly FaultyProxy _proxy = new(new Uri("http://127.0.0.1:1/"));
    private GatewayProcess? _gateway;
    private bool _isStarted;

    private string AuthUrl => $"http://127.0.0.1:{_port}/v3";

    public async ValueTask InitializeAsync()
    {
        Requires.Need(Environment.IsPrivilegedProcess, "a real Keystone is started as root only");
        Requires.Programs("keystone-manage", "keystone-wsgi-public", "uwsgi", "curl");
        _isStarted = true;
        (await RunAsync("start")).Succeeded();
        var file = _directory["gateway.yaml"];
        await File.WriteAllTextAsync(file, $"identity:\n  mode: keystone\n  auth_url: {AuthUrl}\n  username: glance\n  password: glancesecret\n  project_name: service\n");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        _gateway = await GatewayProcess.StartAsync(_directory["data"], "--config", file);
        _proxy.Target = _gateway.Address;
    }

    [Fact]
    public async Task Passwords_tokens_and_application_credentials_log_in_and_a_revoked_token_is_replaced_once()
    {
        var cancel = TestContext.Current.CancellationToken;
        using var password = Login(("username", "demo"), ("password", "demosecret"), ("project_name", "demo"));
        Assert.Equal(_proxy.Address.ToString(), (await password.GetAsync(cancel)).Endpoints.Single().ToString());
        var client = new ImagesClient(_http, password, new ClientOptions(), TimeProvider.System, NullLogger.Instance);
        Assert.Null(await client.ShowAsync(Guid.NewGuid().ToString(), cancellationToken: cancel));

        // A token that its owner gave up is refused; the client logs in anew and nobody sees it. Both caches know nothing of it yet.
        var before = (await password.GetAsync(cancel)).Token!;
        using var second = Login(("username", "demo"), ("password", "demosecret"), ("project_name", "demo"));
        var revoked = (await second.GetAsync(cancel)).Token!;
        await RevokeAsync(revoked, before);
        var renewing = new ImagesClient(_http, second, new ClientOptions(), TimeProvider.System, NullLogger.Instance);
        Assert.Null(await renewing.ShowAsync(Guid.NewGuid().ToString(), cancellationToken: cancel));
        Assert.NotEqual(revoked, (await second.GetAsync(cancel)).Token);

        // A token that cannot be replaced is an answer.
        var stuck = new ImagesClient(_http, new FixedLogin([_gateway!.Address], revoked), new ClientOptions(), TimeProvider.System, NullLogger.Instance);
        var refused = await Assert.ThrowsAsync<StoreException>(() => stuck.ShowAsync(Guid.NewGuid().ToString(), cancellationToken: cancel));
        Assert.Equal(StoreError.Misconfigured, refused.Error);
        Assert.DoesNotContain(revoked, refused.ToString(), StringComparison.Ordinal);

        var (id, secret) = await ApplicationCredentialAsync(before);
        using var application = Login(("application_credential_id", id), ("application_credential_secret", secret));
        Assert.NotNull((await application.GetAsync(cancel)).Token);
        using var token = Login(("token", before), ("project_name", "demo"));
        Assert.NotNull((await token.GetAsync(cancel)).Token);

        using var wrong = Login(("username", "demo"), ("password", "geheim"), ("project_name", "demo"));
        var fault = await Assert.ThrowsAsync<StoreException>(async () => await wrong.GetAsync(cancel));
        Assert.Equal(StoreError.Misconfigured, fault.Error);
        Assert.Contains("user demo", fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("geheim", fault.ToString(), StringComparison.Ordinal);
        using var elsewhere = Login(("username", "demo"), ("password", "demosecret"), ("project_name", "demo"), ("region_name", "Nowhere"));
        Assert.Contains("in region Nowhere", (await Assert.ThrowsAsync<StoreException>(async () => await elsewhere.GetAsync(cancel))).Message, StringComparison.Ordinal);
    }

    public async ValueTask DisposeAsync()
    {
        if (_gateway is not null)
            await _gateway.DisposeAsync();
        if (_isStarted)
            await RunAsync("stop");
        _proxy.Dispose();
        _http.Dispose();
        _directory.Dispose();
    }

    private KeystoneLogin Login(params (string Key, string Value)[] values)
    {
        CloudSettings cloud = new("test", [KeyValuePair.Create("auth_url", AuthUrl), .. values.Select(pair => KeyValuePair.Create(pair.Key, pair.Value))]);
        return Assert.IsType<KeystoneLogin>(cloud.ToLogin([], _http, new ClientOptions(), TimeProvider.System, NullLogger.Instance));
    }

    private async Task RevokeAsync(string token, string by)
    {
        using HttpRequestMessage request = new(HttpMethod.Delete, new Uri($"{AuthUrl}/auth/tokens"));
        request.Headers.Add("X-Auth-Token", by);
        request.Headers.Add("X-Subject-Token", token);
        using var answer = await _http.SendAsync(request);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
    }

    private async Task<(string Id, string Secret)> ApplicationCredentialAsync(string token)
    {
        using HttpRequestMessage who = new(HttpMethod.Get, new Uri($"{AuthUrl}/auth/tokens?nocatalog"));
        who.Headers.Add("X-Auth-Token", token);
        who.Headers.Add("X-Subject-Token", token);
        using var self = await _http.SendAsync(who);
        var user = (await self.Content.ReadFromJsonAsync<JsonObject>())!["token"]!["user"]!["id"]!.ToString();
        using HttpRequestMessage make = new(HttpMethod.Post, new Uri($"{AuthUrl}/users/{user}/application_credentials"))
        {
            // Of known length: uwsgi takes no chunked bodies.
            Content = new StringContent("""{"application_credential":{"name":"mount"}}""", System.Text.Encoding.UTF8, "application/json"),
        };
        make.Headers.Add("X-Auth-Token", token);
        using var made = await _http.SendAsync(make);
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        var credential = (await made.Content.ReadFromJsonAsync<JsonObject>())!["application_credential"]!;
        return (credential["id"]!.ToString(), credential["secret"]!.ToString());
    }

    private Task<CommandResult> RunAsync(string action) => Command.RunAsync(
        Path.Combine(RepositoryPaths.Root, "tests/servers/keystone.sh"),
        [action, _directory["keystone"]],
        new Dictionary<string, string>
        {
            ["KEYSTONE_PORT"] = _port.ToString(CultureInfo.InvariantCulture), ["KEYSTONE_IMAGE_URL"] = _proxy.Address.ToString(),
        },
        TimeSpan.FromMinutes(4));
}
