using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.S3;

/// <summary>
/// The keys in a store's bucket, and the locations made of them: <c>s3+https://host[:port]/bucket/key</c>, <c>s3+http</c> for a plain endpoint.
/// Also read: <c>s3://</c>, and an access key and secret before the host, as upstream wrote them; these are skipped, never used or repeated.
/// </summary>
internal static class S3Names
{
    /// <summary>Of every marker, and of nothing that is an image.</summary>
    public const string MarkerPrefix = ".glance-";
    private const int ImageIdLength = 36;
    private const int AttemptIdLength = 32;
    private static readonly SearchValues<char> lowerHex = SearchValues.Create("0123456789abcdef");

    /// <summary>The location of an image.</summary>
    public static string LocationOf(S3Settings settings, string key) => $"s3+{settings.Endpoint.Scheme}://{settings.Endpoint.Authority}/{settings.Bucket}/{key}";

    /// <summary>The key of an attempt's marker.</summary>
    /// <exception cref="ArgumentException">The ids are not of the contract's form: they must never reach a key.</exception>
    public static string MarkerOf(WriteAttempt attempt)
    {
        var key = $"{MarkersOf(attempt.ImageId)}{attempt.AttemptId}";
        return TryParseMarker(key, out _) ? key : throw new ArgumentException("The image id or the attempt id is malformed.", nameof(attempt));
    }

    /// <summary>What the markers of all attempts at an image begin with.</summary>
    public static string MarkersOf(string imageId) => $"{MarkerPrefix}{imageId}-";

    /// <summary>Reads the key of a marker; every other key is none.</summary>
    public static bool TryParseMarker(string key, [NotNullWhen(true)] out WriteAttempt? attempt)
    {
        attempt = null;
        if (key.Length != MarkerPrefix.Length + ImageIdLength + 1 + AttemptIdLength || !key.StartsWith(MarkerPrefix, StringComparison.Ordinal))
            return false;
        var imageId = key.AsSpan(MarkerPrefix.Length, ImageIdLength);
        var attemptId = key.AsSpan(MarkerPrefix.Length + ImageIdLength + 1);
        if (key[MarkerPrefix.Length + ImageIdLength] != '-' || !Guid.TryParseExact(imageId, "D", out _) || attemptId.ContainsAnyExcept(lowerHex))
            return false;
        attempt = new WriteAttempt(imageId.ToString(), attemptId.ToString());
        return true;
    }

    /// <summary>The key in a location, which must be one plain name directly in the bucket; a leading dot is not plain.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.InvalidLocation"/> for anything else.</exception>
    public static string KeyIn(S3Settings settings, string location)
    {
        var scheme = location.IndexOf("://", StringComparison.Ordinal);
        if (scheme > 0 && (location[..scheme] == "s3" || location[..scheme] == $"s3+{settings.Endpoint.Scheme}"))
        {
            // A secret may hold slashes and colons: credentials end at the last @, not at the first slash.
            var rest = location[(scheme + 3)..];
            rest = rest[(rest.LastIndexOf('@') + 1)..];
            var prefix = $"{settings.Endpoint.Authority}/{settings.Bucket}/";
            var key = rest.StartsWith(prefix, StringComparison.Ordinal) ? rest[prefix.Length..] : "";
            if (key.Length is > 0 and <= 255 && key[0] != '.' && !key.Contains('/') && !key.Any(char.IsControl))
                return key;
        }

        // Somebody's location may hold a secret, which belongs into no message.
        throw new StoreException(StoreError.InvalidLocation, $"The location is not {LocationOf(settings, "<name>")}.", location.Contains('@') ? null : location);
    }
}
