namespace GlanceGateway.Abstractions;

/// <summary>
/// One attempt to write one image, front to back, by one caller at a time. Dispose without a commit aborts: the attempt leaves nothing, or
/// only residue that <see cref="IStorageDriver.ListResidueAsync"/> names when even the clean-up failed.
/// </summary>
/// <remarks>
/// Writes come in order and do not overlap; a driver that wants parts in flight (S3, Swift, RBD) copies into its own bounded buffers and
/// returns while they travel, and reports their failure from a later call. After any outcome but <see cref="StoreOutcome.Ok"/>, any
/// exception or a cancellation, only dispose is called.
/// </remarks>
public interface IStoreWriter : IAsyncDisposable
{
    /// <summary>The size in bytes in which the host should write, a power of two from 64 KiB to 8 MiB. Only the last write is smaller.</summary>
    int PreferredWriteSize { get; }

    /// <summary>Appends bytes.</summary>
    /// <param name="data">The host's buffer: valid only until the task ends. An image's upload hands out memory that begins on a page of 4 KiB and
    /// does not move; others need not.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <returns><see cref="StoreOutcome.Full"/> or <see cref="StoreOutcome.Denied"/> when the backend says so in the middle.</returns>
    ValueTask<StoreOutcome> WriteAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken);

    /// <summary>Appends <paramref name="length"/> zero bytes, as a hole where the backend has holes. What is read back is the same either way.</summary>
    ValueTask<StoreOutcome> WriteZerosAsync(long length, CancellationToken cancellationToken);

    /// <summary>
    /// Makes the object durable and visible under its final name, never over another one. Called once everything was checked; may be called
    /// again after an exception and then gives the same result, or the failure again.
    /// </summary>
    /// <returns><see cref="StoreOutcome.Duplicate"/> when another object has the name: this attempt's bytes go with the dispose.</returns>
    ValueTask<StoreResult<StoredObject>> CommitAsync(CancellationToken cancellationToken);
}
