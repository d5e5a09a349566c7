namespace GlanceGateway.Stores;

/// <summary>A store as the configuration describes it.</summary>
public sealed record StoreDefinition
{
    /// <summary>1 to 64 letters, digits, <c>-</c> and <c>_</c>, the first a letter or digit; not beginning with <c>os_glance</c>, which upstream reserves.</summary>
    public required string Id { get; init; }

    /// <summary>The name of its driver, as a plugin's manifest gives it.</summary>
    public required string Driver { get; init; }

    /// <summary>Whether images go here when the caller names no store. A single store is the default anyway.</summary>
    public bool IsDefault { get; init; }

    /// <summary>Among the locations of an image, those in stores of greater weight are read first.</summary>
    public int Weight { get; init; }

    /// <summary>Whether nothing is written to it or deleted from it: what lies there is somebody else's.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>Text for users, or null.</summary>
    public string? Description { get; init; }

    /// <summary>The driver's options: texts, numbers and booleans by name.</summary>
    public IReadOnlyDictionary<string, object?> Options { get; init; } = new Dictionary<string, object?>();
}
