using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using GlanceGateway.Abstractions;

namespace GlanceGateway.View.Tests;

/// <summary>A catalogue that the test changes, over real files and bytes in memory.</summary>
internal sealed class FakeImageSource : IImageSource, IDeletedImages
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, MountedImage> _images = [];
    private readonly ConcurrentDictionary<string, Func<IByteSource?>> _bytes = new();
    private readonly ConcurrentDictionary<string, (MountedImage Image, Func<IByteSource?> Open)> _deleted = new();
    private Channel<CatalogueUpdate>? _updates;
    private int _opens;
    private int _follows;

    /// <summary>Opens wait for it when set.</summary>
    internal Task? OpenGate { get; set; }

    /// <summary>Opens fail with it when set.</summary>
    internal Exception? OpenFailure { get; set; }

    /// <summary>Asking for deleted images fails with it when set.</summary>
    internal Exception? DeletedFailure { get; set; }

    /// <summary>How often bytes were asked for.</summary>
    internal int Opens => Volatile.Read(ref _opens);

    /// <summary>How often the catalogue was.</summary>
    internal int Follows => Volatile.Read(ref _follows);

    /// <summary>Whether following fails at once.</summary>
    internal bool IsUnreachable { get; set; }

    internal static string NewId() => Guid.NewGuid().ToString("D");

    internal static MountedImage Describe(string? name, long size, string? id = null, string? owner = "p1", params string[] tags) => new()
    {
        Id = id ?? NewId(),
        Name = name,
        Owner = owner,
        Size = size,
        Tags = tags,
        UpdatedAt = new DateTimeOffset(2024, 5, 6, 7, 8, 9, TimeSpan.Zero),
    };

    internal MountedImage AddFile(string path, MountedImage image) => Show(image with { Size = new FileInfo(path).Length }, () => new FileBytes(path));

    internal MountedImage AddMemory(byte[] bytes, MountedImage image, Action<MemoryBytes>? configure = null) => Show(image with { Size = bytes.Length }, () =>
    {
        MemoryBytes source = new(bytes);
        configure?.Invoke(source);
        return source;
    });

    internal MountedImage Show(MountedImage image, Func<IByteSource?> open)
    {
        _bytes[image.Id] = open;
        Send([image], []);
        return image;
    }

    internal void Update(MountedImage image) => Send([image], []);

    internal void Remove(MountedImage image) => Send([], [image.Id]);

    /// <summary>Deletes an image; its bytes stay for those who have it open.</summary>
    internal void Delete(MountedImage image)
    {
        Assert.True(_bytes.TryRemove(image.Id, out Func<IByteSource?>? open));
        _deleted[image.Id] = (image, open);
        Remove(image);
    }

    /// <summary>The bytes go as well.</summary>
    internal void EndGrace() => _deleted.Clear();

    public ValueTask<IReadOnlyList<MountedImage>> ListDeletedAsync(CancellationToken cancellationToken) =>
        DeletedFailure is { } failure ? throw failure : ValueTask.FromResult<IReadOnlyList<MountedImage>>([.. _deleted.Values.Select(deleted => deleted.Image)]);

    public ValueTask<IByteSource?> OpenDeletedAsync(string imageId, CancellationToken cancellationToken) =>
        ValueTask.FromResult(_deleted.TryGetValue(imageId, out (MountedImage Image, Func<IByteSource?> Open) deleted) ? deleted.Open() : null);

    internal void Send(IReadOnlyList<MountedImage> shown, IReadOnlyList<string> gone, bool silently = false)
    {
        lock (_lock)
        {
            foreach (MountedImage image in shown)
            {
                _images[image.Id] = image;
            }

            foreach (string id in gone)
            {
                _images.Remove(id);
            }

            if (!silently)
            {
                _updates?.Writer.TryWrite(new CatalogueUpdate(IsSnapshot: false, shown, gone));
            }
        }
    }

    /// <summary>Breaks the stream of changes; what follows begins with a snapshot.</summary>
    internal void BreakOff()
    {
        lock (_lock)
        {
            _updates?.Writer.TryComplete(new StoreException(StoreError.Unavailable, "the catalogue is away"));
            _updates = null;
        }
    }

    public async IAsyncEnumerable<CatalogueUpdate> FollowAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _follows);
        if (IsUnreachable)
        {
            throw new StoreException(StoreError.Unavailable, "the catalogue is away");
        }

        Channel<CatalogueUpdate> updates = Channel.CreateUnbounded<CatalogueUpdate>();
        lock (_lock)
        {
            _updates = updates;
            updates.Writer.TryWrite(new CatalogueUpdate(IsSnapshot: true, [.. _images.Values], []));
        }

        await foreach (CatalogueUpdate update in updates.Reader.ReadAllAsync(cancellationToken))
        {
            yield return update;
        }
    }

    public async ValueTask<IByteSource?> OpenAsync(string imageId, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _opens);
        await (OpenGate ?? Task.CompletedTask).WaitAsync(cancellationToken);
        return OpenFailure is { } failure ? throw failure : _bytes.TryGetValue(imageId, out Func<IByteSource?>? open) ? open() : null;
    }
}
