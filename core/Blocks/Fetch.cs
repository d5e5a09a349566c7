namespace GlanceGateway.Blocks;

/// <summary>A run of blocks on its way from a source. Its numbers change under the gate of its object.</summary>
internal sealed class Fetch(long first, long end, CancellationToken stop)
{
    /// <summary>The first block that is not there yet; what lies before it is done.</summary>
    public long Position { get; set; } = first;

    /// <summary>The block behind the last.</summary>
    public long End { get; } = end;

    /// <summary>Set when nobody has the object open any more.</summary>
    public CancellationToken Stop { get; } = stop;

    /// <summary>Whether this fetch will bring a block.</summary>
    public bool Covers(long block) => Position <= block && block < End;
}
