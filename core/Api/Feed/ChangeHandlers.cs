using System.Globalization;
using GlanceGateway.Images;
using Microsoft.Extensions.Hosting;

namespace GlanceGateway.Api.Feed;

/// <summary>The change feed.</summary>
internal sealed class ChangeHandlers(ImageServices images, ApiOptions options, IHostApplicationLifetime lifetime)
{
    private const int DefaultLimit = 500;
    private const int MaxLimit = 1000;

    /// <summary>Below the idle limit that proxies usually have.</summary>
    private const int MaxWaitSeconds = 60;

    /// <summary>When somebody who was refused may ask again: by then the requests that wait now have ended.</summary>
    private const string RetrySeconds = "60";

    private readonly WaitingRoom waiting = new(options.MaxFeedWaiters);

    /// <summary>
    /// <c>GET /gateway/v1/changes?after=&amp;limit=&amp;wait=</c>: <c>{"changes": [{"id": …, "kind": "changed" or "gone"}], "next": …}</c>. Without <c>after</c> it
    /// only says where the feed ends. <c>wait</c> is in seconds, up to 60; when this gateway stops, the wait ends at once, with an empty page. 410 when the
    /// changes since then are not known.
    /// </summary>
    public async Task ReadAsync(ApiCall call)
    {
        string? after = null;
        var (limit, wait) = (DefaultLimit, 0);
        foreach (var parameter in RequestQuery.Read(call.Http))
        {
            switch (parameter.Name)
            {
                case "after":
                    after = parameter.Value;
                    break;
                case "limit":
                    limit = Math.Min(Number(parameter, least: 1), MaxLimit);
                    break;
                case "wait":
                    wait = Math.Min(Number(parameter, least: 0), MaxWaitSeconds);
                    break;
            }
        }

        using var place = wait > 0 && after is not null ? waiting.Enter(call.Caller) ?? throw Crowded() : null;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(lifetime.ApplicationStopping);
        if (wait > 0)
            patience.CancelAfter(TimeSpan.FromSeconds(wait));
        else
            await patience.CancelAsync();
        var page = await images.Feed.ReadAsync(call.Caller, after, limit, patience.Token, call.Aborted);
        if (lifetime.ApplicationStopping.IsCancellationRequested)
            call.Http.Response.Headers.Connection = "close";
        call.Http.Response.Headers.CacheControl = "no-store";
        await call.WriteJsonAsync(200, w =>
        {
            w.WriteStartObject();
            w.WriteStartArray("changes");
            foreach (var change in page.Changes)
            {
                w.WriteStartObject();
                w.WriteString("id", change.ImageId);
                w.WriteString("kind", change.IsGone ? "gone" : "changed");
                w.WriteEndObject();
            }
            w.WriteEndArray();
            w.WriteString("next", page.Next);
            w.WriteEndObject();
        });
    }

    private static int Number(QueryParameter parameter, int least) =>
        int.TryParse(parameter.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least
            ? number
            : throw new ApiException(400, $"'{parameter.Name}' must be a whole number, {least} or more.");

    private ApiException Crowded() => new(
        429,
        $"{options.MaxFeedWaiters} requests of this user wait for changes here already. Ask without 'wait', ask another gateway, or have the operator raise limits.feed_waiters.")
    {
        Header = ("Retry-After", RetrySeconds),
    };
}
