using GlanceGateway.Abstractions;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests;

public sealed class PluginCatalogTests : IDisposable
{
    private readonly TempDirectory root = new();

    public void Dispose() => root.Dispose();

    [Fact]
    public void Lists_what_is_there_without_running_it()
    {
        PluginFolders.CopyProduct("FileSystem", root["plugins"]);
        PluginFolders.CopyTest("ThrowingFactory", root["plugins"]);

        var catalog = PluginCatalog.Scan([root["plugins"]]);

        Assert.Empty(catalog.Problems);
        Assert.Equal(["filesystem", "throwingfactory"], catalog.Plugins.Select(plugin => plugin.Name));
        Assert.All(catalog.Plugins, plugin => Assert.Null(plugin.Problem));
        Assert.Equal(["file", "filesystem"], catalog.Plugins[0].Manifest!.Schemes);
        Assert.Equal(DriverContract.Version, catalog.Plugins[0].Manifest!.Contract);
        Assert.Equal(root["plugins/FileSystem"], catalog.Plugins[0].Folder);
        Assert.DoesNotContain(AppDomain.CurrentDomain.GetAssemblies(), assembly => assembly.Location.StartsWith(root.Path, StringComparison.Ordinal));
    }

    [Fact]
    public void Missing_directory_is_a_problem_of_its_own()
    {
        PluginFolders.CopyProduct("Memory", root["plugins"]);

        var catalog = PluginCatalog.Scan([root["nowhere"], root["plugins"]]);

        Assert.Contains(root["nowhere"], Assert.Single(catalog.Problems), StringComparison.Ordinal);
        Assert.True(catalog.TryGet("memory", out _));
    }

    [Fact]
    public void Driver_in_two_folders_is_used_from_neither()
    {
        PluginFolders.CopyProduct("Memory", root["one"]);
        PluginFolders.CopyProduct("Memory", root["two"]);

        var catalog = PluginCatalog.Scan([root["one"], root["two"]]);

        Assert.Equal(2, catalog.Plugins.Count);
        Assert.All(catalog.Plugins, plugin => Assert.Equal($"The driver 'memory' is in '{root["one/Memory"]}' and '{root["two/Memory"]}'. Remove all but one.", plugin.Problem));
    }

    [Theory]
    [InlineData("0.2")]
    [InlineData("1.0")]
    [InlineData("0.0")]
    public void Other_contract_is_refused_before_loading(string contract)
    {
        var folder = PluginFolders.CopyProduct("Memory", root["plugins"]);
        Edit(folder, $"\"{DriverContract.Version}\"", $"\"{contract}\"");

        var plugin = Assert.Single(PluginCatalog.Scan([root["plugins"]]).Plugins);

        Assert.Equal($"It was built against the driver contract {contract}; this host has {DriverContract.Version}. Install the plugin's release for this host.", plugin.Problem);
    }

    [Fact]
    public void Own_copy_of_the_contract_is_refused()
    {
        var folder = PluginFolders.CopyProduct("Memory", root["plugins"]);
        var copy = Path.Combine(folder, "GlanceGateway.Abstractions.dll");
        File.Copy(typeof(IStorageDriver).Assembly.Location, copy);
        File.SetUnixFileMode(copy, UnixFileMode.UserRead);

        Assert.Contains("ships GlanceGateway.Abstractions.dll, which only the host may", Assert.Single(PluginCatalog.Scan([root["plugins"]]).Plugins).Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_assembly_is_named()
    {
        var folder = PluginFolders.CopyProduct("Memory", root["plugins"]);
        File.Delete(Path.Combine(folder, "GlanceGateway.Plugins.Memory.dll"));

        Assert.Contains("GlanceGateway.Plugins.Memory.dll is missing", Assert.Single(PluginCatalog.Scan([root["plugins"]]).Plugins).Problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"name\": \"memory\",", "", "name")]
    [InlineData("\"name\": \"memory\",", "\"name\": \"memory\", \"colour\": 1,", "colour")]
    [InlineData("\"name\": \"memory\",", "\"name\": \"memory\", \"name\": \"other\",", "name")]
    [InlineData("\"name\": \"memory\",", "\"name\": null,", "name")]
    [InlineData("\"name\": \"memory\"", "\"name\": \"../memory\"", "has a name")]
    [InlineData("\"GlanceGateway.Plugins", "\"../GlanceGateway.Plugins", "has an assembly")]
    [InlineData("[\"memory\"]", "[]", "has schemes")]
    [InlineData("[\"memory\"]", "[null]", "has schemes")]
    [InlineData("[\"memory\"]", "[\"Memory://\"]", "has schemes")]
    [InlineData("\"0.1\"", "\"latest\"", "has a contract")]
    [InlineData("{", "", "cannot be read")]
    public void Manifest_is_read_strictly(string text, string replacement, string complaint)
    {
        var folder = PluginFolders.CopyProduct("Memory", root["plugins"]);
        Edit(folder, text, replacement);

        var plugin = Assert.Single(PluginCatalog.Scan([root["plugins"]]).Plugins);

        Assert.Equal("Memory", plugin.Name);
        Assert.Null(plugin.Manifest);
        Assert.StartsWith("plugin.json ", plugin.Problem, StringComparison.Ordinal);
        Assert.Contains(complaint, plugin.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Folder_without_a_manifest_is_reported_and_hidden_ones_are_not()
    {
        Directory.CreateDirectory(root["plugins/Empty"]);
        Directory.CreateDirectory(root["plugins/.incoming"]);

        Assert.StartsWith("plugin.json cannot be opened", Assert.Single(PluginCatalog.Scan([root["plugins"]]).Plugins).Problem, StringComparison.Ordinal);
    }

    private static void Edit(string folder, string text, string replacement)
    {
        var path = Path.Combine(folder, PluginManifest.FileName);
        var manifest = File.ReadAllText(path);
        Assert.Contains(text, manifest, StringComparison.Ordinal);
        var at = manifest.IndexOf(text, StringComparison.Ordinal);
        File.WriteAllText(path, manifest[..at] + replacement + manifest[(at + text.Length)..]);
    }
}
