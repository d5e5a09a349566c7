using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Rbd;

/// <summary>Where an image lies in the pool.</summary>
/// <param name="Image">The image's name.</param>
/// <param name="Snapshot">The snapshot to read, or null when the location names none.</param>
internal sealed record RbdPlace(string Image, string? Snapshot);

/// <summary>
/// The names of images in the pool, and the locations made of them: <c>rbd://fsid/pool/image/snapshot</c>, each part percent-encoded, as
/// upstream writes them; the short <c>rbd://image</c> of old releases is read too.
/// </summary>
internal static class RbdNames
{
    /// <summary>The snapshot that consumers clone.</summary>
    public const string Snapshot = "snap";

    /// <summary>Of every image that is being written, and of nothing that is finished.</summary>
    public const string AttemptPrefix = ".glance-";

    private const string Scheme = "rbd://";
    private const int ImageIdLength = 36;
    private const int AttemptIdLength = 32;
    private static readonly SearchValues<char> lowerHex = SearchValues.Create("0123456789abcdef");

    /// <summary>The location of an image.</summary>
    public static string LocationOf(string fsid, string pool, string image, string snapshot = Snapshot) =>
        $"{Scheme}{Uri.EscapeDataString(fsid)}/{Uri.EscapeDataString(pool)}/{Uri.EscapeDataString(image)}/{Uri.EscapeDataString(snapshot)}";

    /// <summary>The name under which an attempt writes.</summary>
    /// <exception cref="ArgumentException">The ids are not of the contract's form: they must never reach a name.</exception>
    public static string NameOf(WriteAttempt attempt)
    {
        var name = $"{AttemptPrefix}{attempt.ImageId}-{attempt.AttemptId}";
        return TryParseName(name, out _) ? name : throw new ArgumentException("The image id or the attempt id is malformed.", nameof(attempt));
    }

    /// <summary>Reads the name of an attempt's image; every other name is none.</summary>
    public static bool TryParseName(string name, [NotNullWhen(true)] out WriteAttempt? attempt)
    {
        attempt = null;
        if (name.Length != AttemptPrefix.Length + ImageIdLength + 1 + AttemptIdLength || !name.StartsWith(AttemptPrefix, StringComparison.Ordinal))
            return false;
        var imageId = name.AsSpan(AttemptPrefix.Length, ImageIdLength);
        var attemptId = name.AsSpan(AttemptPrefix.Length + ImageIdLength + 1);
        if (name[AttemptPrefix.Length + ImageIdLength] != '-' || !Guid.TryParseExact(imageId, "D", out _) || attemptId.ContainsAnyExcept(lowerHex))
            return false;
        attempt = new WriteAttempt(imageId.ToString(), attemptId.ToString());
        return true;
    }

    /// <summary>The place that a location names, which must be in this cluster and this pool: another pool holds other people's volumes.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.InvalidLocation"/> for anything else.</exception>
    public static RbdPlace PlaceIn(string fsid, string pool, string location)
    {
        if (location.StartsWith(Scheme, StringComparison.Ordinal) && !location.Any(c => !char.IsAscii(c) || char.IsControl(c)))
        {
            var parts = location[Scheme.Length..].Split('/');
            var names = Array.ConvertAll(parts, Uri.UnescapeDataString);
            var place = names switch
            {
                [var image] => new RbdPlace(image, Snapshot: null),
                [var cluster, var itsPool, var image, var snapshot] when cluster == fsid && itsPool == pool => new RbdPlace(image, snapshot),
                _ => null,
            };
            if (place is not null && IsPlain(place.Image) && !place.Image.StartsWith(AttemptPrefix, StringComparison.Ordinal) && (place.Snapshot is null || IsPlain(place.Snapshot)))
                return place;
        }

        throw new StoreException(StoreError.InvalidLocation, $"The location is not {Scheme}{fsid}/{pool}/<image>/<snapshot>.", location);
    }

    private static bool IsPlain(string name) => name.Length is > 0 and <= 255 && !name.Any(char.IsControl);
}
