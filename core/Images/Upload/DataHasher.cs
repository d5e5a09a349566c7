using System.Security.Cryptography;

namespace GlanceGateway.Images;

/// <summary>MD5 and SHA-512 of a stream, fed in order, and what its signature needs.</summary>
/// <remarks>
/// A core hashes about 0.6 GB/s of either, so one after the other would cap a transfer near 0.3 GB/s. Side by side doubles that while
/// there are idle cores; with as many transfers as cores it only adds hand-overs, so then both run on one.
/// </remarks>
internal sealed class DataHasher : IDisposable
{
    private static int active;

    private readonly IncrementalHash sha512 = IncrementalHash.CreateHash(HashAlgorithmName.SHA512);

#pragma warning disable CA5351 // MD5 is the Images API's checksum; the trusted hash is the other one.
    private readonly IncrementalHash md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
#pragma warning restore CA5351

    private readonly SignatureCheck? signature;

    /// <param name="signature">Sees the same bytes; not disposed. Null for none.</param>
    public DataHasher(SignatureCheck? signature = null)
    {
        this.signature = signature is { IsFed: true } ? signature : null;
        Interlocked.Increment(ref active);
    }

    /// <summary>Adds bytes. The buffer must stay as it is until the task ends; one call at a time.</summary>
    public Task AppendAsync(ReadOnlyMemory<byte> data)
    {
        if (Volatile.Read(ref active) >= Environment.ProcessorCount)
        {
            return Task.Run(() =>
            {
                sha512.AppendData(data.Span);
                md5.AppendData(data.Span);
                signature?.Append(data.Span);
            });
        }

        return Task.WhenAll(
            Task.Run(() => sha512.AppendData(data.Span)),
            Task.Run(() => md5.AppendData(data.Span)),
            signature is null ? Task.CompletedTask : Task.Run(() => signature.Append(data.Span)));
    }

    /// <summary>Ends both hashes.</summary>
    /// <returns>Lower-case hexadecimal digits.</returns>
    public (string Md5, string Sha512) Finish() =>
        (Convert.ToHexStringLower(md5.GetHashAndReset()), Convert.ToHexStringLower(sha512.GetHashAndReset()));

    public void Dispose()
    {
        Interlocked.Decrement(ref active);
        md5.Dispose();
        sha512.Dispose();
    }
}
