using System.Xml.Linq;

namespace GlanceGateway.Architecture;

/// <summary>
/// Arrows between projects point down only. The table is the architecture: a new arrow is a decision that is made here, not an accident.
/// </summary>
public sealed class DependencyArrows
{
    private static readonly Dictionary<string, string[]> allowed = new(StringComparer.Ordinal)
    {
        ["core/Abstractions"] = [],
        ["core/Blocks"] = ["core/Abstractions"],
        ["core/Client"] = ["core/Abstractions"],
        ["core/Conformance"] = ["core/Abstractions"],
        ["core/Formats"] = ["core/Abstractions"],
        ["core/Registry"] = [],
        ["core/Stores"] = ["core/Abstractions"],
        ["core/Images"] = ["core/Abstractions", "core/Blocks", "core/Formats", "core/Registry", "core/Stores"],
        ["core/Api"] = ["core/Images"],
        ["core/Host"] = ["core/Api", "core/Blocks", "core/Client", "core/Conformance", "mount/Checks", "mount/View"],
        ["mount/Checks"] = [],
        ["mount/Fuse"] = [],
        ["mount/View"] = ["mount/Fuse", "core/Abstractions", "core/Formats"],
    };

    /// <summary>Packages that would let a module know what it must not know.</summary>
    private static readonly Dictionary<string, string[]> forbiddenPackages = new(StringComparer.Ordinal)
    {
        ["core/Abstractions"] = [""],
        ["core/Blocks"] = ["Microsoft.AspNetCore", "Dapper", "Microsoft.Data", "Npgsql"],
        ["core/Client"] = ["Microsoft.AspNetCore", "Dapper", "Microsoft.Data", "Npgsql", "McMaster"],
        ["core/Conformance"] = [""],
        ["core/Formats"] = ["Microsoft.AspNetCore", "Dapper", "Microsoft.Data", "Npgsql"],
        ["core/Registry"] = ["Microsoft.AspNetCore"],
        ["core/Stores"] = ["Microsoft.AspNetCore", "Dapper", "Microsoft.Data", "Npgsql"],
        ["core/Images"] = ["Microsoft.AspNetCore", "Dapper", "Microsoft.Data", "Npgsql"],
        ["core/Api"] = ["Dapper", "Microsoft.Data", "Npgsql", "McMaster"],
        ["mount/Checks"] = [""],
        ["mount/Fuse"] = ["Microsoft.AspNetCore"],
        ["mount/View"] = ["Microsoft.AspNetCore", "Dapper", "Microsoft.Data"],
    };

    private static readonly string root = Testing.RepositoryPaths.Root;

    [Fact]
    public void Arrows_point_down()
    {
        var wrong =
            from project in Projects("core").Concat(Projects("mount"))
            from reference in References(project)
            where !allowed.TryGetValue(project, out var targets) || !targets.Contains(reference)
            select $"{project} -> {reference}";
        Assert.Empty(wrong);
    }

    [Fact]
    public void Every_project_of_the_product_stands_in_the_table() =>
        Assert.Equal(allowed.Keys.Order(), Projects("core").Concat(Projects("mount")).Order());

    [Fact]
    public void A_plugin_knows_the_contract_and_nothing_else_of_the_product()
    {
        foreach (var plugin in Projects("plugins"))
        {
            Assert.Empty(References(plugin));
        }

        var shared = XDocument.Load(Path.Combine(root, "plugins", "Directory.Build.props"));
        var reference = Assert.Single(shared.Descendants("ProjectReference"));
        Assert.EndsWith("core/Abstractions/GlanceGateway.Abstractions.csproj", reference.Attribute("Include")!.Value, StringComparison.Ordinal);
        Assert.Equal("runtime", reference.Attribute("ExcludeAssets")!.Value);
    }

    [Fact]
    public void The_host_references_no_plugin()
    {
        var host = XDocument.Load(Path.Combine(root, "core", "Host", "GlanceGateway.Host.csproj"));
        var plugins = host.Descendants("ProjectReference").Where(r => r.Attribute("Include")!.Value.Contains("plugins", StringComparison.Ordinal));
        Assert.All(plugins, p => Assert.Equal("false", p.Attribute("ReferenceOutputAssembly")?.Value));
    }

    [Fact]
    public void Modules_use_no_package_that_they_must_not_know()
    {
        foreach (var (project, forbidden) in forbiddenPackages)
        {
            var packages = Load(project).Descendants("PackageReference").Concat(Load(project).Descendants("FrameworkReference"))
                .Select(p => p.Attribute("Include")!.Value);
            Assert.DoesNotContain(packages, p => forbidden.Any(f => p.StartsWith(f, StringComparison.Ordinal)));
        }
    }

    private static IEnumerable<string> Projects(string folder) =>
        Directory.EnumerateDirectories(Path.Combine(root, folder))
            .Where(d => Directory.EnumerateFiles(d, "*.csproj").Any())
            .Select(d => Path.GetRelativePath(root, d));

    private static IEnumerable<string> References(string project) =>
        Load(project).Descendants("ProjectReference")
            .Where(r => r.Attribute("ReferenceOutputAssembly")?.Value != "false")
            .Select(r => Path.GetRelativePath(root, Path.GetDirectoryName(Path.GetFullPath(Path.Combine(root, project, r.Attribute("Include")!.Value)))!));

    private static XDocument Load(string project) =>
        XDocument.Load(Directory.EnumerateFiles(Path.Combine(root, project), "*.csproj").Single());
}
