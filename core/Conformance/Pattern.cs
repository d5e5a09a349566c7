using System.Buffers.Binary;

namespace GlanceGateway.Conformance;

/// <summary>Bytes that are a function of a seed and their offset: any range can be made, or checked, without keeping the rest. Never zero.</summary>
/// <param name="seed">What tells one image from another.</param>
public sealed class Pattern(ulong seed)
{
    /// <summary>Fills the buffer with the bytes from an offset on.</summary>
    /// <param name="offset">In the image, from 0.</param>
    /// <param name="buffer">Filled to its end.</param>
    public void Fill(long offset, Span<byte> buffer)
    {
        Span<byte> word = stackalloc byte[8];
        for (var done = 0; done < buffer.Length;)
        {
            var position = offset + done;
            BinaryPrimitives.WriteUInt64LittleEndian(word, Mix(seed + (ulong)(position / 8)) | 0x0101010101010101);
            var within = (int)(position % 8);
            var count = Math.Min(8 - within, buffer.Length - done);
            word.Slice(within, count).CopyTo(buffer[done..]);
            done += count;
        }
    }

    /// <summary>The bytes from an offset on.</summary>
    /// <param name="offset">In the image, from 0.</param>
    /// <param name="count">How many.</param>
    public byte[] Bytes(long offset, int count)
    {
        var bytes = new byte[count];
        Fill(offset, bytes);
        return bytes;
    }

    // The finaliser of SplitMix64.
    private static ulong Mix(ulong value)
    {
        value += 0x9E3779B97F4A7C15;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
