using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>A real Keystone and a gateway that asks it, registered as the image endpoint of its catalogue. Started by the first test that wants it.</summary>
public sealed class KeystoneServer : IAsyncDisposable
{
    private readonly TempDirectory directory = new();
    private readonly HttpClient http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromMinutes(5) };
    private readonly Lazy<Task> start;
    private readonly int port = FreePorts.First();
    private readonly int swiftPorts = FreePorts.First(5);
    private Dictionary<string, string> settings = [];
    private GatewayProcess? gateway;

    public KeystoneServer() => start = new(StartAllAsync);

    public Uri Url => new(settings["OS_AUTH_URL"]);

    public GatewayProcess Gateway => gateway ?? throw new InvalidOperationException("nothing was started");

    /// <summary>A path of its own.</summary>
    public string this[string name] => directory[name];

    /// <summary>Starts everything once; skips where it cannot run.</summary>
    public async Task StartedAsync()
    {
        Requires.Need(Environment.IsPrivilegedProcess, "a real Keystone is started as root only");
        Requires.Programs("keystone-manage", "keystone-wsgi-public", "uwsgi", "curl", "openstack");
        await start.Value;
    }

    /// <summary>Ends Keystone; <see cref="StartAsync"/> brings it back with the same users and tokens.</summary>
    public async Task StopAsync() => (await RunAsync("stop")).Succeeded();

    public async Task StartAsync()
    {
        var started = (await RunAsync("start")).Succeeded();
        settings = started.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);
    }

    /// <summary>Starts another gateway, with these lines below <c>identity</c>.</summary>
    public async Task<GatewayProcess> StartGatewayAsync(string name, string identity)
    {
        var file = directory[$"{name}.yaml"];
        // Keystone is slow on a machine that has much else to do.
        await File.WriteAllTextAsync(file, $"identity:\n  mode: keystone\n  timeout: 60s\n  auth_url: {Url}\n{identity}\n");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return await GatewayProcess.StartAsync(directory[name], "--config", file);
    }

    /// <summary>Starts the Swift that the catalogue names.</summary>
    internal Task<ServerScript> StartSwiftAsync() => ServerScript.StartAsync("swift", new()
    {
        ["SWIFT_PORT_BASE"] = swiftPorts.ToString(CultureInfo.InvariantCulture),
        ["SWIFT_KEY"] = Guid.NewGuid().ToString("N"),
        ["SWIFT_KEYSTONE_URL"] = Url.ToString(),
        ["SWIFT_KEYSTONE_PASSWORD"] = "swiftsecret",
    });

    /// <summary>Runs the unified client as one of Keystone's users, whose password is known.</summary>
    public Task<CommandResult> OpenStackAsync(string user, string project, params string[] arguments) =>
        Command.RunAsync("openstack", arguments, EnvironmentOf(user, project), TimeSpan.FromMinutes(2));

    /// <summary>The environment in which a client is one of Keystone's users.</summary>
    public Dictionary<string, string> EnvironmentOf(string user, string project) => new(settings)
    {
        ["OS_USERNAME"] = user,
        ["OS_PASSWORD"] = $"{user}secret",
        ["OS_PROJECT_NAME"] = project,
        ["HOME"] = directory.Path,
        ["LC_ALL"] = "C.UTF-8",
    };

    /// <summary>A token of a user.</summary>
    /// <param name="user">The user.</param>
    /// <param name="scope">A project's name, <c>system</c>, or null for a token without scope.</param>
    public Task<string> TokenAsync(string user, string? scope)
    {
        var domain = new JsonObject { ["name"] = "Default" };
        var identity = new JsonObject
        {
            ["methods"] = new JsonArray("password"),
            ["password"] = new JsonObject { ["user"] = new JsonObject { ["name"] = user, ["domain"] = domain, ["password"] = $"{user}secret" } },
        };
        JsonNode scoped = scope switch
        {
            null => "unscoped",
            "system" => new JsonObject { ["system"] = new JsonObject { ["all"] = true } },
            _ => new JsonObject { ["project"] = new JsonObject { ["name"] = scope, ["domain"] = domain.DeepClone() } },
        };
        return LogInAsync(new JsonObject { ["identity"] = identity, ["scope"] = scoped });
    }

    /// <summary>Makes an application credential.</summary>
    public async Task<(string Id, string Secret)> ApplicationCredentialAsync(string token, DateTimeOffset? expires = null, JsonArray? rules = null)
    {
        var self = await CallAsync(HttpMethod.Get, "auth/tokens", token, subject: token);
        var wanted = new JsonObject { ["name"] = Guid.NewGuid().ToString() };
        if (expires is { } time)
        {
            wanted["expires_at"] = time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff", CultureInfo.InvariantCulture);
        }

        if (rules is not null)
        {
            wanted["access_rules"] = rules;
        }

        var made = await CallAsync(
            HttpMethod.Post, $"users/{self["token"]!["user"]!["id"]}/application_credentials", token, new JsonObject { ["application_credential"] = wanted });
        return (made["application_credential"]!["id"]!.ToString(), made["application_credential"]!["secret"]!.ToString());
    }

    /// <summary>A token by an application credential: it ends with the credential.</summary>
    public Task<string> TokenOfAsync((string Id, string Secret) credential) => LogInAsync(new JsonObject
    {
        ["identity"] = new JsonObject
        {
            ["methods"] = new JsonArray("application_credential"),
            ["application_credential"] = new JsonObject { ["id"] = credential.Id, ["secret"] = credential.Secret },
        },
    });

    /// <summary>Asks a gateway.</summary>
    public async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, string token, HttpContent? content = null, string? serviceToken = null, GatewayProcess? other = null)
    {
        using var request = new HttpRequestMessage(method, new Uri((other ?? Gateway).Address, path)) { Content = content };
        request.Headers.Add("X-Auth-Token", token);
        if (serviceToken is not null)
        {
            request.Headers.Add("X-Service-Token", serviceToken);
        }

        return await http.SendAsync(request);
    }

    public async Task<HttpStatusCode> StatusAsync(
        HttpMethod method, string path, string token, string? serviceToken = null, GatewayProcess? other = null)
    {
        using var response = await SendAsync(method, path, token, serviceToken: serviceToken, other: other);
        return response.StatusCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (gateway is not null)
        {
            await gateway.DisposeAsync();
        }

        if (start.IsValueCreated)
        {
            await RunAsync("stop");
        }

        http.Dispose();
        directory.Dispose();
    }

    private async Task StartAllAsync()
    {
        await StartAsync();
        gateway = await StartGatewayAsync("gateway", "  username: glance\n  password: glancesecret\n  project_name: service");
        await PublishAsync(gateway);
    }

    /// <summary>Makes a gateway the image endpoint of the catalogue.</summary>
    public async Task PublishAsync(GatewayProcess published)
    {
        var admin = await TokenAsync("admin", "admin");
        var services = await CallAsync(HttpMethod.Get, "services?type=image", admin);
        var endpoints = await CallAsync(HttpMethod.Get, $"endpoints?service_id={services["services"]![0]!["id"]}&region_id=RegionOne", admin);
        foreach (var endpoint in endpoints["endpoints"]!.AsArray())
        {
            var address = new JsonObject { ["endpoint"] = new JsonObject { ["url"] = published.Address.GetLeftPart(UriPartial.Authority) } };
            await CallAsync(HttpMethod.Patch, $"endpoints/{endpoint!["id"]}", admin, address);
        }
    }

    /// <summary>Puts the public address of a service into the catalogue; service and region are made if they are not there.</summary>
    public async Task RegisterAsync(string type, string region, string url)
    {
        var admin = await TokenAsync("admin", "admin");
        var services = await CallAsync(HttpMethod.Get, $"services?type={type}", admin);
        var service = services["services"] is JsonArray { Count: > 0 } found
            ? found[0]!
            : (await CallAsync(HttpMethod.Post, "services", admin, new JsonObject { ["service"] = new JsonObject { ["type"] = type, ["name"] = type } }))["service"]!;
        var regions = await CallAsync(HttpMethod.Get, "regions", admin);
        if (regions["regions"]!.AsArray().All(known => known!["id"]!.ToString() != region))
        {
            await CallAsync(HttpMethod.Post, "regions", admin, new JsonObject { ["region"] = new JsonObject { ["id"] = region } });
        }

        await CallAsync(HttpMethod.Post, "endpoints", admin, new JsonObject
        {
            ["endpoint"] = new JsonObject { ["service_id"] = service["id"]!.ToString(), ["interface"] = "public", ["url"] = url, ["region_id"] = region },
        });
    }

    private Task<CommandResult> RunAsync(string action) => Command.RunAsync(
        Path.Combine(RepositoryPaths.Root, "tests/servers/keystone.sh"),
        [action, directory["keystone"]],
        new Dictionary<string, string>
        {
            ["KEYSTONE_PORT"] = port.ToString(CultureInfo.InvariantCulture),
            ["KEYSTONE_SWIFT_URL"] = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{swiftPorts}"),
        },
        TimeSpan.FromMinutes(10));

    private async Task<string> LogInAsync(JsonObject auth)
    {
        using var response = await http.PostAsync(new Uri($"{Url}/auth/tokens?nocatalog"), Body(new JsonObject { ["auth"] = auth }));
        Assert.True(response.StatusCode == HttpStatusCode.Created, await response.Content.ReadAsStringAsync());
        return response.Headers.GetValues("X-Subject-Token").Single();
    }

    /// <summary>Asks Keystone something below <c>/v3</c>, and insists on success.</summary>
    public async Task<JsonNode> CallAsync(HttpMethod method, string path, string token, JsonNode? body = null, string? subject = null)
    {
        using var request = new HttpRequestMessage(method, new Uri($"{Url}/{path}")) { Content = body is null ? null : Body(body) };
        request.Headers.Add("X-Auth-Token", token);
        if (subject is not null)
        {
            request.Headers.Add("X-Subject-Token", subject);
        }

        using var response = await http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{method} {path}: {text}");
        return text.Length == 0 ? new JsonObject() : JsonNode.Parse(text)!;
    }

    // Of known length: uwsgi takes no chunked bodies.
    private static StringContent Body(JsonNode json) => new(json.ToJsonString(), System.Text.Encoding.UTF8, "application/json");
}
