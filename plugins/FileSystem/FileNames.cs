using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.FileSystem;

/// <summary>The names in a store's directory and the locations made of them. Locations are upstream's: the path as it is, without percent-encoding.</summary>
internal static class FileNames
{
    private const string PartPrefix = ".glance-";
    private const string PartSuffix = ".part";
    private const int ImageIdLength = 36;
    private const int AttemptIdLength = 32;
    private static readonly SearchValues<char> LowerHex = SearchValues.Create("0123456789abcdef");

    /// <summary>The location of an image in a directory.</summary>
    public static string LocationOf(string directory, string imageId) => $"file://{directory}/{imageId}";

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
        if (name[PartPrefix.Length + ImageIdLength] != '-' || !Guid.TryParseExact(imageId, "D", out _) || attemptId.ContainsAnyExcept(LowerHex))
            return false;

        attempt = new WriteAttempt(imageId.ToString(), attemptId.ToString());
        return true;
    }

    /// <summary>The file name in a location, which must be one name directly in the directory.</summary>
    /// <remarks>Older deployments hold images under names that are not UUIDs, so any plain name is good; a leading dot is not, because
    /// unfinished files and <c>..</c> begin with one.</remarks>
    /// <returns>Null for anything else.</returns>
    public static string? NameIn(string directory, string location)
    {
        foreach (var scheme in (ReadOnlySpan<string>)["file://", "filesystem://"])
        {
            if (!location.StartsWith(scheme, StringComparison.Ordinal))
                continue;
            var path = location.AsSpan(scheme.Length);
            var name = path.StartsWith(directory, StringComparison.Ordinal) && path.Length > directory.Length + 1 && path[directory.Length] == '/'
                ? path[(directory.Length + 1)..]
                : default;
            return name.Length is > 0 and <= 255 && name[0] != '.' && !name.Contains('/') && !ContainsControl(name) ? name.ToString() : null;
        }

        return null;
    }

    /// <summary>Whether the text holds a control character, NUL among them.</summary>
    public static bool ContainsControl(ReadOnlySpan<char> text)
    {
        foreach (var character in text)
        {
            if (char.IsControl(character))
                return true;
        }

        return false;
    }
}
