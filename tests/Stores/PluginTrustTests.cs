using System.Diagnostics;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests;

public sealed class PluginTrustTests : IDisposable
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private readonly TempDirectory root = new();
    private readonly string folder;

    public PluginTrustTests()
    {
        folder = PluginFolders.CopyProduct("Memory", root["plugins"]);
        File.SetUnixFileMode(root["plugins"], Private);
    }

    public void Dispose() => root.Dispose();

    [Fact]
    public void Own_folder_below_a_sticky_directory_is_trusted() => Assert.Null(PluginTrust.ObjectionTo(folder));

    [Theory]
    [InlineData("plugins/Memory/GlanceGateway.Plugins.Memory.dll", UnixFileMode.GroupWrite)]
    [InlineData("plugins/Memory/plugin.json", UnixFileMode.OtherWrite)]
    [InlineData("plugins/Memory", UnixFileMode.GroupWrite)]
    [InlineData("plugins/Memory", UnixFileMode.OtherWrite | UnixFileMode.StickyBit)]
    [InlineData("plugins", UnixFileMode.OtherWrite)]
    public void What_others_may_write_is_not_trusted(string path, UnixFileMode more)
    {
        File.SetUnixFileMode(root[path], File.GetUnixFileMode(root[path]) | more);

        Assert.Equal(
            $"'{root[path]}' can be changed by its group or by others, who could thus run code in this process: chmod go-w '{root[path]}'.",
            PluginTrust.ObjectionTo(folder));
        Assert.NotNull(Assert.Single(PluginCatalog.Scan([root["plugins"]]).Plugins).Problem);
    }

    [Fact]
    public void File_in_a_sub_folder_is_judged_too()
    {
        Directory.CreateDirectory(Path.Combine(folder, "runtimes"), Private);
        var library = Path.Combine(folder, "runtimes", "libnative.so");
        File.WriteAllText(library, "");
        File.SetUnixFileMode(library, Private | UnixFileMode.OtherWrite);

        Assert.Contains(library, PluginTrust.ObjectionTo(folder), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("plugins/Memory/GlanceGateway.Plugins.Memory.dll")]
    [InlineData("plugins/Memory")]
    [InlineData("plugins")]
    public void What_another_user_owns_is_not_trusted(string path)
    {
        if (Environment.UserName != "root")
            Assert.Skip("Only root can give files away.");
        using (var chown = Process.Start("chown", ["12345", root[path]]))
            chown.WaitForExit();

        Assert.StartsWith($"'{root[path]}' belongs to user 12345", PluginTrust.ObjectionTo(folder), StringComparison.Ordinal);
    }

    [Fact]
    public void Link_inside_the_folder_is_not_trusted()
    {
        File.CreateSymbolicLink(Path.Combine(folder, "more.dll"), "/usr/lib/more.dll");

        Assert.Contains("is a symbolic link", PluginTrust.ObjectionTo(folder), StringComparison.Ordinal);
    }

    [Fact]
    public void Link_above_is_followed_and_its_target_judged()
    {
        Directory.CreateSymbolicLink(root["link"], root["plugins"]);
        Assert.Null(PluginTrust.ObjectionTo(root["link/Memory"]));

        File.SetUnixFileMode(root["plugins"], Private | UnixFileMode.GroupWrite);
        Assert.StartsWith($"'{root["plugins"]}' can be changed", PluginTrust.ObjectionTo(root["link/Memory"]), StringComparison.Ordinal);
    }

    [Fact]
    public void Link_in_a_circle_ends()
    {
        Directory.CreateSymbolicLink(root["round"], root["round"]);

        Assert.NotNull(PluginTrust.ObjectionTo(root["round/Memory"]));
    }
}
