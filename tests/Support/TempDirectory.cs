namespace GlanceGateway.Testing;

/// <summary>A directory of a test's own, gone with its dispose.</summary>
public sealed class TempDirectory : IDisposable
{
    /// <summary>Makes it, readable by the current user only.</summary>
    public TempDirectory() => Path = Directory.CreateTempSubdirectory("glance-").FullName;

    /// <summary>Its absolute path.</summary>
    public string Path { get; }

    /// <summary>A path inside; nothing is made.</summary>
    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Path, recursive: true);
}
