using System.Text.Json;

namespace GlanceGateway.Api;

/// <summary>
/// The minor versions of the image API that are announced and that a URL may name, newest first. All of them behave alike.
/// A minor is listed when everything that it added is served, and left out otherwise, as Glance does where its configuration lacks a feature:
/// 2.17 the locations resource, 2.15 stores in detail, 2.13 usage, 2.12 tasks of an image, 2.11 import locks and copies by policy, 2.10 imports to
/// several stores and removing from one, 2.9 validation data of locations, 2.8 stores, 2.7 hidden images and multihash, 2.6 import, 2.5 visibilities,
/// 2.4 rules of locations, 2.3 deactivation, 2.2 tasks, metadata definitions and property protections, 2.1 members, 2.0 images.
/// Left out without a cache: 2.14, 2.16, 2.18 (the cache API; its queueing answers 202; clean and prune). Whoever serves one of them adds it here.
/// </summary>
internal static class VersionList
{
    private static readonly string[] WithoutCache =
    [
        "v2.17", "v2.15", "v2.13", "v2.12", "v2.11", "v2.10", "v2.9", "v2.8", "v2.7", "v2.6", "v2.5", "v2.4", "v2.3", "v2.2", "v2.1", "v2.0",
    ];

    private static readonly string[] WithCache = ["v2.18", "v2.17", "v2.16", "v2.15", "v2.14", .. WithoutCache[2..]];

    /// <summary>Whether a version in a path or Accept header is served; <c>v2</c> is whichever is current.</summary>
    public static bool Serves(string version, bool hasCache) => version == "v2" || Announced(hasCache).Contains(version, StringComparer.Ordinal);

    /// <summary>Writes the list.</summary>
    public static void Write(Utf8JsonWriter writer, string baseUrl, bool hasCache)
    {
        writer.WriteStartObject();
        writer.WriteStartArray("versions");
        var announced = Announced(hasCache);
        foreach (var version in announced)
        {
            writer.WriteStartObject();
            writer.WriteString("id", version);
            writer.WriteString("status", version == announced[0] ? "CURRENT" : "SUPPORTED");
            writer.WriteStartArray("links");
            writer.WriteStartObject();
            writer.WriteString("rel", "self");
            writer.WriteString("href", baseUrl + "/v2/");
            writer.WriteEndObject();
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static string[] Announced(bool hasCache) => hasCache ? WithCache : WithoutCache;
}
