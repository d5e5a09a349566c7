using System.Buffers.Binary;
using System.Numerics;

namespace GlanceGateway.Images;

/// <summary>SHA-224 (FIPS 180-4), which .NET does not offer: SHA-256 from another start, cut to 28 bytes.</summary>
/// <remarks>Whole blocks of 64 bytes are mixed in where they lie; only what is left of a piece is kept. Not safe for concurrent use.</remarks>
internal sealed class Sha224
{
    /// <summary>Bytes of a hash.</summary>
    public const int HashLength = 28;

    private const int BlockLength = 64;

    private static readonly uint[] constants =
    [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    ];

    private readonly uint[] state = [0xc1059ed8, 0x367cd507, 0x3070dd17, 0xf70e5939, 0xffc00b31, 0x68581511, 0x64f98fa7, 0xbefa4fa4];
    private readonly byte[] pending = new byte[BlockLength];
    private long length;

    /// <summary>The hash of some bytes.</summary>
    public static byte[] HashData(ReadOnlySpan<byte> data)
    {
        var hash = new Sha224();
        hash.Append(data);
        return hash.Finish();
    }

    /// <summary>Adds bytes.</summary>
    public void Append(ReadOnlySpan<byte> data)
    {
        var kept = (int)(length % BlockLength);
        length += data.Length;
        if (kept > 0)
        {
            var taken = Math.Min(BlockLength - kept, data.Length);
            data[..taken].CopyTo(pending.AsSpan(kept));
            if (kept + taken < BlockLength)
            {
                return;
            }

            Mix(pending);
            data = data[taken..];
        }

        for (; data.Length >= BlockLength; data = data[BlockLength..])
        {
            Mix(data);
        }

        data.CopyTo(pending);
    }

    /// <summary>Ends it. Nothing can be added afterwards.</summary>
    public byte[] Finish()
    {
        var bits = length * 8;
        var zeros = (int)((2 * BlockLength - 9 - length % BlockLength) % BlockLength);
        Span<byte> end = stackalloc byte[1 + zeros + 8];
        end.Clear();
        end[0] = 0x80;
        BinaryPrimitives.WriteInt64BigEndian(end[^8..], bits);
        Append(end);
        var hash = new byte[HashLength];
        for (var i = 0; i < HashLength / 4; i++)
        {
            BinaryPrimitives.WriteUInt32BigEndian(hash.AsSpan(4 * i), state[i]);
        }

        return hash;
    }

    private void Mix(ReadOnlySpan<byte> block)
    {
        Span<uint> words = stackalloc uint[64];
        for (var i = 0; i < 16; i++)
        {
            words[i] = BinaryPrimitives.ReadUInt32BigEndian(block[(4 * i)..]);
        }

        for (var i = 16; i < 64; i++)
        {
            var (x, y) = (words[i - 15], words[i - 2]);
            words[i] = words[i - 16] + words[i - 7]
                + (BitOperations.RotateRight(x, 7) ^ BitOperations.RotateRight(x, 18) ^ (x >> 3))
                + (BitOperations.RotateRight(y, 17) ^ BitOperations.RotateRight(y, 19) ^ (y >> 10));
        }

        var (a, b, c, d, e, f, g, h) = (state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7]);
        for (var i = 0; i < 64; i++)
        {
            var first = h + (BitOperations.RotateRight(e, 6) ^ BitOperations.RotateRight(e, 11) ^ BitOperations.RotateRight(e, 25))
                + ((e & f) ^ (~e & g)) + constants[i] + words[i];
            var second = (BitOperations.RotateRight(a, 2) ^ BitOperations.RotateRight(a, 13) ^ BitOperations.RotateRight(a, 22))
                + ((a & b) ^ (a & c) ^ (b & c));
            (h, g, f, e, d, c, b, a) = (g, f, e, d + first, c, b, a, first + second);
        }

        state[0] += a;
        state[1] += b;
        state[2] += c;
        state[3] += d;
        state[4] += e;
        state[5] += f;
        state[6] += g;
        state[7] += h;
    }
}
