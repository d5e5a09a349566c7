using System.Text.Json;

namespace GlanceGateway.Api;

/// <summary>
/// The minor versions of the image API that are announced and that a URL may name, newest first. All of them behave alike.
/// A minor is listed when everything that it added is served, and left out otherwise, as Glance does where its configuration lacks a feature:
/// 2.8 stores, 2.7 hidden images and multihash, 2.5 visibilities, 2.4 rules of locations (which are not shown), 2.3 deactivation, 2.1 members, 2.0 images.
/// With a cache also 2.14 (the cache API), 2.16 (queueing answers 202) and 2.18 (clean and prune).
/// Left out: 2.2 (tasks, metadata definitions), 2.6 (import), 2.9 and later but for those. Whoever serves one of them adds it here.
/// </summary>
internal static class VersionList
{
    private static readonly string[] Always = ["v2.8", "v2.7", "v2.5", "v2.4", "v2.3", "v2.1", "v2.0"];

    private static readonly string[] WithCache = ["v2.18", "v2.16", "v2.14", .. Always];

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

    private static string[] Announced(bool hasCache) => hasCache ? WithCache : Always;
}
