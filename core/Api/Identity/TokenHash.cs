using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace GlanceGateway.Api;

/// <summary>The SHA-256 of a token: what is kept in memory and compared in its place. How long comparing takes tells nothing of the token.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct TokenHash(ulong A, ulong B, ulong C, ulong D)
{
    /// <summary>Longer than any token: even those that carry a whole catalogue are sent as their hash.</summary>
    private const int LongestToken = 8192;

    /// <summary>The hash of a token.</summary>
    /// <returns>Null for text that cannot be a token: empty, beyond 8192 characters, or with anything but visible ASCII.</returns>
    public static TokenHash? Of(string token)
    {
        if (token.Length is 0 or > LongestToken || token.AsSpan().ContainsAnyExceptInRange('!', '~'))
            return null;
        Span<byte> bytes = token.Length <= 1024 ? stackalloc byte[token.Length] : new byte[token.Length];
        Encoding.ASCII.GetBytes(token, bytes);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, hash);
        return Of(hash);
    }

    /// <summary>A hash from its 32 bytes.</summary>
    public static TokenHash Of(ReadOnlySpan<byte> hash) => new(
        BinaryPrimitives.ReadUInt64LittleEndian(hash),
        BinaryPrimitives.ReadUInt64LittleEndian(hash[8..]),
        BinaryPrimitives.ReadUInt64LittleEndian(hash[16..]),
        BinaryPrimitives.ReadUInt64LittleEndian(hash[24..]));
}
