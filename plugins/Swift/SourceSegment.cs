using System.Net;
using System.Text.Json;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Swift;

/// <summary>A part of an image that is read by itself.</summary>
/// <param name="Name">The object, in the image's container.</param>
/// <param name="Offset">Where in the image it begins.</param>
/// <param name="Length">Its bytes.</param>
/// <param name="ETag">What its answers must say.</param>
internal sealed record SourceSegment(string Name, long Offset, long Length, string ETag);

/// <summary>
/// The segments of a large object in the account of a project, without letting the server put them together.
/// <para>
/// The members of the project may change what lies in their account, and our token opens every account. A symbolic link there, in the place
/// of an image or of one of its segments, would have the server read another project's object with our rights and hand it to them as their
/// image. So objects are asked for as they are (<c>symlink=get</c>, <c>multipart-manifest=get</c>), manifests are read here, and only
/// plain objects of the image's own container are parts of it.
/// </para>
/// </summary>
internal static class SourceSegments
{
    // 10,000 segments take 2.5 MB.
    private const long LargestManifest = 16 << 20;

    /// <summary>Reads the manifest of a static large object.</summary>
    /// <returns>What it is at the moment of reading, and its segments; no facts when it is none any more.</returns>
    public static async Task<(ObjectFacts? Facts, IReadOnlyList<(string Path, SourceSegment? Segment)> Entries)> ReadAsync(ImagePlace place, CancellationToken cancellationToken)
    {
        var connection = place.Connection;
        using var response = await connection.SendAsync(HttpMethod.Get, connection.PlainPathOf(place.Container, place.Name), null, cancellationToken);
        if (response.StatusCode == HttpStatusCode.NotFound)
            return (null, []);
        if (!response.IsSuccessStatusCode)
            throw connection.FaultOf(response, "The manifest could not be read");
        var facts = SwiftConnection.FactsOf(response);
        if (!facts.IsStaticLarge)
            return (null, []);
        if (facts.Length > LargestManifest)
            throw Odd(place);
        using var limit = connection.Limit(cancellationToken);
        try
        {
            using var manifest = await connection.RunAsync(
                limit,
                async token => await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync(token), cancellationToken: token),
                cancellationToken,
                default);
            var entries = new List<(string, SourceSegment?)>();
            var length = 0L;
            foreach (var entry in manifest.RootElement.EnumerateArray())
            {
                var path = entry.TryGetProperty("name", out var name) ? name.GetString() ?? "" : "";
                var segment = PlainIn(place, entry, path, length);
                length += segment?.Length ?? 0;
                entries.Add((path, segment));
            }

            return (facts with { Length = length }, entries);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw Odd(place);
        }
    }

    /// <summary>The segments of a large object that is to be read.</summary>
    /// <param name="place">Where.</param>
    /// <param name="found">What it was said to be.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>What it is now, and its segments; null when it is gone or replaced.</returns>
    /// <exception cref="StoreException"><see cref="StoreError.Corrupt"/> when the image holds what is not in its container.</exception>
    public static async Task<(ObjectFacts Facts, IReadOnlyList<SourceSegment> Segments)?> ResolveAsync(ImagePlace place, ObjectFacts found, CancellationToken cancellationToken)
    {
        if (found.IsStaticLarge)
        {
            var (facts, entries) = await ReadAsync(place, cancellationToken);
            if (facts is null)
                return null;
            return entries.All(entry => entry.Segment is not null) ? (facts, [.. entries.Select(entry => entry.Segment!)]) : throw Odd(place);
        }

        var prefix = OwnPrefixIn(place.Container, place.Name, found.Manifest!) ?? throw Odd(place);
        var listed = new List<SourceSegment>();
        var length = 0L;
        await foreach (var segment in place.Connection.ListAsync(place.Container, prefix, cancellationToken))
        {
            listed.Add(new SourceSegment(segment.Name, length, segment.Bytes, segment.ETag));
            length += segment.Bytes;
        }

        return (found with { Length = length }, listed);
    }

    /// <summary>What the names of a dynamic large object's segments begin with, if they can be nobody else's; otherwise null.</summary>
    public static string? OwnPrefixIn(string container, string name, string manifest) =>
        Uri.UnescapeDataString(manifest).Split('/', 2) is [var place, var prefix] && place == container && prefix.StartsWith(name, StringComparison.Ordinal)
            ? prefix
            : null;

    // A segment of this product's, or of a client's that is as plain: no range of one, no manifest in the manifest, no bytes in the manifest.
    private static SourceSegment? PlainIn(ImagePlace place, JsonElement entry, string path, long offset)
    {
        var container = $"/{place.Container}/";
        return path.StartsWith(container, StringComparison.Ordinal) && path.Length > container.Length
            && !entry.TryGetProperty("range", out _) && !(entry.TryGetProperty("sub_slo", out var isManifest) && isManifest.ValueKind == JsonValueKind.True)
            && entry.GetProperty("bytes").GetInt64() is > 0 and < long.MaxValue / 16384 and var bytes
            ? new SourceSegment(path[container.Length..], offset, bytes, entry.GetProperty("hash").GetString() ?? "")
            : null;
    }

    private static StoreException Odd(ImagePlace place) =>
        new(StoreError.Corrupt, $"The manifest of the image in the account of project '{place.Project}' names more than plain objects of its own container, and is not followed.", place.Name);
}
