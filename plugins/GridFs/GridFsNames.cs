using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.GridFs;

/// <summary>The ids of a store's files, and upstream's locations made of them: <c>gridfs://id</c>, without server and database.</summary>
internal static class GridFsNames
{
    private const string Scheme = "gridfs://";
    private const int ImageIdLength = 36;
    private const int AttemptIdLength = 32;
    private static readonly SearchValues<char> lowerHex = SearchValues.Create("0123456789abcdef");
    private static readonly SearchValues<char> plain = SearchValues.Create("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.-");

    /// <summary>The location of a file.</summary>
    public static string LocationOf(string fileId) => Scheme + fileId;

    /// <summary>What names an attempt, and the file of one that could not have the image's own id.</summary>
    /// <exception cref="ArgumentException">The ids are not of the contract's form.</exception>
    public static string OfAttempt(WriteAttempt attempt)
    {
        var name = $"{attempt.ImageId}-{attempt.AttemptId}";
        return TryParseAttempt(name, out _) ? name : throw new ArgumentException("The image id or the attempt id is malformed.", nameof(attempt));
    }

    /// <summary>Reads what names an attempt; every other name is not ours.</summary>
    public static bool TryParseAttempt(string name, [NotNullWhen(true)] out WriteAttempt? attempt)
    {
        attempt = null;
        if (name.Length != ImageIdLength + 1 + AttemptIdLength || name[ImageIdLength] != '-'
            || !Guid.TryParseExact(name.AsSpan(0, ImageIdLength), "D", out _)
            || name.AsSpan(ImageIdLength + 1).ContainsAnyExcept(lowerHex))
            return false;
        attempt = new WriteAttempt(name[..ImageIdLength], name[(ImageIdLength + 1)..]);
        return true;
    }

    /// <summary>The file that a location names.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.InvalidLocation"/> when it does not name one plainly.</exception>
    public static string FileIn(string location)
    {
        if (location.StartsWith(Scheme, StringComparison.Ordinal)
            && location[Scheme.Length..] is { Length: > 0 and <= 255 } id
            && id[0] != '.'
            && !id.AsSpan().ContainsAnyExcept(plain))
            return id;

        // Somebody's location may hold a password, which belongs into no message.
        throw new StoreException(StoreError.InvalidLocation, "The location is not gridfs://<id>.", location.Contains('@') ? null : location);
    }
}
