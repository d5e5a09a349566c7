using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using GlanceGateway.Abstractions;
using GlanceGateway.Formats.Raw;
using GlanceGateway.Fuse;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.View;

/// <summary>
/// The images that are open, each with one source however often it is opened.
/// </summary>
/// <remarks>
/// <para>Opening is single flight: the first asks the source, the others wait for the same task; an interrupted waiter leaves
/// it running for the rest. A failure is not kept: the next open asks again.</para>
/// <para>Invariant: at any time at most one <see cref="OpenImage"/> of a node has handles, hence one manner of reading and one
/// backing file, which is what the kernel demands. It holds because an entry leaves the table only after it was closed with
/// no handle left, and the kernel drops its own count before it sends the release.</para>
/// <para>What an earlier server of the mount had opened is opened again when it is first read. Its manner stays what it was: where there is a registration the
/// kernel reads by itself and only that one may be named, elsewhere bytes are copied. It is held until the kernel forgets the node.</para>
/// <para>After the last release a source lingers for a moment, since tools open an image again and again: one
/// <c>qemu-img</c> run did so 22 times.</para>
/// </remarks>
internal sealed class OpenImages : IAsyncDisposable
{
    private static readonly TimeSpan s_shortestSweep = TimeSpan.FromMilliseconds(50);

    private readonly ConcurrentDictionary<ulong, Lazy<Task<OpenImage?>>> _open = new();
    private readonly ConcurrentDictionary<Errno, bool> _reported = new();
    private readonly IImageSource _images;
    private readonly ImageMountOptions _options;
    private readonly Succession _succession;
    private readonly ConcurrentDictionary<ulong, BackingFile> _inherited = new();
    private FuseSession? _session;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ITimer _sweep;
    private readonly CancellationTokenSource _stopping = new();
    private volatile bool _mayPassThrough;
    private long _passthroughOpens;
    private long _copyOpens;
    private long _reads;
    private long _readErrors;
    private long _readBytes;
    private int _disposed;

    internal OpenImages(IImageSource images, ImageMountOptions options, TimeProvider time, ILogger logger, Succession? succession = null)
    {
        _succession = succession ?? Succession.None;
        _images = images;
        _options = options;
        _time = time;
        _logger = logger;
        _mayPassThrough = options.Passthrough;
        TimeSpan period = options.Linger > s_shortestSweep ? options.Linger : s_shortestSweep;
        _sweep = time.CreateTimer(static state => ((OpenImages)state!).CloseIdle(), this, period, period);
    }

    /// <summary>Where backing files are registered and attributes dropped; set before the first request.</summary>
    internal FuseSession? Session
    {
        get => _session;
        set
        {
            _session = value;
            foreach ((ulong node, int id) in _succession.Registrations)
            {
                _inherited[node] = value!.InheritBacking(id);
            }
        }
    }

    internal bool MayPassThrough => _mayPassThrough && Session?.Negotiation.Passthrough == true;

    internal long PassthroughOpens => Interlocked.Read(ref _passthroughOpens);

    internal long CopyOpens => Interlocked.Read(ref _copyOpens);

    /// <summary>Reads that were answered, how many of them by an error, and the bytes of the others.</summary>
    internal (long Reads, long Errors, long Bytes) ReadCounts => (Interlocked.Read(ref _reads), Interlocked.Read(ref _readErrors), Interlocked.Read(ref _readBytes));

    /// <summary>Sources held, in use or lingering.</summary>
    internal int Count => _open.Count;

    /// <summary>The open image of a node, for reads and seeks.</summary>
    internal bool TryGet(ulong node, [NotNullWhen(true)] out OpenImage? image)
    {
        image = _open.TryGetValue(node, out Lazy<Task<OpenImage?>>? opening) && opening is { IsValueCreated: true, Value: { IsCompletedSuccessfully: true } task }
            ? task.Result
            : null;
        return image is not null;
    }

    /// <summary>Opens an image once more if its source is at hand.</summary>
    internal bool TryEnter(ImageNode node, out OpenReply reply)
    {
        reply = default;
        if (!TryGet(node.Number, out OpenImage? image) || !image.TryEnter())
        {
            return false;
        }

        reply = Answer(image);
        return true;
    }

    /// <summary>Opens an image, however long the source takes, up to the time-out of the options.</summary>
    /// <returns>Null when the source does not have it any more.</returns>
    internal async Task<OpenReply?> EnterAsync(ImageNode node, CancellationToken cancellationToken)
    {
        while (true)
        {
            (Lazy<Task<OpenImage?>> opening, OpenImage? image) = await OpenOnceAsync(node, cancellationToken);
            if (image is null)
            {
                return null;
            }

            if (image.TryEnter())
            {
                return Answer(image);
            }

            _open.TryRemove(KeyValuePair.Create(node.Number, opening));
        }
    }

