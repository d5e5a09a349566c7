using Microsoft.AspNetCore.Http;

namespace GlanceGateway.Api.Feed;

/// <summary>
/// What this gateway has beside the image API: below a path of its own, that no version of the image API will ever have, and announced where clients look
/// for versions, in a header that OpenStack clients do not look at. A client that finds no announcement asks nothing of this, so no other service is bothered.
/// </summary>
internal sealed class FeedRoutes(ChangeHandlers changes)
{
    /// <summary>The first segment of the paths.</summary>
    public const string FirstSegment = "gateway";

    /// <summary>The relation that a link has to the change feed.</summary>
    public const string ChangesRelation = "urn:glance-gateway:changes";

    /// <summary>Says where the change feed is (RFC 8288): relative to the version list, whatever name and path a proxy gives it.</summary>
    /// <param name="http">A request for the version list.</param>
    /// <param name="path">Its segments; only <c>/</c> and <c>/versions</c> lie where the reference is right.</param>
    public static void Announce(HttpContext http, string[] path)
    {
        if (path is [""] or ["versions"])
            http.Response.Headers.Link = $"<{FirstSegment}/v1/changes>; rel=\"{ChangesRelation}\"";
    }

    /// <summary>Makes the table.</summary>
    public RouteTable Build() => new([new("GET", "v1/changes", BodyRule.Ignored, changes.ReadAsync)]);
}
