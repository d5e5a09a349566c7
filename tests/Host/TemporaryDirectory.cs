namespace GlanceGateway.Host.Tests;

/// <summary>A directory that lives as long as a test.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("glance-gateway-test-").FullName;

    public string Below(params ReadOnlySpan<string> names) => System.IO.Path.Join(Path, System.IO.Path.Join(names));

    public string Write(string name, string text)
    {
        var path = Below(name);
        File.WriteAllText(path, text);
        return path;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
