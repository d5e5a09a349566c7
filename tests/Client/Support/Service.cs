using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using GlanceGateway.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Client.Tests;

/// <summary>A real gateway without log-in, and images on it.</summary>
public sealed class Service : IAsyncLifetime
{
    private readonly TempDirectory _directory = new();
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false });

    public GatewayProcess Gateway { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Gateway = await GatewayProcess.StartAsync(_directory["data"]);

    /// <summary>Starts it again after a kill, at another port.</summary>
    public async Task RestartAsync()
    {
        var killed = Gateway;
        Gateway = await GatewayProcess.StartAsync(_directory["data"]);
        await killed.DisposeAsync();
    }

    public Task<Sample> AddAsync(string name, int bytes, string? id = null) => AddAsync(_http, Gateway.Address, name, bytes, id);

    /// <summary>Makes an image of a file.</summary>
    public async Task<Sample> AddFileAsync(string name, string diskFormat, string file) =>
        await AddAsync(_http, Gateway.Address, name, await File.ReadAllBytesAsync(file), id: null, diskFormat);

    /// <summary>Makes an image with random bytes at an endpoint.</summary>
    public static Task<Sample> AddAsync(HttpClient http, Uri endpoint, string name, int bytes, string? id = null) =>
        AddAsync(http, endpoint, name, RandomNumberGenerator.GetBytes(bytes), id, "raw");

    /// <summary>Makes an image with these bytes at an endpoint.</summary>
    public static async Task<Sample> AddAsync(HttpClient http, Uri endpoint, string name, byte[] content, string? id = null, string diskFormat = "raw")
    {
        JsonObject wanted = new() { ["name"] = name, ["disk_format"] = diskFormat, ["container_format"] = "bare", ["tags"] = new JsonArray("sample") };
        if (id is not null)
            wanted["id"] = id;
        using var made = await http.PostAsJsonAsync(new Uri(endpoint, "/v2/images"), wanted);
        made.EnsureSuccessStatusCode();
        var image = (await made.Content.ReadFromJsonAsync<JsonObject>())!["id"]!.ToString();
        using ByteArrayContent body = new(content);
        body.Headers.ContentType = new("application/octet-stream");
        using var put = await http.PutAsync(new Uri(endpoint, $"/v2/images/{image}/file"), body);
        put.EnsureSuccessStatusCode();
        return new Sample(image, name, content);
    }

    public Task DeleteAsync(string id) => DeleteAsync(_http, Gateway.Address, id);

    public static async Task DeleteAsync(HttpClient http, Uri endpoint, string id)
    {
        using var gone = await http.DeleteAsync(new Uri(endpoint, $"/v2/images/{id}"));
        gone.EnsureSuccessStatusCode();
    }

    public async Task RenameAsync(string id, string name)
    {
        using HttpRequestMessage request = new(HttpMethod.Patch, new Uri(Gateway.Address, $"/v2/images/{id}"))
        {
            Content = new StringContent($$"""[{"op":"replace","path":"/name","value":"{{name}}"}]""", new System.Net.Http.Headers.MediaTypeHeaderValue("application/openstack-images-v2.1-json-patch")),
        };
        using var answer = await _http.SendAsync(request);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>A client of some endpoints.</summary>
    public static ImagesClient Client(HttpClient http, ClientOptions? options = null, params Uri[] endpoints) =>
        new(http, new FixedLogin(endpoints), options ?? new ClientOptions(), TimeProvider.System, NullLogger.Instance);

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        _http.Dispose();
        _directory.Dispose();
    }
}

/// <summary>An image and what is in it.</summary>
public sealed record Sample(string Id, string Name, byte[] Content);
