namespace GlanceGateway.Stores;

/// <summary>A plugin folder as it lies on disk; nothing of it has run.</summary>
/// <param name="Name">The driver's name, or the folder's when there is no readable manifest.</param>
/// <param name="Folder">The folder's absolute path.</param>
/// <param name="Manifest">Null when it could not be read.</param>
/// <param name="Problem">Why the plugin cannot be loaded, with the remedy; null when nothing speaks against it so far.</param>
public sealed record InstalledPlugin(string Name, string Folder, PluginManifest? Manifest, string? Problem)
{
    /// <summary>Differs whenever anything in the folder changed; null while the folder cannot be examined. Says nothing over restarts.</summary>
    internal string? Fingerprint { get; init; }

    /// <summary>The SHA-256 over the folder's files, as the list of allowed plugins names it; reads all of them.</summary>
    /// <returns>64 lower-case hexadecimal digits; null when the files cannot be read.</returns>
    public string? ComputeHash()
    {
        try
        {
            return PluginFiles.HashOf(Folder);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or Abstractions.StoreException)
        {
            return null;
        }
    }
}
