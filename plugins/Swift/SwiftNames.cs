using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Swift;

/// <summary>
/// The names in a store's container, and the locations made of them: <c>swift+config://reference/container/object</c>. Also read:
/// <c>swift</c>, <c>swift+http</c> and <c>swift+https</c> with upstream's <c>user:key@auth host/path/container/object</c>; the credentials in
/// them are skipped, never used or repeated.
/// </summary>
internal static class SwiftNames
{
    /// <summary>Of every marker, and of nothing that is an image.</summary>
    public const string MarkerPrefix = ".glance-";
    private const int ImageIdLength = 36;
    private const int AttemptIdLength = 32;
    private static readonly SearchValues<char> s_lowerHex = SearchValues.Create("0123456789abcdef");

    /// <summary>The location of an image.</summary>
    public static string LocationOf(SwiftSettings settings, string name) => $"swift+config://{settings.Reference}/{settings.Container}/{name}";

    /// <summary>The name of an attempt's marker.</summary>
    /// <exception cref="ArgumentException">The ids are not of the contract's form: they must never reach a name.</exception>
    public static string MarkerOf(WriteAttempt attempt)
    {
        var name = $"{MarkerPrefix}{attempt.ImageId}-{attempt.AttemptId}";
        return TryParseMarker(name, out _) ? name : throw new ArgumentException("The image id or the attempt id is malformed.", nameof(attempt));
    }

    /// <summary>What the names of the markers of an image's attempts begin with.</summary>
    public static string MarkersOf(string imageId) => $"{MarkerPrefix}{imageId}-";

    /// <summary>What the names of an attempt's segments begin with.</summary>
    public static string SegmentsOf(WriteAttempt attempt) => $".segments/{attempt.ImageId}/{attempt.AttemptId}/";

    /// <summary>The name of a segment.</summary>
    /// <param name="attempt">Whose.</param>
    /// <param name="number">From 1.</param>
    public static string SegmentOf(WriteAttempt attempt, int number) => $"{SegmentsOf(attempt)}{number.ToString("D5", CultureInfo.InvariantCulture)}";

    /// <summary>Reads the name of a marker; every other name is none.</summary>
    public static bool TryParseMarker(string name, [NotNullWhen(true)] out WriteAttempt? attempt)
    {
        attempt = null;
        if (name.Length != MarkerPrefix.Length + ImageIdLength + 1 + AttemptIdLength || !name.StartsWith(MarkerPrefix, StringComparison.Ordinal))
            return false;
        var imageId = name.AsSpan(MarkerPrefix.Length, ImageIdLength);
        var attemptId = name.AsSpan(MarkerPrefix.Length + ImageIdLength + 1);
        if (name[MarkerPrefix.Length + ImageIdLength] != '-' || !Guid.TryParseExact(imageId, "D", out _) || attemptId.ContainsAnyExcept(s_lowerHex))
            return false;
        attempt = new WriteAttempt(imageId.ToString(), attemptId.ToString());
        return true;
    }

    /// <summary>Container and object of a location. The container is the store's, or one of upstream's several, <c>container_prefix</c>; the
    /// object is one plain name, without a leading dot.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.InvalidLocation"/> for anything else.</exception>
    public static (string Container, string Name) Parse(SwiftSettings settings, string location)
    {
        if (PathIn(settings, location)?.Split('/') is [var container, var name]
            && (container == settings.Container || container.StartsWith(settings.Container + "_", StringComparison.Ordinal))
            && name.Length is > 0 and <= 255 && name[0] != '.' && !name.Any(char.IsControl))
            return (container, name);

        // Somebody's location may hold a secret, which belongs into no message.
        throw new StoreException(StoreError.InvalidLocation, $"The location is not {LocationOf(settings, "<name>")}{(settings.IsMultiTenant ? ", nor one of an image in a project's account of this cluster" : "")}.", location.Contains('@') ? null : location);
    }

    private static string? PathIn(SwiftSettings settings, string location)
    {
        var own = $"swift+config://{settings.Reference}/";
        if (location.StartsWith(own, StringComparison.Ordinal))
            return location[own.Length..];
        var scheme = location.IndexOf("://", StringComparison.Ordinal);
        if (scheme <= 0 || !(location[..scheme] == $"swift+{settings.AuthUrl.Scheme}" || (location[..scheme] == "swift" && settings.AuthUrl.Scheme == "https")))
            return null;

        // A key may hold slashes and colons: credentials end at the last @, not at the first slash.
        var rest = location[(scheme + 3)..];
        rest = rest[(rest.LastIndexOf('@') + 1)..];
        var place = $"{settings.AuthUrl.Authority}{settings.AuthUrl.AbsolutePath.TrimEnd('/')}/";
        return rest.StartsWith(place, StringComparison.Ordinal) ? rest[place.Length..] : null;
    }
}
