namespace GlanceGateway.Formats;

/// <summary>The last bytes of a stream of unknown length. Each byte is copied at most twice, however small the pieces are.</summary>
internal sealed class RollingTail
{
    private readonly byte[] buffer = new byte[2 * Capture.TailLength];
    private int count;

    public ReadOnlySpan<byte> Bytes => buffer.AsSpan(Math.Max(0, count - Capture.TailLength), Math.Min(count, Capture.TailLength));

    public void Append(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length >= Capture.TailLength)
        {
            bytes[^Capture.TailLength..].CopyTo(buffer);
            count = Capture.TailLength;
            return;
        }

        if (count + bytes.Length > buffer.Length)
        {
            Bytes.CopyTo(buffer);
            count = Capture.TailLength;
        }

        bytes.CopyTo(buffer.AsSpan(count));
        count += bytes.Length;
    }
}
