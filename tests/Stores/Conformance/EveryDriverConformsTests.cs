using GlanceGateway.Conformance;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests.Conformance;

public sealed class EveryDriverConformsTests
{
    [Fact]
    public async Task Every_plugin_of_the_repository_has_a_conformance_test()
    {
        var manifests = Directory.EnumerateDirectories(Path.Combine(RepositoryPaths.Root, "plugins"))
            .Where(folder => Directory.EnumerateFiles(folder, "*.csproj").Any())
            .Select(folder => PluginManifest.Read(Path.Combine(folder, PluginManifest.FileName)).Name)
            .ToList();
        var tested = new HashSet<string>();
        foreach (var type in typeof(EveryDriverConformsTests).Assembly.GetTypes().Where(type => type is { IsAbstract: false } && type.IsAssignableTo(typeof(DriverConformance))))
        {
            await using var suite = (DriverConformance)Activator.CreateInstance(type)!;
            await using var fixture = suite.CreateFixture();
            tested.Add(fixture.DriverName);
        }

        Assert.NotEmpty(manifests);
        Assert.All(manifests, name => Assert.Contains(name, tested));
    }
}
