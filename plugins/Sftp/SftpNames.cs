using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Sftp;

/// <summary>The names in a store's directory, and the locations made of them: <c>sftp://host[:port]/directory/name</c>, not percent-encoded,
/// the port only when it is not 22, never a user.</summary>
internal static class SftpNames
{
    private const string PartPrefix = ".glance-";
    private const string PartSuffix = ".part";
    private const int ImageIdLength = 36;
    private const int AttemptIdLength = 32;
    private static readonly SearchValues<char> lowerHex = SearchValues.Create("0123456789abcdef");

    /// <summary>The location of an image.</summary>
    public static string LocationOf(SftpSettings settings, string imageId) => $"sftp://{settings.Server}{settings.Directory}/{imageId}";

    /// <summary>The name of an unfinished or unsettled attempt.</summary>
    /// <exception cref="ArgumentException">The ids are not of the contract's form: they must never reach a path.</exception>
    public static string PartOf(WriteAttempt attempt)
    {
        var name = $"{PartPrefix}{attempt.ImageId}-{attempt.AttemptId}{PartSuffix}";
        return TryParsePart(name, out _) ? name : throw new ArgumentException("The image id or the attempt id is malformed.", nameof(attempt));
    }

    /// <summary>Reads the name of an attempt's file; every other name is not ours.</summary>
    public static bool TryParsePart(string name, [NotNullWhen(true)] out WriteAttempt? attempt)
    {
        attempt = null;
        if (name.Length != PartPrefix.Length + ImageIdLength + 1 + AttemptIdLength + PartSuffix.Length
            || !name.StartsWith(PartPrefix, StringComparison.Ordinal)
            || !name.EndsWith(PartSuffix, StringComparison.Ordinal))
            return false;

        var imageId = name.AsSpan(PartPrefix.Length, ImageIdLength);
        var attemptId = name.AsSpan(PartPrefix.Length + ImageIdLength + 1, AttemptIdLength);
        if (name[PartPrefix.Length + ImageIdLength] != '-' || !Guid.TryParseExact(imageId, "D", out _) || attemptId.ContainsAnyExcept(lowerHex))
            return false;

        attempt = new WriteAttempt(imageId.ToString(), attemptId.ToString());
        return true;
    }

    /// <summary>The file name in a location, which must be one plain name directly in the directory; a leading dot is not plain.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.InvalidLocation"/> for anything else.</exception>
    public static string NameIn(SftpSettings settings, string location)
    {
        var prefix = LocationOf(settings, "");
        var name = location.StartsWith(prefix, StringComparison.Ordinal) ? location[prefix.Length..] : "";
        if (name.Length is > 0 and <= 255 && name[0] != '.' && !name.Contains('/') && !name.Any(char.IsControl))
            return name;

        // Somebody's location may hold a password, which belongs into no message.
        throw new StoreException(StoreError.InvalidLocation, $"The location is not {prefix}<name>.", location.Contains('@') ? null : location);
    }
}
