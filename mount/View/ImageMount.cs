using System.Diagnostics;
using GlanceGateway.Fuse;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.View;

/// <summary>A mounted tree of images that follows its source until it is stopped.</summary>
public sealed class ImageMount : IAsyncDisposable
{
    private static readonly TimeSpan s_shortStop = TimeSpan.FromSeconds(2);

    /// <summary>How long a keeper, or an earlier server that is ending, is waited for.</summary>
    private static readonly TimeSpan s_keeperPatience = TimeSpan.FromSeconds(10);

    /// <summary>How long readers of an earlier server wait for all images to be looked into; later ones are waited for one by one.</summary>
    private static readonly TimeSpan s_examinationPatience = TimeSpan.FromSeconds(10);

    private readonly IMountServer _server;
    private readonly ImageTree _tree;
    private readonly OpenImages _open;
    private readonly KernelNotifier _notifier;
    private readonly Examiner _examiner;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _following;
    private Task<bool>? _stopped;

    private ImageMount(IMountServer server, ImageTree tree, OpenImages open, CatalogueFollower follower, Examiner examiner, KernelNotifier notifier, ILogger logger)
    {
        _server = server;
        _tree = tree;
        _open = open;
        _notifier = notifier;
        _examiner = examiner;
        ViewMetrics.Add(server.MountPoint, ReadNumbers);
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

    /// <summary>Whether the mount outlives this process.</summary>
    public bool IsKept => _server is KeptServer { Mount.IsKept: true };

    /// <summary>Whether another process served it before, whose readers may still be there.</summary>
    public bool IsTakenOver => _server is KeptServer { Mount.IsTakenOver: true };

    /// <inheritdoc cref="FuseSession.Answering"/>
    public IReadOnlyList<ulong> Answering => _server.Session.Answering;

    /// <summary>Images shown now.</summary>
    public int Images => _tree.ImageCount;

    /// <summary>Ends when the mount does: stopped, or unmounted by somebody else.</summary>
    public Task Completion => _server.Session.Completion;

    /// <summary>
    /// Mounts, after removing what a dead server may have left there, or takes a kept mount over from an earlier server; and waits until the first catalogue is shown or
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

        ILogger serverLogger = loggers.CreateLogger<FuseServer>();
        KeptMount? kept = options.Keeper is { } keeper
            ? await OnOwnThreadAsync(() => KeptMount.Attach(keeper, options.Directory, options.AllowOther, s_keeperPatience, serverLogger), cancellationToken)
            : null;
        Succession succession = kept is null ? Succession.None : Succession.Of(kept);
        ImageTree tree = new(time, logger, succession);
        OpenImages open = new(source, options, time, logger, succession);
        ImageMount mount;
        try
        {
            ImageFileSystem files = new(tree, open, options, logger, succession);
            IMountServer server;
            if (kept is not null)
            {
                KeptServer prepared = new(kept, files, new FuseSessionOptions(), serverLogger);
                if (!kept.IsTakenOver)
                {
                    prepared.Start();
                }

                server = prepared;
            }
            else
            {
                FuseMountOptions mountOptions = new() { FsName = "glance", Subtype = "glance", AllowOther = options.AllowOther };
                server = await OnOwnThreadAsync(() => FuseServer.Start(options.Directory, files, mountOptions, new FuseSessionOptions(), serverLogger), cancellationToken);
            }

            KernelNotifier notifier = new(server.Session, logger);
            VerdictFile? verdicts = options.VerdictFile is { } path ? new VerdictFile(path, time, logger) : null;
            Examiner examiner = new(source, update => Show(update, tree, open, notifier), options.SourceTimeout, time, logger, verdicts);
            CatalogueFollower follower = new(source, examiner.Apply, options, time, logger);
            DeletedImages deleted = new(source, tree, options.SourceTimeout, logger);
            files.LoadDeletedAsync = deleted.LoadAsync;
            files.IsComplete = () => follower.FirstSnapshot.IsCompleted && examiner.IsSettled(hiddenOnly: false);
            tree.AddStatus(() => StatusText.Of(tree, open, examiner, follower.FirstSnapshot.IsCompleted, kept, source as ISourceStatus));
            mount = new ImageMount(server, tree, open, follower, examiner, notifier, logger);
            return await mount.AwaitCatalogueAsync(follower, deleted, options, logger, cancellationToken);
        }
        catch
        {
            kept?.Leave();
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

    /// <summary>A mount waits for the kernel, for a dead server in its place even longer.</summary>
    private static Task<T> OnOwnThreadAsync<T>(Func<T> mount, CancellationToken cancellationToken) =>
        Task.Factory.StartNew(mount, cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private async Task<ImageMount> AwaitCatalogueAsync(CatalogueFollower follower, DeletedImages deleted, ImageMountOptions options, ILogger logger, CancellationToken cancellationToken)
    {
        try
        {
            await SucceedAsync(follower, deleted, options, cancellationToken);
            await follower.FirstSnapshot.WaitAsync(options.CatalogueTimeout, cancellationToken);
            ViewLog.Shown(logger, _server.MountPoint, Images, PassthroughActive);
        }
        catch (TimeoutException)
        {
            ViewLog.CatalogueLate(logger, _server.MountPoint, options.CatalogueTimeout.TotalSeconds);
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

    /// <summary>Begins to answer in the place of an earlier server, once there is something to answer with.</summary>
    private async Task SucceedAsync(CatalogueFollower follower, DeletedImages deleted, ImageMountOptions options, CancellationToken cancellationToken)
    {
        if (_server is not KeptServer { Mount.IsTakenOver: true } server)
        {
            return;
        }

        // Whoever waits has waited for this process, and waits rather a little longer than to hear that its image is not there.
        await Task.WhenAny(follower.FirstSnapshot, Task.Delay(options.CatalogueTimeout, cancellationToken));
        long begun = Stopwatch.GetTimestamp();
        while (!_examiner.IsSettled(hiddenOnly: true) && Stopwatch.GetElapsedTime(begun) < s_examinationPatience)
        {
            await Task.Delay(20, cancellationToken);
        }

        // After the catalogue, so that what is deleted meanwhile is in one of the two. The kernel asks for attributes before it reads, and gets them without a wait.
        await deleted.LoadAsync(cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        server.Start();
        // What the kernel remembers of names is of the earlier server: images that went meanwhile, and numbers that are not given out any more.
        await OnOwnThreadAsync(
            () =>
            {
                if (server.Session.IncrementEpoch() == Errno.None)
                {
                    return true;
                }

                foreach (DirectoryEntry entry in _tree.Root.ListAfter(0))
                {
                    _ = server.Session.InvalidateEntry(_tree.Root.Number, entry.Name);
                }

                return false;
            },
            CancellationToken.None);
    }

    private async Task WatchAsync(ILogger logger)
    {
        await Completion;
        if (!_stopping.IsCancellationRequested)
        {
            ViewLog.MountLost(logger, _server.MountPoint);
        }
    }

    private async Task<bool> EndAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        // On a thread of its own: umount(2) waits for the kernel.
        bool ended = await Task.Factory.StartNew(
            () => _server.StopAsync(timeout, cancellationToken), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
        ViewMetrics.Remove(_server.MountPoint);
        _server.Dispose();
        await _open.DisposeAsync();
        _notifier.Dispose();
        // A source that does not listen to its token must not keep the mount.
        _ = await Task.WhenAny(Task.WhenAll(_following, _examiner.DisposeAsync().AsTask()), Task.Delay(s_shortStop, CancellationToken.None));
        return ended;
    }
}
