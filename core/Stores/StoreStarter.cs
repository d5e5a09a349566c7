using GlanceGateway.Abstractions;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Stores;

/// <summary>Makes the driver of one store, within the time that a start may take.</summary>
internal sealed class StoreStarter(StoreSetOptions options, ILogger logger, TimeProvider time)
{
    private readonly GuardedConnector connector = new(options.Outbound, time);
    private int scratches;

    /// <summary>Where copies of plugins are put.</summary>
    public string Copies { get; } = Path.Combine(Path.GetFullPath(options.ScratchRoot), ".plugins");

    /// <summary>Removes what an earlier process left in the scratch directory.</summary>
    public void EmptyScratch()
    {
        if (!Directory.Exists(options.ScratchRoot))
            return;

        // No id of a store holds a dot.
        foreach (var left in Directory.EnumerateDirectories(options.ScratchRoot).Where(directory => Path.GetFileName(directory).Contains('.')))
            Directory.Delete(left, recursive: true);
    }

    /// <summary>Starts a store.</summary>
    /// <param name="definition">What to start.</param>
    /// <param name="plugin">With which code; becomes a user of it on success, for as long as the driver lives.</param>
    /// <param name="isFirst">Whether no other driver of the store is alive, whose scratch directory could be in use.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    public async Task<StoreStart> StartAsync(StoreDefinition definition, LoadedPlugin plugin, bool isFirst, CancellationToken cancellationToken)
    {
        var scratch = isFirst ? definition.Id : $"{definition.Id}.{Interlocked.Increment(ref scratches)}";
        using var limit = new CancellationTokenSource(options.StartTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        var token = either.Token;
        plugin.Use();
        var creating = Task.Run(() => CreateAsync(plugin, definition, scratch, token), CancellationToken.None);
        try
        {
            var driver = await creating.WaitAsync(token);
            return new StoreStart(GuardedDriver.Wrap(driver, new StoreGuard(definition.Id, options, time, logger)), plugin, null);
        }
        catch (Exception exception)
        {
            _ = DisposeLateAsync(creating, plugin);
            return new StoreStart(null, plugin, exception switch
            {
                StoreException known => known.Message,
                OperationCanceledException when limit.IsCancellationRequested => $"The driver did not start within {options.StartTimeout.TotalSeconds:0.#} s.",
                _ => $"The driver failed to start: {ExceptionText.Short(exception)}",
            });
        }
    }

    private async Task<IStorageDriver> CreateAsync(LoadedPlugin plugin, StoreDefinition definition, string scratchName, CancellationToken cancellationToken)
    {
        var values = OptionReader.Read(plugin.Factory.Options, definition.Options);
        var scratch = StoreContext.PrepareScratch(options.ScratchRoot, scratchName);
        return await plugin.Factory.CreateAsync(values, new StoreContext(definition.Id, scratch, time, logger, connector), cancellationToken)
            ?? throw new StoreException(StoreError.Misconfigured, "The factory returned no driver, which is a bug of the plugin.");
    }

    private static async Task DisposeLateAsync(Task<IStorageDriver> creating, LoadedPlugin plugin)
    {
        try
        {
            await (await creating).DisposeAsync();
        }
        catch
        {
            // The store has failed already, with its first reason.
        }
        finally
        {
            plugin.LetGo();
        }
    }
}

/// <summary>How a start went.</summary>
/// <param name="Driver">Null when it failed.</param>
/// <param name="Plugin">The code.</param>
/// <param name="Problem">Why it failed.</param>
internal sealed record StoreStart(GuardedDriver? Driver, LoadedPlugin Plugin, string? Problem)
{
    /// <summary>Takes the start back.</summary>
    public async ValueTask UndoAsync()
    {
        if (Driver is null)
            return;
        await Driver.DisposeAsync();
        Plugin.LetGoAfter(Driver.Ended);
    }
}
