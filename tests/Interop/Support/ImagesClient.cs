using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;

namespace GlanceGateway.Interop.Tests;

/// <summary>The Images API by plain HTTP, for what the real clients cannot do or do slowly.</summary>
internal sealed class ImagesClient : IDisposable
{
    private readonly HttpClient http;

    public ImagesClient(Uri address, params (string Name, string Value)[] headers)
    {
        http = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromMinutes(10) };
        foreach (var (name, value) in headers)
        {
            http.DefaultRequestHeaders.Add(name, value);
        }
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Makes a queued raw image.</summary>
    public async Task<string> CreateAsync(string name, string diskFormat = "raw", string visibility = "shared")
    {
        using var answer = await http.PostAsJsonAsync(
            "v2/images", new { name, visibility, disk_format = diskFormat, container_format = "bare" }, Token);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("id").GetString()!;
    }

    public async Task<string> CreateAsync(string name, HttpContent content)
    {
        var id = await CreateAsync(name);
        Assert.Equal(HttpStatusCode.NoContent, await UploadAsync(id, content));
        return id;
    }

    /// <summary>Uploads; the content is spent.</summary>
    public Task<HttpStatusCode> UploadAsync(string id, HttpContent content, string? store = null) => PutAsync($"v2/images/{id}/file", content, store);

    /// <summary>Stages; the content is spent.</summary>
    public Task<HttpStatusCode> StageAsync(string id, HttpContent content) => PutAsync($"v2/images/{id}/stage", content, store: null);

    private async Task<HttpStatusCode> PutAsync(string path, HttpContent content, string? store)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, path) { Content = content };
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        request.Headers.TransferEncodingChunked = content.Headers.ContentLength is null;
        if (store is not null)
        {
            request.Headers.Add("X-Image-Meta-Store", store);
        }

        using var answer = await http.SendAsync(request, Token);
        return answer.StatusCode;
    }

    public Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, object? body = null)
    {
        var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
        return http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Token);
    }

    public async Task<HttpResponseMessage> SendRangeAsync(string path, RangeHeaderValue range)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Range = range } };
        return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Token);
    }

    public async Task<HttpStatusCode> StatusAsync(HttpMethod method, string path, object? body = null)
    {
        using var answer = await SendAsync(method, path, body);
        return answer.StatusCode;
    }

    public async Task<JsonElement> GetAsync(string path)
    {
        using var answer = await SendAsync(HttpMethod.Get, path);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await answer.Content.ReadFromJsonAsync<JsonElement>(Token);
    }

    public Task<JsonElement> ShowAsync(string id) => GetAsync($"v2/images/{id}");

    public async Task<string> StateAsync(string id) => (await ShowAsync(id)).GetProperty("status").GetString()!;

    public async Task PatchAsync(string id, object[] changes)
    {
        using var request = new HttpRequestMessage(HttpMethod.Patch, $"v2/images/{id}")
        {
            Content = JsonContent.Create(changes, new MediaTypeHeaderValue("application/openstack-images-v2.1-json-patch")),
        };
        using var answer = await http.SendAsync(request, Token);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    /// <summary>Downloads without keeping anything, and checks the MD5 header on the way.</summary>
    /// <returns>How much came, and its MD5.</returns>
    public async Task<(long Size, string Md5)> DownloadAsync(string id)
    {
        using var answer = await SendAsync(HttpMethod.Get, $"v2/images/{id}/file");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        await using var body = await answer.Content.ReadAsStreamAsync(Token);
        var (size, md5) = await HashAsync(body);
        Assert.Equal(answer.Content.Headers.ContentLength, size);
        Assert.Equal(md5, MD5Header(answer));
        return (size, md5);
    }

    /// <summary>Reads to the end.</summary>
    public static async Task<(long Size, string Md5)> HashAsync(Stream body)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
        var buffer = new byte[1 << 18];
        long size = 0;
        while (await body.ReadAsync(buffer, Token) is var count and > 0)
        {
            hash.AppendData(buffer.AsSpan(0, count));
            size += count;
        }

        return (size, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    /// <summary>Glance writes the MD5 in hexadecimal, which is not what RFC 1864 says, so the typed header does not read it.</summary>
    public static string? MD5Header(HttpResponseMessage answer) =>
        answer.Content.Headers.NonValidated.TryGetValues("Content-MD5", out var values) ? values.ToString() : null;

    public void Dispose() => http.Dispose();
}
