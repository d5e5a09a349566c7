namespace GlanceGateway.Stores;

/// <summary>The code behind a driver: which plugin was loaded, and from which bytes.</summary>
/// <param name="Name">The driver's name.</param>
/// <param name="Version">The plugin's own version.</param>
/// <param name="Contract">The driver contract it was built against.</param>
/// <param name="Folder">The folder it was copied from.</param>
/// <param name="Hash">SHA-256 over its files, 64 lower-case hexadecimal digits.</param>
public sealed record PluginIdentity(string Name, string Version, string Contract, string Folder, string Hash);
