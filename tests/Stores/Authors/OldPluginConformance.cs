using GlanceGateway.Conformance;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests.Authors;

/// <summary>A plugin that was compiled once against contract 0.1 and never since: it must go on loading and working.</summary>
public sealed class OldPluginConformance : DriverConformance
{
    private readonly TempDirectory root = new();

    public override DriverFixture CreateFixture()
    {
        // Copied, because a checkout may be writable by the developer's group.
        var old = Path.Combine(RepositoryPaths.Root, "tests", "Stores", "OldPlugins", "contract-0.1");
        return new AuthorFixture(PluginFolders.Copy(old, root.Path, "shelf"));
    }

    public override ValueTask DisposeAsync()
    {
        root.Dispose();
        return base.DisposeAsync();
    }
}
