using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Abstractions;

/// <summary>On an <see cref="IByteSource"/>: its bytes are a regular local file, whole and never changed while it exists.</summary>
/// <remarks>Grants sendfile and FUSE passthrough. A driver on a network filesystem, or one that stores anything but the plain bytes, does not have it.</remarks>
public interface ILocalFile
{
    /// <summary>An open read-only descriptor that belongs to the source and lives as long as it; deleting the object does not end it.</summary>
    SafeFileHandle Handle { get; }
}

/// <summary>A run of bytes that is either data or a hole.</summary>
/// <param name="Offset">Where it begins.</param>
/// <param name="Length">Bytes, more than 0.</param>
/// <param name="IsHole">True when it reads as zeros and occupies nothing.</param>
public readonly record struct Extent(long Offset, long Length, bool IsHole);

/// <summary>On an <see cref="IByteSource"/>: the backend knows its holes.</summary>
public interface IExtentMap
{
    /// <summary>The run that holds <paramref name="offset"/>, from that offset to the run's end.</summary>
    /// <param name="offset">From 0 to the length less 1.</param>
    /// <param name="cancellationToken">Ends the question.</param>
    ValueTask<Extent> GetExtentAsync(long offset, CancellationToken cancellationToken);
}

/// <summary>On an <see cref="IStorageDriver"/>: it knows how much room it has.</summary>
public interface IStoreCapacity
{
    /// <summary>Asks the backend.</summary>
    ValueTask<StoreCapacity> GetCapacityAsync(CancellationToken cancellationToken);
}

/// <summary>The room of a store in bytes.</summary>
/// <param name="Total">All of it.</param>
/// <param name="Free">What can still be written with our credentials.</param>
public sealed record StoreCapacity(long Total, long Free);

/// <summary>On an <see cref="IStorageDriver"/>: the local paths it writes to, which must not lie under the mount.</summary>
public interface ILocalPaths
{
    /// <summary>Absolute paths of directories.</summary>
    IReadOnlyList<string> Paths { get; }
}

/// <summary>On an <see cref="IStorageDriver"/>: it only reads, whatever it is asked to do. The host does not ask it to write or delete.</summary>
public interface IReadOnlyStore;
