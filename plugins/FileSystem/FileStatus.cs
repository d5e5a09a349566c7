namespace GlanceGateway.Plugins.FileSystem;

/// <summary>What the filesystem says of a file.</summary>
/// <param name="Device">With <paramref name="Inode"/>: which file it is, whatever its names.</param>
/// <param name="Inode">Its number on the device.</param>
/// <param name="IsRegular">False for directories, links, pipes and devices.</param>
/// <param name="Size">Bytes that can be read.</param>
/// <param name="Occupied">Bytes on disk.</param>
/// <param name="ModifiedSeconds">Last change of the bytes, since 1970 in UTC.</param>
/// <param name="ModifiedNanoseconds">The fraction of that second.</param>
internal readonly record struct FileStatus(
    ulong Device, ulong Inode, bool IsRegular, long Size, long Occupied, long ModifiedSeconds, uint ModifiedNanoseconds)
{
    /// <summary>Whether both are names of one file.</summary>
    public bool IsSameFile(FileStatus other) => Device == other.Device && Inode == other.Inode;
}
