using System.Net;
using System.Text.Json;
using static GlanceGateway.Api.Tests.Persona;

namespace GlanceGateway.Api.Tests;

/// <summary>The cache API of a gateway that has a cache.</summary>
public sealed class CacheTests : IAsyncLifetime
{
    private readonly Gateway _gateway = new() { IsCached = true };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => _gateway.InitializeAsync();

    public ValueTask DisposeAsync() => _gateway.DisposeAsync();

    [Fact]
    public async Task A_queued_image_is_fetched_listed_and_served()
    {
        var id = await _gateway.CreateActiveAsync(Gateway.Data, store: "memory");
        using (var queued = await _gateway.SendAsync(Admin, "PUT", $"/v2/cache/{id}"))
        {
            Assert.Equal(HttpStatusCode.Accepted, queued.StatusCode);
            Assert.Equal(0, queued.Content.Headers.ContentLength);
        }

        var cached = await UntilCachedAsync(id);
        Assert.Equal(Gateway.Data.Length, cached.GetProperty("size").GetInt64());
        Assert.InRange(cached.GetProperty("last_modified").GetDouble(), DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 600, DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 1);
        var before = cached.GetProperty("hits").GetInt64();
        Assert.Equal(Gateway.Data, await DownloadAsync(id));
        Assert.Equal(Gateway.Data[10..20], await DownloadAsync(id, "bytes=10-19"));
        Assert.Equal(before + 2, (await UntilCachedAsync(id)).GetProperty("hits").GetInt64());

        Assert.Equal(HttpStatusCode.NoContent, await StatusAsync(Admin, "DELETE", $"/v2/cache/{id}"));
        Assert.Empty((await ListAsync()).GetProperty("cached_images").EnumerateArray());
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(Admin, "DELETE", $"/v2/cache/{id}"));
        Assert.Equal(Gateway.Data, await DownloadAsync(id));
    }

    [Fact]
    public async Task A_download_fills_the_cache_and_a_deleted_image_leaves_it()
    {
        var id = await _gateway.CreateActiveAsync(Gateway.Data, store: "memory");
        Assert.Equal(Gateway.Data, await DownloadAsync(id));
        await UntilCachedAsync(id);
        Assert.Equal(HttpStatusCode.NoContent, await StatusAsync(Owner, "DELETE", $"/v2/images/{id}"));
        await UntilAsync(list => !list.GetProperty("cached_images").EnumerateArray().Any());
    }

    [Fact]
    public async Task Rights_are_looked_at_before_the_cache()
    {
        var id = await _gateway.CreateActiveAsync(Gateway.Data, ""","visibility":"private" """, store: "memory");
        await StatusAsync(Admin, "PUT", $"/v2/cache/{id}");
        await UntilCachedAsync(id);
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(Stranger, "GET", $"/v2/images/{id}/file"));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(Reader, "GET", $"/v2/images/{id}/file"));
        Assert.Equal(HttpStatusCode.NoContent, await StatusAsync(Owner, "POST", $"/v2/images/{id}/actions/deactivate"));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(Owner, "GET", $"/v2/images/{id}/file"));
    }

    [Theory]
    [InlineData(Owner, "GET", "/v2/cache", 403, "You are not authorized to complete cache_list action.")]
    [InlineData(Owner, "PUT", "/v2/cache/{queued}", 403, "cache_image")]
    [InlineData(Owner, "DELETE", "/v2/cache/{queued}", 403, "cache_delete")]
    [InlineData(Owner, "POST", "/v2/cache/prune", 403, "cache_prune")]
    [InlineData(Owner, "POST", "/v2/cache/clean", 403, "cache_clean")]
    [InlineData(Nobody, "GET", "/v2/cache", 401, "")]
    [InlineData(Admin, "PUT", "/v2/cache/{missing}", 404, "No image found")]
    [InlineData(Admin, "PUT", "/v2/cache/{queued}", 400, "Only images with status active")]
    [InlineData(Admin, "DELETE", "/v2/cache/{missing}", 404, "neither cached nor queued")]
    [InlineData(Admin, "GET", "/v2/cache/nodes/{queued}", 409, "own cache")]
    [InlineData(Admin, "POST", "/v2/cache/clean", 200, "")]
    [InlineData(Admin, "PATCH", "/v2/cache", 405, "")]
    [InlineData(Admin, "POST", "/v2/cache/prune", 200, """{"total_files_pruned":0,"total_bytes_pruned":0}""")]
    public async Task Answers(Persona who, string method, string path, int status, string says)
    {
        foreach (var kind in new[] { "missing", "queued" })
            path = path.Replace($"{{{kind}}}", await _gateway.ImageAsync(kind), StringComparison.Ordinal);
        using var answer = await _gateway.SendAsync(who, method, path);
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Contains(says, await answer.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cache", 204)]
    [InlineData("queue", 204)]
    [InlineData("", 204)]
    [InlineData("both", 400)]
    public async Task What_is_cleared_is_what_the_header_names(string target, int status)
    {
        var id = await _gateway.CreateActiveAsync(Gateway.Data, store: "memory");
        await StatusAsync(Admin, "PUT", $"/v2/cache/{id}");
        await UntilCachedAsync(id);
        using var answer = await _gateway.SendAsync(Admin, "DELETE", "/v2/cache", null, ("x-image-cache-clear-target", target));
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(target is "queue" or "both" ? 1 : 0, (await ListAsync()).GetProperty("cached_images").GetArrayLength());
    }

    [Fact]
    public async Task Its_versions_are_announced()
    {
        using var answer = await _gateway.SendAsync(Nobody, "GET", "/versions");
        var versions = JsonElement.Parse(await answer.Content.ReadAsStringAsync(Token)).GetProperty("versions").EnumerateArray().ToList();
        Assert.Equal(["v2.18", "v2.16", "v2.14"], versions.Select(v => v.GetProperty("id").GetString()).Where(v => v is "v2.14" or "v2.16" or "v2.18"));
        Assert.Equal("v2.18", Assert.Single(versions, v => v.GetProperty("status").GetString() == "CURRENT").GetProperty("id").GetString());
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Admin, "GET", "/v2.14/cache"));
    }

    private async Task<HttpStatusCode> StatusAsync(Persona who, string method, string path)
    {
        using var answer = await _gateway.SendAsync(who, method, path);
        return answer.StatusCode;
    }

    private async Task<byte[]> DownloadAsync(string id, string? range = null)
    {
        using var answer = await _gateway.SendAsync(Owner, "GET", $"/v2/images/{id}/file", null, range is null ? [] : [("Range", range)]);
        Assert.True(answer.IsSuccessStatusCode);
        return await answer.Content.ReadAsByteArrayAsync(Token);
    }

    private Task<JsonElement> ListAsync() => _gateway.GetJsonAsync(Gateway.HeadersOf(Admin), "GET", "/v2/cache");

    private async Task<JsonElement> UntilCachedAsync(string id)
    {
        var list = await UntilAsync(l => Of(l).Any());
        return Of(list).Single();

        IEnumerable<JsonElement> Of(JsonElement known) => known.GetProperty("cached_images").EnumerateArray().Where(i => i.GetProperty("image_id").GetString() == id);
    }

    private async Task<JsonElement> UntilAsync(Func<JsonElement, bool> holds)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Token);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        while (true)
        {
            var list = await ListAsync();
            if (holds(list))
                return list;
            await Task.Delay(20, limit.Token);
        }
    }
}
