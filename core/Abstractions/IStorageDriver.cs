namespace GlanceGateway.Abstractions;

/// <summary>
/// A storage backend as one configured store sees it. Made once per store, safe for concurrent use, and without per-transfer state:
/// what belongs to a transfer lives in the <see cref="IStoreWriter"/> or <see cref="IByteSource"/>.
/// </summary>
/// <remarks>
/// Abilities beyond these members are capability interfaces on the driver (<see cref="IStoreCapacity"/>) or on the source
/// (<see cref="ILocalFile"/>, <see cref="IExtentMap"/>), asked for with <c>is</c>; there is no "not supported" exception.
/// Any exception other than <see cref="StoreException"/> and <see cref="OperationCanceledException"/> is a bug of the driver and is
/// reported as <see cref="StoreError.Unexpected"/>. After a cancelled or failed call the driver is as usable as before it.
/// </remarks>
public interface IStorageDriver : IAsyncDisposable
{
    /// <summary>Starts to write one image. Nothing of the image is visible under its final name before the commit.</summary>
    /// <returns><see cref="StoreOutcome.Duplicate"/> when the final name is already known to be taken, <see cref="StoreOutcome.Full"/> when the
    /// declared size cannot fit, <see cref="StoreOutcome.Denied"/> when writing is forbidden. The caller owns and disposes the writer.</returns>
    /// <exception cref="StoreException">A fault; nothing is left behind, or only residue of this attempt.</exception>
    ValueTask<StoreResult<IStoreWriter>> BeginWriteAsync(WriteRequest request, CancellationToken cancellationToken);

    /// <summary>Opens a stored object for reading. The caller owns and disposes the source.</summary>
    /// <param name="location">A location that a commit of this store returned, or one of upstream's form for this backend.</param>
    /// <param name="cancellationToken">Ends the attempt to open.</param>
    /// <returns><see cref="StoreOutcome.Absent"/> when the object is gone, <see cref="StoreOutcome.Denied"/> when reading is forbidden.</returns>
    /// <exception cref="StoreException"><see cref="StoreError.InvalidLocation"/> when the location is not of this store.</exception>
    ValueTask<StoreResult<IByteSource>> OpenAsync(string location, CancellationToken cancellationToken);

    /// <summary>Deletes a stored object. Idempotent: an object that is gone is <see cref="StoreOutcome.Absent"/>, which callers treat as done.</summary>
    /// <returns><see cref="StoreOutcome.InUse"/> and <see cref="StoreOutcome.Denied"/> leave the object whole and readable.</returns>
    /// <exception cref="StoreException"><see cref="StoreError.InvalidLocation"/> when the location is not of this store.</exception>
    ValueTask<StoreOutcome> DeleteAsync(string location, CancellationToken cancellationToken);

    /// <summary>
    /// Lists what unfinished or unsettled attempts left in the backend, of this registry and of any other that shares the backend. The host
    /// decides what may go; a driver never sweeps by itself.
    /// </summary>
    IAsyncEnumerable<Residue> ListResidueAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Forgets an attempt: removes everything it left that is not the finished object, and the finished object too when the registry does
    /// not hold it. Idempotent; an attempt that left nothing is done at once. A writer of the attempt that is still open, here or in another
    /// process, can no longer commit, where the backend can tell.
    /// </summary>
    /// <param name="attempt">The attempt, as given to <see cref="BeginWriteAsync"/>.</param>
    /// <param name="keepCommitted">True after the registry has recorded the location: the object stays and only the traces go. False
    /// when it has not: an object under the final name goes too, but only if this very attempt made it.</param>
    /// <param name="cancellationToken">Ends the clean-up; it may be called again.</param>
    ValueTask SettleAsync(WriteAttempt attempt, bool keepCommitted, CancellationToken cancellationToken);
}
