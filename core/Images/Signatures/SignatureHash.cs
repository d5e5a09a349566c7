using System.Security.Cryptography;

namespace GlanceGateway.Images;

/// <summary>A hash that signatures are made over, as <c>img_signature_hash_method</c> names it.</summary>
/// <param name="Name">The name.</param>
/// <param name="Once">Hashes some bytes.</param>
internal sealed record SignatureHash(string Name, Func<byte[], byte[]> Once)
{
    /// <summary>The hash that every upload computes anyway.</summary>
    public static SignatureHash Sha512 { get; } = new("SHA-512", SHA512.HashData);

    private static readonly SignatureHash[] known =
    [
        new("SHA-224", data => Sha224.HashData(data)),
        new("SHA-256", SHA256.HashData),
        new("SHA-384", SHA384.HashData),
        Sha512,
    ];

    /// <summary>The hash of a name; null for an unknown one.</summary>
    public static SignatureHash? Find(string name) => Array.Find(known, hash => hash.Name == name);

    /// <summary>The hash of data that comes in pieces.</summary>
    public IRunningHash Start() => Name switch
    {
        "SHA-224" => new RunningSha224(),
        "SHA-256" => new RunningHash(HashAlgorithmName.SHA256),
        "SHA-384" => new RunningHash(HashAlgorithmName.SHA384),
        _ => new RunningHash(HashAlgorithmName.SHA512),
    };

    /// <summary>A hash under way.</summary>
    internal interface IRunningHash : IDisposable
    {
        /// <summary>Adds bytes.</summary>
        void Append(ReadOnlySpan<byte> data);

        /// <summary>Ends it.</summary>
        byte[] Finish();
    }

    private sealed class RunningSha224 : IRunningHash
    {
        private readonly Sha224 hash = new();

        public void Append(ReadOnlySpan<byte> data) => hash.Append(data);

        public byte[] Finish() => hash.Finish();

        public void Dispose()
        {
            // Nothing is held.
        }
    }

    private sealed class RunningHash(HashAlgorithmName name) : IRunningHash
    {
        private readonly IncrementalHash hash = IncrementalHash.CreateHash(name);

        public void Append(ReadOnlySpan<byte> data) => hash.AppendData(data);

        public byte[] Finish() => hash.GetHashAndReset();

        public void Dispose() => hash.Dispose();
    }
}
