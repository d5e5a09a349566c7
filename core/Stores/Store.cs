using GlanceGateway.Abstractions;

namespace GlanceGateway.Stores;

/// <summary>Whether a store serves.</summary>
public enum StoreState
{
    /// <summary>Its driver was made.</summary>
    Ready,

    /// <summary>It did not start; <see cref="Store.Problem"/> says why.</summary>
    Failed,
}

/// <summary>A configured store, as it is at one moment: a change of it makes another object.</summary>
public sealed class Store
{
    private readonly GuardedDriver? driver;

    internal Store(StoreDefinition definition, bool isDefault, LoadedPlugin? plugin, GuardedDriver? driver, string? problem, IReadOnlyList<string>? schemes = null)
    {
        this.driver = driver;
        Definition = definition;
        Id = definition.Id;
        DriverName = definition.Driver;
        Description = definition.Description;
        Weight = definition.Weight;
        IsReadOnly = definition.IsReadOnly || driver?.IsReadOnly == true;
        Settings = driver is null || plugin is null ? new Dictionary<string, object>() : OptionReader.Tellable(plugin.Factory.Options, definition.Options);
        IsDefault = isDefault;
        Schemes = plugin?.Schemes ?? schemes ?? [];
        Plugin = plugin?.Identity;
        Loaded = plugin;
        Problem = problem;
    }

    /// <summary>Its id in the configuration and in location metadata.</summary>
    public string Id { get; }

    /// <summary>The name of its driver.</summary>
    public string DriverName { get; }

    /// <summary>Text for users, or null.</summary>
    public string? Description { get; }

    /// <summary>Greater is read first.</summary>
    public int Weight { get; }

    /// <summary>Whether nothing is written to it or deleted from it: the operator says so, or its driver cannot.</summary>
    public bool IsReadOnly { get; }

    /// <summary>The driver's options as they are in force, by name, those that hold secrets left out; empty while it does not serve.</summary>
    public IReadOnlyDictionary<string, object> Settings { get; }

    /// <summary>Whether it takes what is sent to no store in particular; true for exactly one store of a set.</summary>
    public bool IsDefault { get; }

    /// <summary>The URI schemes of its locations; empty when its plugin could not be found.</summary>
    public IReadOnlyList<string> Schemes { get; }

    /// <summary>Whether it serves.</summary>
    public StoreState State => driver is null ? StoreState.Failed : StoreState.Ready;

    /// <summary>Why it does not serve, for the operator; null when it does.</summary>
    public string? Problem { get; }

    /// <summary>The code that serves it; null when its plugin was not loaded.</summary>
    public PluginIdentity? Plugin { get; }

    /// <summary>The driver behind its guard: metrics, time-outs, exceptions as <see cref="StoreException"/>. Belongs to the set. When the set
    /// replaces the driver, calls on this one go to its successor.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.Unavailable"/> when the store did not start.</exception>
    public IStorageDriver Driver =>
        driver ?? throw new StoreException(StoreError.Unavailable, $"Store '{Id}' did not start: {Problem}");

    internal StoreDefinition Definition { get; }

    internal LoadedPlugin? Loaded { get; }

    internal GuardedDriver? Guarded => driver;
}
