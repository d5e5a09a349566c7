namespace GlanceGateway.Formats.Raw;

/// <summary>A disk inside an image: where each of its bytes lies. One class per format; used by many readers at once.</summary>
/// <param name="file">The image.</param>
/// <param name="length">Bytes that the guest sees.</param>
internal abstract class RawDisk(ImageFile file, long length)
{
    /// <summary>The image.</summary>
    protected ImageFile File { get; } = file;

    /// <summary>Bytes that the guest sees.</summary>
    public long Length { get; } = length;

    /// <summary>Bytes that lie together in the file, and unpack together.</summary>
    public abstract int ClusterLength { get; }

    /// <summary>Where the bytes from that offset lie.</summary>
    /// <param name="offset">From 0 to the length less 1.</param>
    /// <param name="cancellationToken">Ends the look-up.</param>
    public abstract ValueTask<Run> FindAsync(long offset, CancellationToken cancellationToken);

    /// <summary>Unpacks a compressed cluster, for disks that have them.</summary>
    public virtual Task<ReadOnlyMemory<byte>> UnpackAsync(long at, int packedLength) => throw new NotSupportedException("The format has no compressed clusters.");
}
