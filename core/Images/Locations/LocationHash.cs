using System.Buffers;
using System.Security.Cryptography;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Images;

/// <summary>Hashes of everything at a location.</summary>
/// <param name="Size">Bytes.</param>
/// <param name="Md5">The checksum of the API.</param>
/// <param name="Sha512">The hash of the API.</param>
/// <param name="Sha256">For claims that name it.</param>
internal sealed record LocationHash(long Size, string Md5, string Sha512, string Sha256)
{
    private const int ChunkBytes = 1 << 20;

    /// <summary>Reads a source to its end, with one request and one buffer.</summary>
    /// <exception cref="StoreException">The store failed.</exception>
    public static async Task<LocationHash> ComputeAsync(IByteSource source, CancellationToken cancellationToken)
    {
        using var hasher = new DataHasher();
        using var sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await using var stream = await source.OpenRangeAsync(0, null, cancellationToken);
        var buffer = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            long size = 0;
            while (true)
            {
                var count = await stream.ReadAtLeastAsync(buffer.AsMemory(0, ChunkBytes), ChunkBytes, throwOnEndOfStream: false, cancellationToken);
                if (count == 0)
                {
                    break;
                }

                sha256.AppendData(buffer.AsSpan(0, count));
                await hasher.AppendAsync(buffer.AsMemory(0, count));
                size += count;
            }

            var (md5, sha512) = hasher.Finish();
            return new LocationHash(size, md5, sha512, Convert.ToHexStringLower(sha256.GetHashAndReset()));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Whether the data is what was said of it.</summary>
    public bool Proves(string algorithm, string value) => value.Equals(algorithm == "sha256" ? Sha256 : Sha512, StringComparison.OrdinalIgnoreCase);
}
