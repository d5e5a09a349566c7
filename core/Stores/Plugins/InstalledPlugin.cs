namespace GlanceGateway.Stores;

/// <summary>A plugin folder as it lies on disk; nothing of it has run.</summary>
/// <param name="Name">The driver's name, or the folder's when there is no readable manifest.</param>
/// <param name="Folder">The folder's absolute path.</param>
/// <param name="Manifest">Null when it could not be read.</param>
/// <param name="Problem">Why the plugin cannot be loaded, with the remedy; null when nothing speaks against it so far.</param>
public sealed record InstalledPlugin(string Name, string Folder, PluginManifest? Manifest, string? Problem);
