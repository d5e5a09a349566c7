using GlanceGateway.Abstractions;

namespace GlanceGateway.Stores;

/// <summary>
/// How the set changes while it serves: plugins appear, change or go, stores are added, changed or removed, and what failed is tried again.
/// All of these are one operation, <see cref="ChangeAsync"/>, which compares what is wanted with what is, one at a time:
/// <list type="number">
/// <item>choose for each driver the plugin that should serve it: the loaded one, or a candidate whose bytes differ, copied and loaded beside it;</item>
/// <item>start side by side every store whose plugin or options are new, while the old drivers serve on;</item>
/// <item>if a store that serves does not start with a candidate plugin, the candidate is refused as a whole and all its stores keep the old;</item>
/// <item>publish the new set in one assignment; old drivers pass on to the new ones what begins from now on;</item>
/// <item>in the background: wait until what is in flight on an old driver has ended, or the drain limit has passed; dispose it; the last
/// driver of a plugin lets go of its code.</item>
/// </list>
/// Invariants: a store that serves never stops because of a bad plugin or bad options; no call fails because of a swap; nothing of a plugin
/// is taken away while one of its drivers, writers or sources lives, except after the drain limit.
/// </summary>
public sealed partial class StoreSet
{
    private readonly SemaphoreSlim changing = new(1, 1);
    private readonly List<Task> retiring = [];
    private IReadOnlyList<StoreDefinition> wanted = [];
    private Dictionary<string, string> unused = new(StringComparer.Ordinal);

    /// <summary>Whether something that is wanted does not serve, so that trying again may help.</summary>
    internal bool HasFailures => All.Any(store => store.State == StoreState.Failed) || Volatile.Read(ref unused).Count > 0 || current.Refusals.Count > 0;

    /// <summary>Takes over changed definitions. A store whose change cannot be used serves on as before, and is tried again later.</summary>
    /// <param name="catalog">Where drivers come from now.</param>
    /// <param name="definitions">At least one.</param>
    /// <param name="cancellationToken">Ends the attempt; nothing has changed then.</param>
    /// <returns>What could not be used, by store, with the reason.</returns>
    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/> when the definitions contradict themselves; nothing has changed then.</exception>
    public async Task<IReadOnlyDictionary<string, string>> UseAsync(
        PluginCatalog catalog, IReadOnlyList<StoreDefinition> definitions, CancellationToken cancellationToken)
    {
        Check(definitions);
        return await ChangeAsync(catalog, definitions, retry: true, cancellationToken);
    }

    /// <summary>Goes by what lies in the plugin directories now.</summary>
    /// <param name="catalog">What lies there.</param>
    /// <param name="retry">Whether to try again what failed and has not changed.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    public async Task RefreshAsync(PluginCatalog catalog, bool retry, CancellationToken cancellationToken) =>
        await ChangeAsync(catalog, null, retry, cancellationToken);

    private async Task<IReadOnlyDictionary<string, string>> ChangeAsync(
        PluginCatalog catalog, IReadOnlyList<StoreDefinition>? definitions, bool retry, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, closing.Token);
        await changing.WaitAsync(either.Token);
        try
        {
            definitions ??= wanted;
            var drivers = definitions.Select(definition => definition.Driver).Distinct(StringComparer.Ordinal).ToList();

            // One after the other: constructors of plugins run here, and two that touch the same native library at once are nobody's test case.
            var targets = drivers.ToDictionary(driver => driver, driver => shelf.Choose(catalog, driver, retry), StringComparer.Ordinal);
            var plan = new StorePlan(current.All, definitions, targets, retry);
            try
            {
                await plan.StartAsync(starter, options.ObjectionToPath is { } objection && wanted.Count > 0 ? objection : null, shelf, either.Token);
                either.Token.ThrowIfCancellationRequested();
            }
            catch
            {
                await plan.UndoAsync();
                foreach (var target in targets.Values.Where(target => target.IsCandidate))
                    target.Use!.LetGo();
                throw;
            }

            wanted = definitions;
            Publish(plan, definitions, drivers);
            return plan.Unused;
        }
        finally
        {
            changing.Release();
        }
    }

    private void Publish(StorePlan plan, IReadOnlyList<StoreDefinition> definitions, List<string> drivers)
    {
        var before = current;
        foreach (var (driver, target) in plan.Targets)
            shelf.Place(driver, target);
        var defaultId = Check(definitions);
        var stores = definitions.Select(definition => plan.Finish(definition, definition.Id == defaultId)).ToList();
        Volatile.Write(ref unused, plan.Unused);
        current = new Snapshot(stores, [.. shelf.Loaded.Where(plugin => drivers.Contains(plugin.Name))], [.. shelf.Refusals.Where(refusal => drivers.Contains(refusal.Driver))]);
        foreach (var store in stores)
            LogChange(store, before.ById.GetValueOrDefault(store.Id), plan.Unused.GetValueOrDefault(store.Id));
        foreach (var old in before.All.Where(old => old.Guarded is not null))
        {
            var next = current.ById.GetValueOrDefault(old.Id);
            if (next?.Guarded == old.Guarded)
                continue;
            if (next is null)
                logger.StoreRemoved(old.Id);
            Retire(old, next?.Guarded);
        }

        shelf.Keep(drivers);
        Changed?.Invoke(this, EventArgs.Empty);
    }

    private void LogChange(Store store, Store? before, string? refused)
    {
        if (refused is not null && store.Guarded is not null)
            logger.StoreChangeRefused(store.Id, refused);
        else if (store.Guarded is null && store.Problem != before?.Problem)
            logger.StoreFailed(store.Id, store.Problem!);
        else if (store.Guarded is not null && before?.Guarded is null)
            logger.StoreReady(store.Id, store.DriverName, store.Plugin!.Version);
        else if (store.Guarded != before?.Guarded && store.Guarded is not null)
            logger.StoreReplaced(store.Id);
    }

    private void Retire(Store old, GuardedDriver? successor)
    {
        var ended = successor is null ? old.Guarded!.DrainAsync() : old.Guarded!.ReplaceAsync(successor);
        lock (retiring)
        {
            retiring.RemoveAll(task => task.IsCompleted);
            retiring.Add(RetireAsync(old.Id, old.Guarded, old.Loaded!, ended));
        }
    }

    private async Task RetireAsync(string id, GuardedDriver driver, LoadedPlugin plugin, Task ended)
    {
        try
        {
            await ended.WaitAsync(options.DrainTimeout, time, closing.Token);
        }
        catch (TimeoutException)
        {
            logger.DrainOverdue(id, driver.OpenTransfers, options.DrainTimeout);
        }
        catch (OperationCanceledException)
        {
            // The set is being disposed, and with it every driver.
        }

        await driver.DisposeAsync();
        plugin.LetGoAfter(driver.Ended);
    }

    private Task[] Retiring()
    {
        lock (retiring)
            return [.. retiring];
    }
}
