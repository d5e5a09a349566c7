using GlanceGateway.Abstractions;

namespace GlanceGateway.Images;

/// <summary>
/// Who reads images through a mount of this process. Their deletion leaves them the bytes for a while: a virtual machine that runs from an image must not
/// find it gone under its feet. Readers of a local file are not counted, since an open descriptor outlives the name.
/// </summary>
internal sealed class MountReaders
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Reading> _readings = new(StringComparer.Ordinal);

    /// <summary>Counts a reader until the source that it gets is disposed.</summary>
    /// <param name="imageId">The image.</param>
    /// <param name="source">Its data; taken over.</param>
    public IByteSource Count(string imageId, IByteSource source)
    {
        if (source is ILocalFile)
            return source;
        lock (_gate)
        {
            if (!_readings.TryGetValue(imageId, out var reading))
                _readings[imageId] = reading = new Reading();
            reading.Readers++;
        }

        return source is IExtentMap map ? new WithExtents(this, imageId, source, map) : new Counted(this, imageId, source);
    }

    /// <summary>Ends when nobody reads an image; at once when nobody does now.</summary>
    public Task WhenUnreadAsync(string imageId)
    {
        lock (_gate)
            return _readings.TryGetValue(imageId, out var reading) ? reading.Ended.Task : Task.CompletedTask;
    }

    private void Leave(string imageId)
    {
        Reading? ended = null;
        lock (_gate)
        {
            if (--_readings[imageId].Readers == 0)
                _readings.Remove(imageId, out ended);
        }

        ended?.Ended.SetResult();
    }

    private sealed class Reading
    {
        public int Readers { get; set; }

        public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private class Counted(MountReaders readers, string imageId, IByteSource source) : IByteSource
    {
        private int _disposed;

        public long? Length => source.Length;

        public string? Validator => source.Validator;

        public ByteSourceHints Hints => source.Hints;

        public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken) => source.ReadAsync(offset, buffer, cancellationToken);

        public ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken) => source.OpenRangeAsync(offset, length, cancellationToken);

        public async ValueTask DisposeAsync()
        {
            if (Interlocked.Exchange(ref _disposed, 1) != 0)
                return;
            try
            {
                await source.DisposeAsync();
            }
            finally
            {
                readers.Leave(imageId);
            }
        }
    }

    private sealed class WithExtents(MountReaders readers, string imageId, IByteSource source, IExtentMap map) : Counted(readers, imageId, source), IExtentMap
    {
        public ValueTask<Extent> GetExtentAsync(long offset, CancellationToken cancellationToken) => map.GetExtentAsync(offset, cancellationToken);
    }
}
