using System.Diagnostics;

namespace GlanceGateway.Formats;

/// <summary>A region of the image that a probe asks for. Its memory is taken when its first byte arrives, so a claim costs nothing.</summary>
internal sealed class Capture
{
    /// <summary>The most that one capture holds. Ten probes hold one or two each, which keeps an inspector under a mebibyte.</summary>
    public const int MaxLength = 64 * 1024;

    /// <summary>No region may begin behind this, so that sums of offsets and lengths cannot overflow.</summary>
    public const long MaxOffset = 1L << 60;

    /// <summary>What is kept of the end of the image: the longest trailer of a known format, the three sectors of a stream-optimized VMDK.</summary>
    public const int TailLength = 1536;

    private byte[] buffer = [];

    /// <param name="offset">Bytes from the start of the image, not before the end of the probe's previous capture.</param>
    /// <param name="length">Bytes; the capture comes out shorter when the image ends in it.</param>
    public Capture(long offset, int length)
    {
        Debug.Assert(offset is >= 0 and <= MaxOffset && length is > 0 and <= MaxLength, "probes check what an image claims before they ask for it");
        (Offset, Length) = (offset, length);
    }

    private Capture() => AtEnd = true;

    /// <summary>Whether it is the end of the image, known when the image has ended. Nothing can be captured after it.</summary>
    public bool AtEnd { get; }

    /// <summary>Where it begins, in bytes from the start of the image.</summary>
    public long Offset { get; private set; }

    /// <summary>Bytes asked for.</summary>
    public int Length { get; private set; }

    /// <summary>Bytes that came.</summary>
    public int Count { get; private set; }

    /// <summary>Whether all of it came.</summary>
    public bool IsComplete => Count == Length;

    /// <summary>What came.</summary>
    public ReadOnlySpan<byte> Bytes => buffer.AsSpan(0, Count);

    /// <summary>Where the image ends, for a capture at the end.</summary>
    public long TotalBytes => Offset + Count;

    /// <summary>The last bytes of the image, <see cref="TailLength"/> or all of a shorter one.</summary>
    public static Capture End() => new();

    /// <summary>Takes what belongs to it from consecutive bytes of the image.</summary>
    /// <returns>Whether it is complete.</returns>
    public bool Fill(long position, ReadOnlySpan<byte> bytes)
    {
        var skip = Offset + Count - position;
        Debug.Assert(skip >= 0, "captures of a probe move forward");
        if (skip < bytes.Length)
        {
            var part = bytes[(int)skip..];
            part = part[..Math.Min(part.Length, Length - Count)];
            if (part.Length > 0)
            {
                Take(part);
            }
        }

        return IsComplete;
    }

    /// <summary>Gives a capture at the end its bytes.</summary>
    public void FillEnd(long totalBytes, ReadOnlySpan<byte> tail)
    {
        (buffer, Offset, Length, Count) = (tail.ToArray(), totalBytes - tail.Length, tail.Length, tail.Length);
    }

    private void Take(ReadOnlySpan<byte> part)
    {
        if (buffer.Length == 0)
        {
            buffer = new byte[Length];
        }

        part.CopyTo(buffer.AsSpan(Count));
        Count += part.Length;
    }
}
