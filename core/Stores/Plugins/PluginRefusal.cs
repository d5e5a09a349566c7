namespace GlanceGateway.Stores;

/// <summary>A plugin that lies in a plugin directory and is not used, though a store wants its driver.</summary>
/// <param name="Driver">The driver's name.</param>
/// <param name="Folder">Where it lies; null when it lies nowhere.</param>
/// <param name="Problem">Why, with the remedy.</param>
/// <param name="OldServes">Whether the one that was loaded before serves on.</param>
public sealed record PluginRefusal(string Driver, string? Folder, string Problem, bool OldServes);
