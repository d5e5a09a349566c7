using System.Buffers;
using System.IO.Pipelines;

namespace GlanceGateway.Bench;

/// <summary>The body of a request as the server hands it out: segments of 4 KiB, up to 64 KiB at a time, always there at once. Allocates
/// nothing once it is made, so that what a benchmark counts is the pipeline's.</summary>
internal sealed class SegmentedBody : PipeReader
{
    private const int SegmentBytes = 4096;
    private const int BytesAtOnce = 64 * 1024;

    private readonly ReadOnlySequence<byte> whole;
    private ReadOnlySequence<byte> rest;

    public SegmentedBody(byte[] data)
    {
        var first = new Segment(data.AsMemory(0, Math.Min(SegmentBytes, data.Length)), null);
        var last = first;
        for (var at = SegmentBytes; at < data.Length; at += SegmentBytes)
        {
            last = new Segment(data.AsMemory(at, Math.Min(SegmentBytes, data.Length - at)), last);
        }

        whole = rest = new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    /// <summary>Begins again.</summary>
    public SegmentedBody Rewound()
    {
        rest = whole;
        return this;
    }

    public override bool TryRead(out ReadResult result)
    {
        var isLast = rest.Length <= BytesAtOnce;
        result = new ReadResult(isLast ? rest : rest.Slice(0, BytesAtOnce), isCanceled: false, isCompleted: isLast);
        return true;
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        _ = TryRead(out var result);
        return ValueTask.FromResult(result);
    }

    public override void AdvanceTo(SequencePosition consumed) => rest = rest.Slice(consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => AdvanceTo(consumed);

    public override void CancelPendingRead()
    {
        // No read is ever pending.
    }

    public override void Complete(Exception? exception = null)
    {
        // Nothing to give back.
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, Segment? previous)
        {
            Memory = memory;
            if (previous is not null)
            {
                RunningIndex = previous.RunningIndex + previous.Memory.Length;
                previous.Next = this;
            }
        }
    }
}
