using System.Numerics;
using System.Security.Cryptography;

namespace GlanceGateway.Images;

/// <summary>
/// Verifies RSASSA-PSS signatures (RFC 8017, 8.1.2 and 9.1.2) whose salt is as long as the key allows and whose mask is MGF1 over the same
/// hash: what OpenStack's signatures are, and what .NET does not verify, whose salts are as long as the hash; nor does .NET know SHA-224.
/// </summary>
/// <remarks>Only public values are computed with, so nothing here need take constant time.</remarks>
internal static class RsaPss
{
    private const int MostModulusBytes = 2048;

    /// <summary>As OpenSSL limits it: a longer exponent only makes verifying slow.</summary>
    private const int MostExponentBytes = 8;

    /// <summary>Whether a signature is one of the key's over a hash.</summary>
    /// <param name="key">The public key. One beyond 16384 bits verifies nothing.</param>
    /// <param name="method">The hash.</param>
    /// <param name="hash">Its value over the data.</param>
    /// <param name="signature">As long as the modulus.</param>
    public static bool Verify(RSAParameters key, SignatureHash method, byte[] hash, byte[] signature)
    {
        var modulus = new BigInteger(key.Modulus!, isUnsigned: true, isBigEndian: true);
        var modulusBits = (int)modulus.GetBitLength();
        var modulusLength = (modulusBits + 7) / 8;
        var value = new BigInteger(signature, isUnsigned: true, isBigEndian: true);
        if (modulusLength > MostModulusBytes || key.Exponent!.Length > MostExponentBytes || signature.Length != modulusLength || value >= modulus)
        {
            return false;
        }

        var opened = BigInteger.ModPow(value, new BigInteger(key.Exponent, isUnsigned: true, isBigEndian: true), modulus);
        var length = (modulusBits - 1 + 7) / 8;
        var maskLength = length - hash.Length - 1;
        if (opened.GetByteCount(isUnsigned: true) > length || maskLength < 1)
        {
            return false;
        }

        var encoded = new byte[length];
        var digits = opened.ToByteArray(isUnsigned: true, isBigEndian: true);
        digits.CopyTo(encoded, length - digits.Length);
        var spareBits = 8 * length - (modulusBits - 1);
        var spare = (byte)(0xff00 >> spareBits);
        if (encoded[^1] != 0xbc || (encoded[0] & spare) != 0)
        {
            return false;
        }

        var seed = encoded.AsSpan(maskLength, hash.Length);
        var block = encoded.AsSpan(0, maskLength).ToArray();
        Mask(block, seed, method);
        block[0] &= (byte)~spare;

        // The longest salt leaves no padding before the one that ends it.
        if (block[0] != 1)
        {
            return false;
        }

        byte[] bound = [.. new byte[8], .. hash, .. block.AsSpan(1)];
        return method.Once(bound).AsSpan().SequenceEqual(seed);
    }

    private static void Mask(Span<byte> block, ReadOnlySpan<byte> seed, SignatureHash method)
    {
        for (var (done, counter) = (0, 0); done < block.Length; counter++)
        {
            byte[] input = [.. seed, (byte)(counter >> 24), (byte)(counter >> 16), (byte)(counter >> 8), (byte)counter];
            foreach (var mask in method.Once(input).AsSpan(0, Math.Min(seed.Length, block.Length - done)))
            {
                block[done++] ^= mask;
            }
        }
    }
}
