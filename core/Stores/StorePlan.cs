using GlanceGateway.Abstractions;

namespace GlanceGateway.Stores;

/// <summary>One change of the set in preparation: which stores stay as they are, which were started anew, and what cannot be used.</summary>
internal sealed class StorePlan
{
    private readonly Dictionary<string, Store> before;
    private readonly IReadOnlyList<StoreDefinition> definitions;
    private readonly bool retry;
    private readonly Dictionary<string, StoreStart> started = new(StringComparer.Ordinal);

    public StorePlan(IReadOnlyList<Store> before, IReadOnlyList<StoreDefinition> definitions, Dictionary<string, PluginTarget> targets, bool retry)
    {
        this.before = before.ToDictionary(store => store.Id, StringComparer.Ordinal);
        this.definitions = definitions;
        this.retry = retry;
        Targets = targets;
    }

    /// <summary>What serves each driver from now on.</summary>
    public Dictionary<string, PluginTarget> Targets { get; }

    /// <summary>Changes of stores that cannot be used, though the stores serve on.</summary>
    public Dictionary<string, string> Unused { get; } = new(StringComparer.Ordinal);

    /// <summary>Starts what must start, and refuses candidates with which a serving store does not.</summary>
    public async Task StartAsync(StoreStarter starter, Func<string, string?>? objectionToPath, PluginShelf shelf, CancellationToken cancellationToken)
    {
        await StartAsync([.. definitions.Where(NeedsStart)], starter, objectionToPath, cancellationToken);
        foreach (var (driver, target) in Targets.Where(entry => entry.Value is { IsCandidate: true, Now: not null }).ToList())
        {
            var mine = definitions.Where(definition => definition.Driver == driver).ToList();
            if (mine.Find(definition => Serves(definition) && started[definition.Id].Driver is null) is not { } failed)
                continue;

            var problem = $"Store '{failed.Id}' does not start with it: {started[failed.Id].Problem}";
            foreach (var definition in mine)
            {
                await started[definition.Id].UndoAsync();
                started.Remove(definition.Id);
            }

            Targets[driver] = target with { Use = target.Now };
            shelf.Refuse(target.Use!, problem);
            await StartAsync([.. mine.Where(NeedsStart)], starter, objectionToPath, cancellationToken);
        }
    }

    /// <summary>Takes back what was started.</summary>
    public async Task UndoAsync()
    {
        foreach (var start in started.Values)
            await start.UndoAsync();
        started.Clear();
    }

    /// <summary>The store as it is after the change.</summary>
    public Store Finish(StoreDefinition definition, bool isDefault)
    {
        var old = before.GetValueOrDefault(definition.Id);
        var target = Targets[definition.Driver];
        if (started.TryGetValue(definition.Id, out var start))
        {
            if (start.Driver is not null)
                return new Store(definition, isDefault, start.Plugin, start.Driver, null);
            if (old?.Guarded is null)
                return new Store(definition, isDefault, start.Plugin, null, start.Problem);
            return KeepOld(old, definition, isDefault, start.Problem!);
        }

        if (target.Use is null)
        {
            return old?.Guarded is not null && old.DriverName != definition.Driver
                ? KeepOld(old, definition, isDefault, target.Problem!)
                : new Store(definition, isDefault, null, null, target.Problem, old?.Schemes);
        }

        // As it was, apart from what the driver does not see.
        return new Store(definition, isDefault, old!.Loaded, old.Guarded, old.Problem, old.Schemes);
    }

    private Store KeepOld(Store old, StoreDefinition definition, bool isDefault, string problem)
    {
        Unused[definition.Id] = problem;
        return new Store(
            old.Definition with { IsDefault = definition.IsDefault, Weight = definition.Weight, Description = definition.Description },
            isDefault,
            old.Loaded,
            old.Guarded,
            null);
    }

    // Whether it serves now, by the same options: then a start that fails is the plugin's doing.
    private bool Serves(StoreDefinition definition) =>
        before.TryGetValue(definition.Id, out var old) && old.Guarded is not null && HasSameOptions(old.Definition, definition);

    private bool NeedsStart(StoreDefinition definition)
    {
        var target = Targets[definition.Driver];
        if (target.Use is null)
            return false;
        if (!before.TryGetValue(definition.Id, out var old) || target.IsCandidate || !HasSameOptions(old.Definition, definition))
            return true;
        return old.Guarded is null ? retry || old.Loaded != target.Use : old.Loaded != target.Use;
    }

    private async Task StartAsync(
        IReadOnlyList<StoreDefinition> starting, StoreStarter starter, Func<string, string?>? objectionToPath, CancellationToken cancellationToken)
    {
        var starts = await Task.WhenAll(starting.Select(definition =>
            starter.StartAsync(definition, Targets[definition.Driver].Use!, isFirst: before.GetValueOrDefault(definition.Id)?.Guarded is null, cancellationToken)));
        for (var i = 0; i < starting.Count; i++)
        {
            var start = starts[i];
            if (ObjectionToPaths(starting[i].Id, start.Driver, objectionToPath) is { } problem)
            {
                await start.UndoAsync();
                start = start with { Driver = null, Problem = problem };
            }

            started[starting[i].Id] = start;
        }
    }

    // Two stores over one directory would see each other's images under the same names: the later copy is a duplicate, a delete in one is a loss
    // in the other.
    private string? ObjectionToPaths(string id, GuardedDriver? driver, Func<string, string?>? objectionToPath)
    {
        if (driver is not ILocalPaths local)
            return null;
        foreach (var path in local.Paths)
        {
            if (objectionToPath?.Invoke(path) is { } objection)
                return objection;
            var real = RealPath.Of(path);
            foreach (var other in definitions.Where(other => other.Id != id))
            {
                var serving = started.TryGetValue(other.Id, out var start) && start.Driver is not null ? start.Driver : before.GetValueOrDefault(other.Id)?.Guarded;
                if (serving is ILocalPaths theirs && theirs.Paths.Select(RealPath.Of).Contains(real, StringComparer.Ordinal))
                    return $"It would write to '{real}', which store '{other.Id}' writes to already. Give it a directory of its own.";
            }
        }

        return null;
    }

    private static bool HasSameOptions(StoreDefinition one, StoreDefinition other) =>
        one.Driver == other.Driver
        && one.Options.Count == other.Options.Count
        && one.Options.All(option => other.Options.TryGetValue(option.Key, out var value) && Equals(option.Value, value));
}
