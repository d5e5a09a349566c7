using GlanceGateway.Fuse;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.View;

/// <summary>A mounted tree of images that follows its source until it is stopped.</summary>
public sealed class ImageMount : IAsyncDisposable
{
    private static readonly TimeSpan s_shortStop = TimeSpan.FromSeconds(2);

    private readonly FuseServer _server;
    private readonly ImageTree _tree;
    private readonly OpenImages _open;
    private readonly KernelNotifier _notifier;
    private readonly Examiner _examiner;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _following;
    private Task<bool>? _stopped;

    private ImageMount(FuseServer server, ImageTree tree, OpenImages open, CatalogueFollower follower, Examiner examiner, KernelNotifier notifier, ILogger logger)
    {
        _server = server;
        _tree = tree;
        _open = open;
        _notifier = notifier;
        _examiner = examiner;
        ViewMetrics.Add(server.Mount.MountPoint, ReadNumbers);
        _following = Task.Run(() => follower.RunAsync(_stopping.Token));
        _ = WatchAsync(logger);
    }

    /// <summary>Requests of the kernel by operation.</summary>
    public FuseCounters Counters => _server.Session.Counters;

    /// <summary>Whether images in local files are read by the kernel itself. Turns false when the system refuses it.</summary>
    public bool PassthroughActive => _open.MayPassThrough;

    /// <summary>Opens that were given to the kernel to read itself.</summary>
    public long PassthroughOpens => _open.PassthroughOpens;

    /// <summary>Opens whose bytes are copied.</summary>
    public long CopyOpens => _open.CopyOpens;

    /// <summary>Sources held, in use or lingering.</summary>
    public int OpenSources => _open.Count;

    /// <summary>Images shown now.</summary>
    public int Images => _tree.ImageCount;

    /// <summary>Ends when the mount does: stopped, or unmounted by somebody else.</summary>
    public Task Completion => _server.Session.Completion;

    /// <summary>
    /// Mounts, after removing what a dead server may have left there, and waits until the first catalogue is shown or
    /// <see cref="ImageMountOptions.CatalogueTimeout"/> is over; then the mount is there and fills when the source answers.
    /// </summary>
    /// <param name="source">The images; stays the caller's and must outlive the mount.</param>
    /// <param name="options">How.</param>
    /// <param name="loggers">Gets failures.</param>
    /// <param name="cancellationToken">Ends the start; what was mounted is unmounted.</param>
    /// <exception cref="FuseMountException">It could not be mounted; the message names the remedy.</exception>
    public static async Task<ImageMount> StartAsync(
        IImageSource source, ImageMountOptions options, ILoggerFactory loggers, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(loggers);
        ILogger logger = loggers.CreateLogger<ImageMount>();
        TimeProvider time = TimeProvider.System;
        if (options.WorldReadable)
        {
            ViewLog.WorldReadable(logger);
        }

        ImageTree tree = new(time, logger);
        OpenImages open = new(source, options, time, logger);
        ImageMount mount;
        try
        {
            ImageFileSystem files = new(tree, open, options, logger);
            FuseMountOptions mountOptions = new() { FsName = "glance", Subtype = "glance", AllowOther = options.AllowOther };
            // Mounting waits for the kernel, and for a dead server's mount even longer.
            FuseServer server = await Task.Factory.StartNew(
                () => FuseServer.Start(options.Directory, files, mountOptions, new FuseSessionOptions(), loggers.CreateLogger<FuseServer>()),
                cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            KernelNotifier notifier = new(server.Session, logger);
            VerdictFile? kept = options.VerdictFile is { } path ? new VerdictFile(path, time, logger) : null;
            Examiner examiner = new(source, update => Show(update, tree, open, notifier), options.SourceTimeout, time, logger, kept);
            CatalogueFollower follower = new(source, examiner.Apply, options, time, logger);
            tree.AddStatus(() => StatusText.Of(tree, open, examiner, follower.FirstSnapshot.IsCompleted, source as ISourceStatus));
            mount = new ImageMount(server, tree, open, follower, examiner, notifier, logger);
            return await mount.AwaitCatalogueAsync(follower, options, logger, cancellationToken);
        }
        catch
        {
            await open.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Unmounts. A busy mount disappears from the tree of names at once, and open files are served until they are closed or
    /// the time is over; then their reads fail.
    /// </summary>
    /// <param name="timeout">How long open files are waited for.</param>
    /// <param name="cancellationToken">Ends the wait early.</param>
    /// <returns>True when nobody was cut off.</returns>
    public Task<bool> StopAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        lock (_stopping)
        {
            return _stopped ??= EndAsync(timeout, cancellationToken);
        }
    }

    /// <summary>Stops, giving open files two seconds.</summary>
    public async ValueTask DisposeAsync() => _ = await StopAsync(s_shortStop);

    private static void Show(CatalogueUpdate update, ImageTree tree, OpenImages open, KernelNotifier notifier)
    {
        TreeChange change = tree.Apply(update);
        foreach (ImageNode image in change.Gone)
        {
            open.Abandon(image);
        }

        notifier.Send(change.Invalidations);
    }

    private async Task<ImageMount> AwaitCatalogueAsync(CatalogueFollower follower, ImageMountOptions options, ILogger logger, CancellationToken cancellationToken)
    {
        try
        {
            await follower.FirstSnapshot.WaitAsync(options.CatalogueTimeout, cancellationToken);
            ViewLog.Shown(logger, _server.Mount.MountPoint, Images, PassthroughActive);
        }
        catch (TimeoutException)
        {
            ViewLog.CatalogueLate(logger, _server.Mount.MountPoint, options.CatalogueTimeout.TotalSeconds);
        }
        catch (OperationCanceledException)
        {
            await DisposeAsync();
            throw;
        }

        return this;
    }

    private ViewMetrics.Numbers ReadNumbers()
    {
        (long reads, long errors, long bytes) = _open.ReadCounts;
        return new ViewMetrics.Numbers(
            _tree.ImageCount, _examiner.HeldBack, _open.Count, _examiner.Examinations, _open.PassthroughOpens, _open.CopyOpens, reads, errors, bytes);
    }

    private async Task WatchAsync(ILogger logger)
    {
        await Completion;
        if (!_stopping.IsCancellationRequested)
        {
            ViewLog.MountLost(logger, _server.Mount.MountPoint);
        }
    }

    private async Task<bool> EndAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        // On a thread of its own: umount(2) waits for the kernel.
        bool ended = await Task.Factory.StartNew(
            () => _server.StopAsync(timeout, cancellationToken), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
        ViewMetrics.Remove(_server.Mount.MountPoint);
        _server.Dispose();
        await _open.DisposeAsync();
        _notifier.Dispose();
        // A source that does not listen to its token must not keep the mount.
        _ = await Task.WhenAny(Task.WhenAll(_following, _examiner.DisposeAsync().AsTask()), Task.Delay(s_shortStop, CancellationToken.None));
        return ended;
    }
}
