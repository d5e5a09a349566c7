using System.Security.Cryptography;

namespace GlanceGateway.Blocks.Tests;

/// <summary>Bytes to cache: the same ones for the same seed, in every process.</summary>
internal static class Content
{
    /// <summary>Random bytes with some runs of zeros, as images have.</summary>
    public static byte[] Of(int length, int seed)
    {
        var random = new Random(seed);
        var bytes = new byte[length];
        random.NextBytes(bytes);
        for (var i = 0; i < length / (1 << 20); i++)
        {
            var start = random.Next(length);
            bytes.AsSpan(start, Math.Min(length - start, random.Next(300_000))).Clear();
        }

        return bytes;
    }

    public static BlockKey Key(string id, byte[] bytes) => new(id, "sha512", Convert.ToHexStringLower(SHA512.HashData(bytes)));
}
