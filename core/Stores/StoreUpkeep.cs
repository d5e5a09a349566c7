using Microsoft.Extensions.Logging;

namespace GlanceGateway.Stores;

/// <summary>How a set of stores is looked after.</summary>
public sealed record StoreUpkeepOptions
{
    /// <summary>Whether plugins that appear, change or go are noticed. Without it they are looked at only when the configuration is read again.</summary>
    public bool WatchPlugins { get; init; } = true;

    /// <summary>How often the plugin directories are looked at without a notification of the kernel.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long nothing must have changed before a change is used: a copy that is under way is not a plugin.</summary>
    public TimeSpan QuietTime { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>When a store that did not start is tried again; the time doubles up to <see cref="RetryMost"/>.</summary>
    public TimeSpan RetryFirst { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest time between two tries.</summary>
    public TimeSpan RetryMost { get; init; } = TimeSpan.FromMinutes(5);
}

/// <summary>
/// Looks after a set of stores while it serves: uses plugins that were dropped in, swapped or taken out, and tries again what failed.
/// <para>
/// The directories are compared by inodes, sizes and change times, so that a copy over a file, a rename and the swap of a directory are all
/// the same: something else lies there now. It is used when two looks, <see cref="StoreUpkeepOptions.QuietTime"/> apart, agree; what still arrives after that
/// fails to load, is refused, and is looked at again when it has changed again.
/// </para>
/// </summary>
public sealed class StoreUpkeep : IAsyncDisposable
{
    private readonly StoreSet stores;
    private readonly IReadOnlyList<string> directories;
    private readonly StoreUpkeepOptions options;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly CancellationTokenSource stop = new();
    private readonly SemaphoreSlim noticed = new(0, 1);
    private readonly PluginWatch watch;
    private Task running = Task.CompletedTask;

    private StoreUpkeep(StoreSet stores, IReadOnlyList<string> directories, StoreUpkeepOptions options, TimeProvider time, ILogger logger)
    {
        this.stores = stores;
        this.directories = [.. directories.Select(Path.GetFullPath)];
        this.options = options;
        this.time = time;
        this.logger = logger;
        watch = new PluginWatch(this.directories, options.PollInterval, Notice, logger);
    }

    /// <summary>Begins.</summary>
    /// <param name="stores">Not disposed; must outlive this.</param>
    /// <param name="catalog">What the stores were opened with: what differs from it is a change.</param>
    /// <param name="options">How.</param>
    /// <param name="loggers">Where it says what it does.</param>
    /// <param name="time">The clock.</param>
    public static StoreUpkeep Start(StoreSet stores, PluginCatalog catalog, StoreUpkeepOptions options, ILoggerFactory loggers, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        var upkeep = new StoreUpkeep(stores, catalog.Directories, options, time, loggers.CreateLogger("GlanceGateway.Stores"));
        upkeep.running = Task.Run(() => upkeep.RunAsync(catalog));
        return upkeep;
    }

    /// <summary>Ends; what it was doing is taken back or finished.</summary>
    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        watch.Dispose();
        noticed.Dispose();
        stop.Dispose();
    }

    private void Notice()
    {
        try
        {
            if (noticed.CurrentCount == 0)
                noticed.Release();
        }
        catch (Exception exception) when (exception is SemaphoreFullException or ObjectDisposedException)
        {
            // Two notices at once are one, and a late one is none.
        }
    }

    private async Task RunAsync(PluginCatalog used)
    {
        var delay = options.RetryFirst;
        var nextRetry = long.MaxValue;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                if (options.WatchPlugins)
                {
                    watch.Arm(anew: false);
                    used = await UseChangesAsync(used);
                }

                if (!stores.HasFailures)
                {
                    (delay, nextRetry) = (options.RetryFirst, long.MaxValue);
                }
                else if (nextRetry == long.MaxValue)
                {
                    nextRetry = DueIn(delay);
                    Plan(delay);
                }
                else if (time.GetTimestamp() >= nextRetry)
                {
                    await stores.RefreshAsync(options.WatchPlugins ? PluginCatalog.Scan(directories) : used, retry: true, stop.Token);
                    delay = delay * 2 < options.RetryMost ? delay * 2 : options.RetryMost;
                    nextRetry = DueIn(delay);
                }
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                logger.UpkeepFailed(ExceptionText.Short(exception));
            }

            await WaitAsync(nextRetry);
        }
    }

    /// <summary>Looks, and uses what changed and is quiet.</summary>
    /// <returns>What is in use.</returns>
    private async Task<PluginCatalog> UseChangesAsync(PluginCatalog used)
    {
        var found = PluginCatalog.Scan(directories);
        if (IsSame(used, found))
            return used;
        while (true)
        {
            await Task.Delay(options.QuietTime, time, stop.Token);
            var again = PluginCatalog.Scan(directories);
            if (IsSame(found, again))
                break;
            found = again;
        }

        LogNews(used, found);
        await stores.RefreshAsync(found, retry: false, stop.Token);
        watch.Arm(anew: true);
        return found;
    }

    private void LogNews(PluginCatalog used, PluginCatalog found)
    {
        foreach (var plugin in found.Plugins.Where(plugin => !used.Plugins.Any(known => known.Folder == plugin.Folder && known.Problem == plugin.Problem)))
        {
            if (plugin.Problem is not null)
                logger.PluginUnusable(plugin.Folder, plugin.Problem);
            else
                logger.PluginAppeared(plugin.Name, plugin.Folder);
        }
    }

    private void Plan(TimeSpan delay)
    {
        foreach (var store in stores.All.Where(store => store.State == StoreState.Failed))
            logger.StoreRetryPlanned(store.Id, delay);
    }

    private static bool IsSame(PluginCatalog one, PluginCatalog other) =>
        one.Plugins.Select(State).SequenceEqual(other.Plugins.Select(State)) && one.Problems.SequenceEqual(other.Problems, StringComparer.Ordinal);

    private static (string Folder, string? Fingerprint, string? Problem) State(InstalledPlugin plugin) => (plugin.Folder, plugin.Fingerprint, plugin.Problem);

    private long DueIn(TimeSpan delay) => time.GetTimestamp() + (long)(delay.TotalSeconds * time.TimestampFrequency);

    private async Task WaitAsync(long nextRetry)
    {
        var wait = options.WatchPlugins ? options.PollInterval : TimeSpan.FromSeconds(30);
        if (nextRetry != long.MaxValue)
        {
            var due = TimeSpan.FromSeconds(Math.Max(0.01, (nextRetry - time.GetTimestamp()) / (double)time.TimestampFrequency));
            wait = due < wait ? due : wait;
        }

        Task waiting = noticed.WaitAsync(wait, stop.Token);
        await waiting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
