using System.Text.Json;
using GlanceGateway.Images;
using Microsoft.AspNetCore.Http;

namespace GlanceGateway.Api.V2;

/// <summary>The cache of image data: <c>/v2/cache</c>, as Glance 2.14, 2.16 and 2.18 have it. 404 where no cache is configured.</summary>
internal sealed class CacheHandlers(ImageServices images)
{
    /// <summary><c>GET /v2/cache</c>. Times are seconds since 1970 with a fraction.</summary>
    public Task ListAsync(ApiCall call)
    {
        var known = images.Cache.List(call.Caller);
        return call.WriteJsonAsync(200, w =>
        {
            w.WriteStartObject();
            w.WriteStartArray("cached_images");
            foreach (var image in known.Cached)
            {
                w.WriteStartObject();
                w.WriteString("image_id", image.ImageId);
                w.WriteNumber("hits", image.Hits);
                WriteTime(w, "last_accessed", image.LastAccessed);
                WriteTime(w, "last_modified", image.LastModified);
                w.WriteNumber("size", image.Size);
                w.WriteEndObject();
            }

            w.WriteEndArray();
            w.WriteStartArray("queued_images");
            foreach (var id in known.Queued)
                w.WriteStringValue(id);
            w.WriteEndArray();
            w.WriteEndObject();
        });
    }

    /// <summary><c>PUT /v2/cache/{image}</c>: 202, the fetching comes after.</summary>
    public async Task QueueAsync(ApiCall call)
    {
        await images.Cache.QueueAsync(call.Caller, call.ImageId, call.Aborted);
        call.Http.Response.StatusCode = StatusCodes.Status202Accepted;
        call.Http.Response.ContentLength = 0;
    }

    /// <summary><c>DELETE /v2/cache/{image}</c>.</summary>
    public Task DeleteAsync(ApiCall call)
    {
        images.Cache.Delete(call.Caller, call.ImageId);
        return call.WriteNothingAsync();
    }

    /// <summary><c>DELETE /v2/cache</c>; the header <c>x-image-cache-clear-target</c> says what: <c>cache</c>, <c>queue</c>, or nothing for both.</summary>
    public Task ClearAsync(ApiCall call)
    {
        var target = call.Http.Request.Headers["x-image-cache-clear-target"].ToString();
        images.Cache.Clear(call.Caller, target switch
        {
            "" => CacheParts.All,
            "cache" => CacheParts.Cached,
            "queue" => CacheParts.Queued,
            _ => throw new ApiException(400, "If provided 'x-image-cache-clear-target' must be 'cache', 'queue' or empty string."),
        });
        return call.WriteNothingAsync();
    }

    /// <summary><c>POST /v2/cache/clean</c>: 200 without a body.</summary>
    public async Task CleanAsync(ApiCall call)
    {
        await images.Cache.CleanAsync(call.Caller, call.Aborted);
        call.Http.Response.StatusCode = StatusCodes.Status200OK;
        call.Http.Response.ContentLength = 0;
    }

    /// <summary><c>POST /v2/cache/prune</c>.</summary>
    public Task PruneAsync(ApiCall call)
    {
        var (count, bytes) = images.Cache.Prune(call.Caller);
        return call.WriteJsonAsync(200, w =>
        {
            w.WriteStartObject();
            w.WriteNumber("total_files_pruned", count);
            w.WriteNumber("total_bytes_pruned", bytes);
            w.WriteEndObject();
        });
    }

    /// <summary><c>GET /v2/cache/nodes/{image}</c>: 409, since gateways do not know each other's caches.</summary>
    public Task NodesAsync(ApiCall call)
    {
        images.Cache.RequireNodes(call.Caller);
        return call.WriteNothingAsync();
    }

    private static void WriteTime(Utf8JsonWriter writer, string name, DateTimeOffset time) =>
        writer.WriteNumber(name, (time - DateTimeOffset.UnixEpoch).TotalSeconds);
}
