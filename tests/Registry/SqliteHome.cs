using GlanceGateway.Registry;

namespace GlanceGateway.Registry.Tests;

/// <summary>A SQLite file in a directory of its own.</summary>
public sealed class SqliteHome : RegistryHome
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("registry-");

    public string Path => System.IO.Path.Combine(_directory.FullName, "registry.db");

    public Task<ImageRegistry> OpenFileAsync(string path) =>
        OpenAsync(new RegistryOptions { DatabasePath = path, InstanceId = "gateway-1" }, Clock);

    protected override Task<RegistryOptions> PlaceAsync() => Task.FromResult(new RegistryOptions { DatabasePath = Path, InstanceId = "" });

    protected override Task RemoveAsync()
    {
        _directory.Delete(recursive: true);
        return Task.CompletedTask;
    }
}
