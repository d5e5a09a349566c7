namespace GlanceGateway.Fuse;

/// <summary>Requests received since the session began, by operation.</summary>
public sealed class FuseCounters
{
    private const int Slots = 64;

    private readonly long[] _counts = new long[Slots];
    private long _asynchronous;

    /// <summary>Number of requests of one operation; operations not named in <see cref="FuseOpcode"/> share slot 0.</summary>
    public long this[FuseOpcode opcode] => Interlocked.Read(ref _counts[Slot((uint)opcode)]);

    /// <summary>Reads that <see cref="FuseFileSystem.TryRead"/> passed on to <see cref="FuseFileSystem.ReadAsync"/>.</summary>
    public long AsynchronousReads => Interlocked.Read(ref _asynchronous);

    internal void Count(uint opcode) => Interlocked.Increment(ref _counts[Slot(opcode)]);

    internal void CountAsynchronousRead() => Interlocked.Increment(ref _asynchronous);

    private static int Slot(uint opcode) => opcode < Slots ? (int)opcode : 0;
}