    /// <summary>Counts a read.</summary>
    /// <param name="bytes">What it gave, or -1 for an error.</param>
    internal void CountRead(int bytes)
    {
        Interlocked.Increment(ref _reads);
        if (bytes < 0)
        {
            Interlocked.Increment(ref _readErrors);
        }
        else
        {
            Interlocked.Add(ref _readBytes, bytes);
        }
    }

    /// <summary>Opens what an earlier server had opened.</summary>
    /// <returns>Null when the source does not have it any more.</returns>
    internal async Task<OpenImage?> InheritAsync(ImageNode node, CancellationToken cancellationToken) => (await OpenOnceAsync(node, cancellationToken)).Image;

    /// <summary>The kernel does not know a node any more that an earlier server gave out.</summary>
    internal void Forget(ulong node)
    {
        if (TryGet(node, out OpenImage? image) && image.Node.IsInherited)
        {
            image.Leave(_time.GetTimestamp());
            Close(node, idleBefore: long.MaxValue);
        }

        if (_inherited.TryRemove(node, out BackingFile? backing))
        {
            // Not here: this is a thread that answers the kernel.
            _ = Task.Run(backing.Dispose);
        }
    }

    private async Task<(Lazy<Task<OpenImage?>> Opening, OpenImage? Image)> OpenOnceAsync(ImageNode node, CancellationToken cancellationToken)
    {
        Lazy<Task<OpenImage?>> opening = _open.GetOrAdd(node.Number, _ => new Lazy<Task<OpenImage?>>(() => Task.Run(() => OpenAsync(node), CancellationToken.None)));
        OpenImage? image = null;
        try
        {
            image = await opening.Value.WaitAsync(cancellationToken);
            return (opening, image);
        }
        finally
        {
            if (opening.Value.IsCompleted && image is null)
            {
                _open.TryRemove(KeyValuePair.Create(node.Number, opening));
            }
        }
    }

    /// <summary>One handle less.</summary>
    internal void Leave(ulong node)
    {
        if (TryGet(node, out OpenImage? image) && image.Leave(_time.GetTimestamp()) && image.Node.IsGone)
        {
            Close(node, idleBefore: long.MaxValue);
        }
    }

    /// <summary>An image left the catalogue: its source goes as soon as nobody has it open.</summary>
    internal void Abandon(ImageNode node) => Close(node.Number, idleBefore: long.MaxValue);

    /// <summary>Ends everything, in use or not. May come twice.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _sweep.DisposeAsync();
        await _stopping.CancelAsync();
        foreach ((ulong node, Lazy<Task<OpenImage?>> opening) in _open)
        {
            _open.TryRemove(KeyValuePair.Create(node, opening));
            try
            {
                if (await opening.Value is { } image && image.ForceClose())
                {
                    await EndAsync(image);
                }
            }
            catch (Exception)
            {
                // Whoever opened it has got this failure.
            }
        }

