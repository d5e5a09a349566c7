using System.IO.Hashing;
using System.Security.Cryptography;
using System.Text;

namespace GlanceGateway.Blocks;

/// <summary>What a cached object is. Blocks of one key never answer for another: every block's checksum is seeded with all of it.</summary>
/// <param name="Id">Its name; the cache holds one object per id.</param>
/// <param name="HashAlgorithm">The algorithm of <paramref name="HashValue"/> (<c>sha512</c>, <c>md5</c>); null for none.</param>
/// <param name="HashValue">The hash of the whole in lower-case hexadecimal; null when nobody knows it: such an object never becomes a verified file.</param>
/// <param name="Generation">Anything that changes when the bytes behind the id may have changed; null for none.</param>
public sealed record BlockKey(string Id, string? HashAlgorithm = null, string? HashValue = null, string? Generation = null)
{
    /// <summary>64 bits of everything that distinguishes this object.</summary>
    internal ulong Fingerprint(long length) =>
        XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(string.Join('\n', Id, HashAlgorithm, HashValue, Generation, length)));

    /// <summary>The directory of this object: readable for the usual ids, and never a path that an id chose.</summary>
    internal string DirectoryName(long length)
    {
        var plain = Id.Length is > 0 and <= 64 && Id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');
        return $"{(plain ? Id : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Id))))}.{Fingerprint(length):x16}";
    }

    /// <summary>A running hash of the whole; null when there is none to compare with, or its algorithm is unknown here.</summary>
    internal IncrementalHash? BeginHash()
    {
        if (HashValue is null)
            return null;
        HashAlgorithmName? algorithm = HashAlgorithm?.ToLowerInvariant().Replace("-", "", StringComparison.Ordinal) switch
        {
            "sha512" => HashAlgorithmName.SHA512,
            "sha384" => HashAlgorithmName.SHA384,
            "sha256" => HashAlgorithmName.SHA256,
            "sha1" => HashAlgorithmName.SHA1,
            "md5" => HashAlgorithmName.MD5,
            _ => null,
        };
        return algorithm is { } known ? IncrementalHash.CreateHash(known) : null;
    }
}
