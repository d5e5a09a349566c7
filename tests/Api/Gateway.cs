using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using GlanceGateway.Api;
using GlanceGateway.Api.Tests;
using GlanceGateway.Blocks;
using GlanceGateway.Images;
using GlanceGateway.Registry;
using GlanceGateway.Stores;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

[assembly: AssemblyFixture(typeof(Gateway))]

namespace GlanceGateway.Api.Tests;

/// <summary>Who asks.</summary>
public enum Persona
{
    /// <summary>Owns the images.</summary>
    Owner,

    /// <summary>Of the owner's project, with the right to look only.</summary>
    Reader,

    /// <summary>Of a project with which images are shared.</summary>
    Member,

    /// <summary>Of another project.</summary>
    Stranger,

    /// <summary>An administrator of yet another project.</summary>
    Admin,

    /// <summary>Not identified.</summary>
    Nobody,
}

/// <summary>A gateway over a registry and two stores of its own: <c>files</c>, the default, and <c>memory</c>.</summary>
public sealed class Gateway : IAsyncLifetime
{
    public const string OwnerProject = "p-owner";
    public const string MemberProject = "p-member";
    public static readonly byte[] Data = [.. Enumerable.Range(0, 1000).Select(i => (byte)(i * 7))];

    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("api-");
    private StoreSet? stores;
    private StoreSet? staging;
    private ImageServices? images;
    private BlockCache? cache;
    private WebApplication? app;
    private int projects;

    public ImageOptions ImageOptions { get; init; } = new() { SizeCap = 1 << 20, TagQuota = 2, PropertyQuota = 3, MemberQuota = 2, StallTimeout = TimeSpan.FromSeconds(1) };

    /// <summary>A web server on loopback, on any port, may be imported from: the tests have none elsewhere.</summary>
    public ImportOptions ImportOptions { get; init; } = new()
    {
        Outbound = new OutboundRules { AllowedNetworks = [IPNetwork.Parse("127.0.0.1/32")], Urls = new UrlRules { AllowedPorts = [] } },
    };

    public ApiOptions ApiOptions { get; init; } = new() { Identity = IdentityMode.Headers, TrustedProxies = [IPNetwork.Parse("127.0.0.0/8")] };

    /// <summary>Whether it has a cache.</summary>
    public bool IsCached { get; init; }

    public ILimitSource? Limits { get; init; }

    /// <summary>The operator's rules; null for the defaults.</summary>
    public PolicyRules? Policy { get; init; }

    internal ChangeFeed Feed => images!.Feed;

    internal ImageRegistry Registry { get; private set; } = null!;

    /// <summary>Who may see and change which custom properties; nothing is protected until a test says so.</summary>
    internal PropertyProtections Protections => images!.Protections;

    public Uri Url { get; private set; } = null!;

