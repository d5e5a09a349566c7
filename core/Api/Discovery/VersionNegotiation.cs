using GlanceGateway.Api.Feed;

namespace GlanceGateway.Api;

/// <summary>What a request asks for, before anybody asks who it is from.</summary>
internal enum Destination
{
    /// <summary>The version list, asked for: 200.</summary>
    Versions,

    /// <summary>The version list, because the path names no version that is served: 300.</summary>
    Choices,

    /// <summary>The image API, version 2.</summary>
    V2,

    /// <summary>What this gateway has beside the image API.</summary>
    Gateway,
}

/// <summary>Finds the version of the API in the Accept header or else in the first segment of the path.</summary>
internal static class VersionNegotiation
{
    private const string MediaTypePrefix = "application/vnd.openstack.images-";

    /// <summary>Where a request goes.</summary>
    /// <param name="path">The decoded segments of the path.</param>
    /// <param name="accept">The Accept header.</param>
    /// <param name="hasCache">Whether the versions of the cache API are served.</param>
    /// <param name="rest">The segments below the version; null for <c>/v2</c> itself.</param>
    public static Destination Find(string[] path, string? accept, bool hasCache, out string[]? rest)
    {
        rest = path;
        if (path[0] == "versions")
            return Destination.Versions;
        if (path[0] == FeedRoutes.FirstSegment)
        {
            rest = path[1..];
            return Destination.Gateway;
        }

        if (accept?.StartsWith(MediaTypePrefix, StringComparison.Ordinal) == true)
            return VersionList.Serves(accept[MediaTypePrefix.Length..], hasCache) ? Destination.V2 : Destination.Choices;
        rest = path.Length > 1 ? path[1..] : null;
        return VersionList.Serves(path[0], hasCache) ? Destination.V2 : Destination.Choices;
    }
}
