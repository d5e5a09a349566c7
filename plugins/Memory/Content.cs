using GlanceGateway.Abstractions;
using State = System.Tuple<string, System.Collections.Generic.List<byte[]?>, long[]>;

namespace GlanceGateway.Plugins.Memory;

/// <summary>
/// The bytes of one attempt in chunks; a chunk that was never written is null, reads as zeros and costs nothing. Written by one writer, then
/// published, then only read: that order is the caller's, so reads need no lock.
/// </summary>
/// <param name="budget">What the chunks are taken from.</param>
/// <param name="state">Where everything is kept: <see cref="Backend"/> says why not here.</param>
internal sealed class Content(MemoryBudget budget, State state)
{
    /// <summary>Bytes of a chunk, and the size in which the driver asks to be written.</summary>
    public const int ChunkSize = 256 * 1024;

    private readonly List<byte[]?> chunks = state.Item2;
    private readonly long[] numbers = state.Item3;

    /// <summary>Bytes so far, holes included.</summary>
    public long Length
    {
        get => numbers[0];
        private set => numbers[0] = value;
    }

    /// <summary>Bytes taken from the budget.</summary>
    public long Occupied => Interlocked.Read(ref numbers[1]);

    /// <summary>What tells this content from any other that had the same name: the attempt that made it.</summary>
    public string Validator => state.Item1;

    /// <summary>What is handed on to another driver.</summary>
    public State State => state;

    /// <summary>Nothing yet.</summary>
    public static State Empty(string attemptId) => new(attemptId, [], new long[2]);

    /// <summary>Appends a copy of the bytes: the buffer is the host's and is used again as soon as the call ends.</summary>
    /// <returns>False when the budget is used up; what was appended until then stays until the attempt is aborted.</returns>
    public bool TryAppend(ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty)
        {
            var index = (int)(Length / ChunkSize);
            var within = (int)(Length % ChunkSize);
            if (index == chunks.Count)
                chunks.Add(null);
            if (chunks[index] is null)
            {
                if (!budget.TryTake(ChunkSize))
                    return false;
                Interlocked.Add(ref numbers[1], ChunkSize);
                chunks[index] = new byte[ChunkSize];
            }

            var count = Math.Min(data.Length, ChunkSize - within);
            data[..count].CopyTo(chunks[index].AsSpan(within));
            data = data[count..];
            Length += count;
        }

        return true;
    }

    /// <summary>Appends zeros: chunks are born zero, so only the length grows.</summary>
    public void AppendZeros(long length)
    {
        Length = checked(Length + length);
        while ((long)chunks.Count * ChunkSize < Length)
            chunks.Add(null);
    }

    /// <summary>Fills the buffer from <paramref name="offset"/>; less only at the end.</summary>
    public int Read(long offset, Span<byte> buffer)
    {
        var total = 0;
        while (!buffer.IsEmpty && offset < Length)
        {
            var within = (int)(offset % ChunkSize);
            var count = (int)Math.Min(Math.Min(buffer.Length, ChunkSize - within), Length - offset);
            if (chunks[(int)(offset / ChunkSize)] is { } chunk)
                chunk.AsSpan(within, count).CopyTo(buffer);
            else
                buffer[..count].Clear();
            buffer = buffer[count..];
            offset += count;
            total += count;
        }

        return total;
    }

    /// <summary>The run of written or unwritten chunks from <paramref name="offset"/> on.</summary>
    public Extent ExtentAt(long offset)
    {
        var index = (int)(offset / ChunkSize);
        var isHole = chunks[index] is null;
        var end = index + 1;
        while (end < chunks.Count && chunks[end] is null == isHole)
            end++;
        return new Extent(offset, Math.Min(Length, (long)end * ChunkSize) - offset, isHole);
    }

    /// <summary>Returns the memory to the budget once nothing names the content any more. Idempotent.</summary>
    public void GiveBack() => budget.Give(Interlocked.Exchange(ref numbers[1], 0));
}
