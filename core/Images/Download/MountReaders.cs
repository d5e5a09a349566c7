using GlanceGateway.Abstractions;
using GlanceGateway.Registry;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Images;

/// <summary>
/// Who reads images through a mount of this process. Their deletion leaves them the bytes for a while: a virtual machine that runs from an image must not
/// find it gone under its feet. Readers of a local file are counted only where the mount outlives the process: until it ends, an open descriptor outlives the name.
/// </summary>
/// <remarks>
/// Whoever takes a kept mount over learns of its readers one by one, when they read; the kernel does not say who has what open. So until it is
/// known that there was nobody before (<see cref="KnowAll"/>), any image that is older than this process counts as read for ever.
/// </remarks>
/// <param name="startedAt">When this process began to serve, for a mount that outlives it; null for one that does not.</param>
internal sealed class MountReaders(DateTimeOffset? startedAt)
{
    /// <summary>By how much the clocks of two gateways and of the database may differ.</summary>
    private static readonly TimeSpan s_skew = TimeSpan.FromMinutes(1);

    private static readonly Task s_never = new TaskCompletionSource().Task;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Reading> _readings = new(StringComparer.Ordinal);
    private volatile bool _mayHaveOthers = startedAt is not null;

    /// <summary>Counts a reader until the source that it gets is disposed.</summary>
    /// <param name="imageId">The image.</param>
    /// <param name="source">Its data; taken over.</param>
    public IByteSource Count(string imageId, IByteSource source)
    {
        if (source is ILocalFile && startedAt is null)
            return source;
        lock (_gate)
        {
            if (!_readings.TryGetValue(imageId, out var reading))
                _readings[imageId] = reading = new Reading();
            reading.Readers++;
        }

        return (source, source) switch
        {
            (ILocalFile file, IExtentMap map) => new WithFileAndExtents(this, imageId, source, file, map),
            (ILocalFile file, _) => new WithFile(this, imageId, source, file),
            (_, IExtentMap map) => new WithExtents(this, imageId, source, map),
            _ => new Counted(this, imageId, source),
        };
    }

    /// <summary>Nobody reads who is not counted here.</summary>
    public void KnowAll() => _mayHaveOthers = false;

    /// <summary>Ends when nobody reads an image; at once when nobody does now, and never when there may be readers that are not known.</summary>
    public Task WhenUnreadAsync(Image image)
    {
        if (_mayHaveOthers && image.CreatedAt < startedAt + s_skew)
            return s_never;
        lock (_gate)
            return _readings.TryGetValue(image.Id, out var reading) ? reading.Ended.Task : Task.CompletedTask;
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

    private sealed class WithFile(MountReaders readers, string imageId, IByteSource source, ILocalFile file) : Counted(readers, imageId, source), ILocalFile
    {
        public SafeFileHandle Handle => file.Handle;
    }

    private sealed class WithFileAndExtents(MountReaders readers, string imageId, IByteSource source, ILocalFile file, IExtentMap map)
        : Counted(readers, imageId, source), ILocalFile, IExtentMap
    {
        public SafeFileHandle Handle => file.Handle;

        public ValueTask<Extent> GetExtentAsync(long offset, CancellationToken cancellationToken) => map.GetExtentAsync(offset, cancellationToken);
    }

    private sealed class WithExtents(MountReaders readers, string imageId, IByteSource source, IExtentMap map) : Counted(readers, imageId, source), IExtentMap
    {
        public ValueTask<Extent> GetExtentAsync(long offset, CancellationToken cancellationToken) => map.GetExtentAsync(offset, cancellationToken);
    }
}
