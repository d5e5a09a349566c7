using System.Runtime.InteropServices;
using System.Text;
using GlanceGateway.Abstractions;
using GlanceGateway.Host.Configuration;
using GlanceGateway.Stores;

namespace GlanceGateway.Host.Serving;

/// <summary>Takes over the stores of a configuration file that changed while the gateway serves.</summary>
/// <remarks>
/// Like the watch over the policy file it compares the whole text every few seconds, which sees through links, network file systems and clocks,
/// and a change must read the same twice, so that an editor can finish. SIGHUP has it read at once. Only stores are taken over; what else
/// changed is named, so that nobody believes it to be in force.
/// </remarks>
internal sealed class StoreReload : IAsyncDisposable
{
    private static readonly TimeSpan interval = TimeSpan.FromSeconds(2);

    private readonly Func<GatewayConfiguration> load;
    private readonly StoreSet stores;
    private readonly ILogger logger;
    private readonly string? file;
    private readonly IReadOnlyList<string> pluginDirectories;
    private readonly CancellationTokenSource stop = new();
    private readonly SemaphoreSlim asked = new(0, 1);
    private readonly PosixSignalRegistration hangUp;
    private Dictionary<string, string> keys;
    private string? current;
    private string? pending;
    private Task watching = Task.CompletedTask;

    private StoreReload(GatewayConfiguration configuration, Func<GatewayConfiguration> load, StoreSet stores, ILogger logger)
    {
        this.load = load;
        this.stores = stores;
        this.logger = logger;
        file = configuration.File;
        pluginDirectories = configuration.PluginDirectories;
        keys = OtherKeys();
        current = pending = ReadText();
        hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = true;
            Ask();
        });
    }

    /// <summary>Begins to watch.</summary>
    /// <param name="configuration">What is in force.</param>
    /// <param name="load">Loads the configuration anew, with the same flags and variables.</param>
    /// <param name="stores">Where stores are changed.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Told what became of a change.</param>
    public static StoreReload Start(
        GatewayConfiguration configuration, Func<GatewayConfiguration> load, StoreSet stores, TimeProvider time, ILogger logger)
    {
        var reload = new StoreReload(configuration, load, stores, logger);
        reload.watching = Task.Run(() => reload.WatchAsync(time));
        return reload;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        hangUp.Dispose();
        await stop.CancelAsync();
        await watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        asked.Dispose();
        stop.Dispose();
    }

    private void Ask()
    {
        try
        {
            if (asked.CurrentCount == 0)
            {
                asked.Release();
            }
        }
        catch (Exception late) when (late is SemaphoreFullException or ObjectDisposedException)
        {
            // Two signals at once are one, and one at the end is none.
        }
    }

    private async Task WatchAsync(TimeProvider time)
    {
        while (!stop.IsCancellationRequested)
        {
            var signalled = await asked.WaitAsync(interval, stop.Token);
            try
            {
                await LookAsync(signalled);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                // Nothing may end the watch unseen.
                logger.LogError(fault, "The configuration could not be read again; the stores stay as they are");
            }
        }
    }

    private async Task LookAsync(bool signalled)
    {
        var text = ReadText();
        var isNew = text != current && text == pending;
        pending = text;
        if (!signalled && !isNew)
        {
            return;
        }

        current = text;
        logger.LogInformation("The configuration is read again ({Reason})", signalled ? "SIGHUP" : $"{file} changed");
        try
        {
            await UseAsync(load());
        }
        catch (ConfigurationException refused)
        {
            foreach (var problem in refused.Problems)
            {
                logger.LogError("The changed configuration is not used, everything stays as it is: {Problem}", problem);
            }
        }
        catch (StoreException refused)
        {
            logger.LogError("The changed configuration is not used, everything stays as it is: {File}: stores: {Problem}", file, refused.Message);
        }
    }

    private async Task UseAsync(GatewayConfiguration changed)
    {
        var unused = await stores.UseAsync(PluginCatalog.Scan(pluginDirectories), ConfiguredStores.Define(changed), stop.Token);
        foreach (var (id, problem) in unused)
        {
            var origin = changed.Stores.Single(store => store.Id == id).Origin;
            logger.LogError("{Origin}: stores.{Id}: {Problem} Correct it; until then the store serves on as before.", origin, id, problem);
        }

        var others = OtherKeys();
        var differing = keys.Keys.Union(others.Keys, StringComparer.Ordinal).Where(key => keys.GetValueOrDefault(key) != others.GetValueOrDefault(key)).Order(StringComparer.Ordinal).ToList();
        if (differing.Count > 0)
        {
            logger.LogWarning("In {File} these changed too, and take effect at the next start: {Keys}", file, string.Join(", ", differing));
        }

        keys = others;
        logger.LogInformation("The stores are those of the configuration now: {Stores}", string.Join(", ", stores.All.Select(store => $"{store.Id} ({store.State.ToString().ToLowerInvariant()})")));
    }

    private string? ReadText()
    {
        try
        {
            return file is null ? null : File.ReadAllText(file);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The top-level keys of the file apart from <c>stores</c>, with all that is below them as text.</summary>
    private Dictionary<string, string> OtherKeys()
    {
        var root = file is null ? null : YamlFile.Read(file, YamlUse.Configuration, []);
        return root is null
            ? new(StringComparer.Ordinal)
            : root.Entries.Where(entry => entry.Key != "stores").ToDictionary(entry => entry.Key, entry => Text(entry.Value), StringComparer.Ordinal);
    }

    private static string Text(ConfigurationNode node) => node switch
    {
        ScalarNode scalar => scalar.Value,
        ListNode list => $"[{string.Join('\n', list.Items.Select(Text))}]",
        MappingNode mapping => new StringBuilder("{").AppendJoin('\n', mapping.Entries.Select(entry => $"{entry.Key}={Text(entry.Value)}")).Append('}').ToString(),
        _ => "",
    };
}
