namespace GlanceGateway.Abstractions;

/// <summary>
/// An immutable sequence of bytes that many readers use at once: a stored object, a cached one, or a view of either.
/// Dispose ends it; reads in flight then fail with <see cref="ObjectDisposedException"/>.
/// </summary>
public interface IByteSource : IAsyncDisposable
{
    /// <summary>The length in bytes, or null when the backend does not tell before the end.</summary>
    long? Length { get; }

    /// <summary>What identifies this state of the object (ETag, snapshot, modification time), or null. Every later request is conditional on it;
    /// a mismatch is <see cref="StoreError.Changed"/>.</summary>
    string? Validator { get; }

    /// <summary>How the source likes to be read.</summary>
    ByteSourceHints Hints { get; }

    /// <summary>Random access, by many at once.</summary>
    /// <param name="offset">From 0. At or beyond the end the result is 0.</param>
    /// <param name="buffer">The caller's, filled from its start.</param>
    /// <param name="cancellationToken">Ends the read.</param>
    /// <returns>The bytes read: always the whole buffer, except at the end of the source.</returns>
    /// <exception cref="StoreException">A fault of the backend.</exception>
    ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken);

    /// <summary>One forward stream, made from one backend request where the backend has ranges: for downloads, copies and fills.</summary>
    /// <param name="offset">From 0 to the length.</param>
    /// <param name="length">Bytes, or null for the rest; cut at the end of the source.</param>
    /// <param name="cancellationToken">Ends the request that opens the stream.</param>
    /// <returns>The caller's to dispose, before the source. It ends early only with an exception. <see cref="ByteSourceStream"/> makes one from
    /// random access.</returns>
    ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken);
}

/// <summary>How a source likes to be read.</summary>
/// <param name="BestRequestSize">Bytes of a request that costs the backend little more than a small one.</param>
/// <param name="Parallelism">Requests in flight from which one reader still gains; at least 1.</param>
/// <param name="Ranges">False when the backend can only send the whole object: the host then fills a cache once and reads from that.</param>
public sealed record ByteSourceHints(int BestRequestSize, int Parallelism, bool Ranges);