    public HttpClient Client { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        var none = CancellationToken.None;
        Registry = await ImageRegistry.OpenAsync(
            new RegistryOptions { DatabasePath = Path.Combine(directory.FullName, "registry.db"), InstanceId = "api-tests" },
            TimeProvider.System, NullLoggerFactory.Instance, none);
        stores = await StoreSet.OpenAsync(
            PluginCatalog.Scan([Path.Combine(AppContext.BaseDirectory, "plugins")]),
            [
                new() { Id = "files", Driver = "filesystem", IsDefault = true, Description = "on disk", Options = new Dictionary<string, object?> { ["directory"] = Path.Combine(directory.FullName, "files") } },
                new() { Id = "memory", Driver = "memory" },
            ],
            new StoreSetOptions { ScratchRoot = Path.Combine(directory.FullName, "scratch") },
            NullLoggerFactory.Instance, TimeProvider.System, none);
        staging = await StoreSet.OpenAsync(
            PluginCatalog.Scan([Path.Combine(AppContext.BaseDirectory, "plugins")]),
            [new() { Id = "staging", Driver = "filesystem", Options = new Dictionary<string, object?> { ["directory"] = Path.Combine(directory.FullName, "staging") } }],
            new StoreSetOptions { ScratchRoot = Path.Combine(directory.FullName, "scratch-staging") },
            NullLoggerFactory.Instance, TimeProvider.System, none);
        if (IsCached)
            cache = BlockCache.Open(new BlockCacheOptions { Directory = Path.Combine(directory.FullName, "cache"), MinFreeBytes = 0 }, TimeProvider.System, NullLogger.Instance);
        images = new ImageServices(
            Registry, stores, ImageOptions, TimeProvider.System, NullLoggerFactory.Instance, Policy, Limits, caches: new ImageCaches(cache, null), import: ImportOptions, staging: staging);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddSingleton(images);
        builder.Services.AddImagesApi(ApiOptions);
        app = builder.Build();
        app.MapImagesApi();
        await app.StartAsync(none);
        Url = new Uri(app.Urls.Single());
        Client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = Url };
    }

    public async ValueTask DisposeAsync()
    {
        Client?.Dispose();
        if (app is not null)
            await app.DisposeAsync();
        if (images is not null)
            await images.DisposeAsync();
        if (cache is not null)
            await cache.DisposeAsync();
        if (stores is not null)
            await stores.DisposeAsync();
        if (staging is not null)
            await staging.DisposeAsync();
        if (Registry is not null)
            await Registry.DisposeAsync();
        directory.Delete(recursive: true);
    }

    /// <summary>Stops it as a gateway stops that is asked to: what is under way may end.</summary>
    public Task StopAsync() => app!.StopAsync(TestContext.Current.CancellationToken);

    /// <summary>Headers that say who asks.</summary>
    public static IEnumerable<(string Name, string Value)> HeadersOf(Persona persona) => persona switch
    {
        Persona.Owner => Identity(OwnerProject, "member,reader"),
        Persona.Reader => Identity(OwnerProject, "reader"),
        Persona.Member => Identity(MemberProject, "member,reader"),
        Persona.Stranger => Identity("p-stranger", "member,reader"),
        Persona.Admin => Identity("p-admin", "admin,member,reader"),
        _ => [],
    };

    public static IEnumerable<(string Name, string Value)> Identity(string project, string roles) =>
        [("X-Identity-Status", "Confirmed"), ("X-Project-Id", project), ("X-Roles", roles), ("X-User-Id", "u")];

    /// <summary>A project that no other test uses.</summary>
    public string NewProject() => $"project-{Interlocked.Increment(ref projects)}";

    public Task<HttpResponseMessage> SendAsync(Persona persona, string method, string path, string? json = null, params (string Name, string Value)[] headers) =>
        SendAsync(HeadersOf(persona).Concat(headers), method, path, json is null ? null : Json(json));

    public async Task<HttpResponseMessage> SendAsync(
        IEnumerable<(string Name, string Value)> headers, string method, string path, HttpContent? content = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(Url.AbsoluteUri.TrimEnd('/') + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true })) { Content = content };
        // A large body that is refused unread would break off the sending: the client asks first, and gets its answer every time.
        request.Headers.ExpectContinue = content?.Headers.ContentLength > 1 << 19 ? true : null;
        foreach (var (name, value) in headers)
        {
            if (name.StartsWith("Content-", StringComparison.OrdinalIgnoreCase))
            {
                request.Content ??= new ByteArrayContent([]);
                request.Content.Headers.Remove(name);
                request.Content.Headers.TryAddWithoutValidation(name, value);
            }
            else
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }
        }
        return await Client.SendAsync(request, HttpCompletionOption.ResponseContentRead, TestContext.Current.CancellationToken);
    }

    public static HttpContent Json(string json, string type = "application/json")
    {
        var content = new ByteArrayContent(Encoding.UTF8.GetBytes(json));
        content.Headers.ContentType = new MediaTypeHeaderValue(type);
        return content;
    }

    public static HttpContent Octets(byte[] data)
    {
        var content = new ByteArrayContent(data);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        return content;
    }

    /// <summary>Sends, insists on success, and reads the JSON of the answer.</summary>
    public async Task<JsonElement> GetJsonAsync(IEnumerable<(string Name, string Value)> headers, string method, string path, HttpContent? content = null)
    {
        using var response = await SendAsync(headers, method, path, content);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.IsSuccessStatusCode, $"{method} {path}: {(int)response.StatusCode} {text}");
        return text.Length == 0 ? default : JsonElement.Parse(text);
    }

    public async Task<string> CreateAsync(string json, Persona persona = Persona.Owner) =>
        (await GetJsonAsync(HeadersOf(persona), "POST", "/v2/images", Json(json))).GetProperty("id").GetString()!;

    /// <summary>Creates an image and uploads data.</summary>
    public async Task<string> CreateActiveAsync(byte[] data, string attributes = "", Persona persona = Persona.Owner, string? store = null)
    {
        var id = await CreateAsync($$"""{"disk_format":"raw","container_format":"bare"{{attributes}}}""", persona);
        await GetJsonAsync([.. HeadersOf(persona), .. store is null ? Array.Empty<(string, string)>() : [("X-Image-Meta-Store", store)]], "PUT", $"/v2/images/{id}/file", Octets(data));
        return id;
    }

    /// <summary>An image in a state that a test wants, by the name of the state.</summary>
    public async Task<string> ImageAsync(string kind)
    {
        switch (kind)
        {
            case "missing":
                return Guid.NewGuid().ToString();
            case "formatless":
                return await CreateAsync("{}");
            case "queued":
                return await CreateAsync("""{"disk_format":"raw","container_format":"bare"}""");
            case "active":
                return await CreateActiveAsync(Data);
            case "empty":
                return await CreateActiveAsync([]);
            case "private":
                return await CreateActiveAsync(Data, ""","visibility":"private" """);
            case "community":
                return await CreateActiveAsync(Data, ""","visibility":"community" """);
            case "public":
                return await CreateActiveAsync(Data, ""","visibility":"public" """, Persona.Admin);
            case "protected":
                return await CreateActiveAsync(Data, ""","protected":true""");
            case "staged":
                var staged = await ImageAsync("queued");
                await GetJsonAsync(HeadersOf(Persona.Owner), "PUT", $"/v2/images/{staged}/stage", Octets(Data));
                return staged;
            case "tagged":
                return await CreateAsync("""{"tags":["a","b"]}""");
            case "rich":
                return await CreateAsync("""{"disk_format":"raw","container_format":"bare","k":"v","l":"w"}""");
            case "shared":
                var shared = await CreateActiveAsync(Data);
                await GetJsonAsync(HeadersOf(Persona.Owner), "POST", $"/v2/images/{shared}/members", Json($$"""{"member":"{{MemberProject}}"}"""));
                return shared;
            case "crowded":
                var crowded = await ImageAsync("shared");
                await GetJsonAsync(HeadersOf(Persona.Owner), "POST", $"/v2/images/{crowded}/members", Json("""{"member":"another"}"""));
                return crowded;
            case "deleted":
                var deleted = await CreateActiveAsync(Data);
                await GetJsonAsync(HeadersOf(Persona.Owner), "DELETE", $"/v2/images/{deleted}");
                return deleted;
            case "deactivated":
                var deactivated = await CreateActiveAsync(Data);
                await Registry.WriteAsync(
                    async (tx, ct) => await tx.UpdateImageAsync((await tx.FindImageAsync(deactivated, ct))! with { Status = ImageStatus.Deactivated }, ct),
                    TestContext.Current.CancellationToken);
                return deactivated;
            default:
                throw new ArgumentException($"No kind of image is called {kind}.", nameof(kind));
        }
    }
}