        _stopping.Dispose();
    }

    private OpenReply Answer(OpenImage image)
    {
        Interlocked.Increment(ref image.Backing is null ? ref _copyOpens : ref _passthroughOpens);
        return image.Reply;
    }

    private void CloseIdle()
    {
        long idleBefore = _time.GetTimestamp() - (long)(_options.Linger.TotalSeconds * _time.TimestampFrequency);
        foreach ((ulong node, Lazy<Task<OpenImage?>> opening) in _open)
        {
            if (opening is { IsValueCreated: true, Value: { IsCompleted: true } task } && (!task.IsCompletedSuccessfully || task.Result is null))
            {
                // A failure that came after the last waiter had left.
                _open.TryRemove(KeyValuePair.Create(node, opening));
            }
            else
            {
                Close(node, idleBefore);
            }
        }
    }

    private void Close(ulong node, long idleBefore)
    {
        if (TryGet(node, out OpenImage? image) && image.TryClose(idleBefore))
        {
            if (_open.TryGetValue(node, out Lazy<Task<OpenImage?>>? opening) && opening.Value is { IsCompletedSuccessfully: true } task && task.Result == image)
            {
                _open.TryRemove(KeyValuePair.Create(node, opening));
            }

            // Not here: this may be a thread that answers the kernel, and a source may take its time.
            _ = Task.Run(() => EndAsync(image));
        }
    }

    private async Task EndAsync(OpenImage image)
    {
        try
        {
            image.Backing?.Dispose();
            await image.Source.DisposeAsync();
        }
        catch (Exception e)
        {
            ViewLog.CloseFailed(_logger, e, image.Node.Image.Id);
        }
    }

    private async Task<OpenImage?> OpenAsync(ImageNode node)
    {
        MountedImage image = node.Image;
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
        deadline.CancelAfter(_options.SourceTimeout);
        Task<IByteSource?> asked = OpenSourceAsync(node, deadline.Token);
        IByteSource? source;
        try
        {
            source = await asked.WaitAsync(deadline.Token);
        }
        catch (OperationCanceledException e) when (deadline.IsCancellationRequested)
        {
            // A source that does not listen to the token may still come.
            _ = asked.ContinueWith(
                static late => late.IsCompletedSuccessfully && late.Result is { } unused ? unused.DisposeAsync().AsTask() : Task.FromException(late.Exception ?? new AggregateException()),
                CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            throw new StoreException(StoreError.TimedOut, $"The source did not open the image within {_options.SourceTimeout.TotalSeconds} s.", image.Id, e);
        }

        if (source is null)
        {
            return null;
        }

        try
        {
            OpenImage open = Begin(node, source);
            open.StartIdle(_time.GetTimestamp());
            return open;
        }
        catch
        {
            await source.DisposeAsync();
            throw;
        }
    }

    private async Task<IByteSource?> OpenSourceAsync(ImageNode node, CancellationToken cancellationToken)
    {
        MountedImage image = node.Image;
        if (node.Form == ImageForm.Raw && !RawView.IsPlain(image.DiskFormat) && _images is IRawDisks disks
            && await disks.OpenRawAsync(image.Id, node.Size, cancellationToken) is { } written)
        {
            return written;
        }

        IByteSource? source = await _images.OpenAsync(image.Id, cancellationToken);
        if (source is null && node.IsInherited && _images is IDeletedImages deleted)
        {
            source = await deleted.OpenDeletedAsync(image.Id, cancellationToken);
        }

        if (node.Form != ImageForm.Raw || source is null)
        {
            return source;
        }

        try
        {
            return await RawView.OpenAsync(source, image.DiskFormat ?? "", cancellationToken);
        }
        catch (RawViewException e)
        {
            await source.DisposeAsync();
            throw new StoreException(StoreError.Corrupt, e.Message, image.Id, e);
        }
        catch
        {
            await source.DisposeAsync();
            throw;
        }
    }

    private OpenImage Begin(ImageNode node, IByteSource source)
    {
        SafeFileHandle? file = (source as ILocalFile)?.Handle;
        long? length = file is null ? source.Length : RandomAccess.GetLength(file);
        if (length is { } known && known != node.Size)
        {
            // Less would read as zeros that were never there, and in passthrough nobody would notice either.
            throw new StoreException(StoreError.Corrupt, $"The catalogue says {node.Size} bytes, the store has {known}.", node.Image.Id);
        }

        if (file is not null && NativeFile.AllocatedBytes(file) is >= 0 and var allocated && node.AllocatedBytes != allocated)
        {
            node.AllocatedBytes = allocated;
            // Attributes only, which takes no lock that the pending open could hold; so fstat(2) after it is right.
            _ = Session?.InvalidateNode(node.Number, offset: -1);
        }

        return new OpenImage(node, source, BackingOf(node, file), _succession.Generation);
    }

    private BackingFile? BackingOf(ImageNode node, SafeFileHandle? file) =>
        node.IsInherited ? _inherited.GetValueOrDefault(node.Number)
        : file is null ? null
        : Register(node, file);

    private BackingFile? Register(ImageNode node, SafeFileHandle file)
    {
        if (!_mayPassThrough || Session is not { } session)
        {
            return null;
        }

        Errno error = session.TryRegisterBacking(file, node.Number, out BackingFile? backing);
        if (error != Errno.None && _reported.TryAdd(error, true))
        {
            ViewLog.NoPassthrough(_logger, error, error switch
            {
                Errno.EOPNOTSUPP => "it needs Linux 6.9 or newer and a mount made as root",
                Errno.EPERM => "registering files needs CAP_SYS_ADMIN",
                Errno.ELOOP => "the file lies on an overlay or another stacked filesystem; keep images on a plain one",
                Errno.EINVAL => "it is no regular file",
                Errno.ENOTCONN => "the keeper does not answer",
                _ => "the kernel refused the file",
            });
        }

        // These two hold for the mount, the others for one file.
        if (error is Errno.EPERM or Errno.EOPNOTSUPP)
        {
            _mayPassThrough = false;
        }

        return backing;
    }
}
