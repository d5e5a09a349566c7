using GlanceGateway.Host.Configuration;

namespace GlanceGateway.Host.Tests.Configuration;

public sealed class MountOverlapTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("mnt", "mnt", "/elsewhere", "data (")]
    [InlineData("mnt", "mnt/data", "/elsewhere", "data (")]
    [InlineData("data/images", "data", "/elsewhere", "the default store's directory")]
    [InlineData("data/images/here", "data", "/elsewhere", "lies inside the default store's directory")]
    [InlineData("data/scratch", "data", "/elsewhere", "the scratch directory")]
    [InlineData("data/lock", "data", "/elsewhere", "the lock file")]
    [InlineData("mnt", "data", "mnt/store", "stores.a.directory")]
    [InlineData("store/mnt", "data", "store", "lies inside stores.a.directory")]
    public void The_gateways_own_files_and_the_mount_keep_apart(string mount, string data, string store, string message)
    {
        var problem = Assert.Single(Refuse(mount, data, store).Problems);

        Assert.Equal("mount.directory", problem.Key);
        Assert.Contains(message, problem.Text, StringComparison.Ordinal);
        Assert.Contains("mount elsewhere", problem.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{0}/one, {0}/mnt/two")]
    [InlineData("{0}/one:200,{0}/mnt/two:-1")]
    public void Each_of_several_directories_of_a_store_keeps_apart(string directories)
    {
        var named = string.Format(System.Globalization.CultureInfo.InvariantCulture, directories, _directory.Path);
        var file = _directory.Write(
            "gateway.yaml",
            $"data: {_directory.Path}/data\nmount: {{ directory: {_directory.Path}/mnt }}\nstores: {{ a: {{ driver: filesystem, default: true, directories: '{named}' }} }}");

        var problem = Assert.Single(Assert.Throws<ConfigurationException>(() => ConfigurationSource.Load(file, [], Surroundings.OfUser())).Problems);

        Assert.Contains($"stores.a.directories ({_directory.Path}/mnt/two) lies under the mount", problem.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mnt", "mnt-data", "mnt2")]
    [InlineData("data/mnt", "data", "store")]
    [InlineData("data/images-mounted", "data", "store")]
    public void Neighbours_are_no_overlap(string mount, string data, string store) =>
        Assert.Equal(_directory.Below(mount), Load(mount, data, store).Mount?.Directory);

    [Fact]
    public void A_symbolic_link_into_the_mount_does_not_deceive()
    {
        Directory.CreateDirectory(_directory.Below("mnt"));
        Directory.CreateSymbolicLink(_directory.Below("innocent"), "mnt");

        var problem = Assert.Single(Refuse("mnt", "innocent/data", "store").Problems);

        Assert.Contains($"which is {_directory.Below("mnt/data")}", problem.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_mount_named_through_a_symbolic_link_does_not_deceive()
    {
        Directory.CreateDirectory(_directory.Below("real/mnt"));
        Directory.CreateSymbolicLink(_directory.Below("link"), _directory.Below("real"));

        Assert.Contains("lies under the mount", Refuse("link/mnt", "real/mnt/data", "store").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_circle_of_links_is_reported()
    {
        Directory.CreateSymbolicLink(_directory.Below("a"), "b");
        Directory.CreateSymbolicLink(_directory.Below("b"), "a");

        Assert.Contains("circle of symbolic links", Refuse("mnt", "data", "a/store").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Plugins_log_and_configuration_are_the_gateways_own_as_well()
    {
        Directory.CreateDirectory(_directory.Below("mnt"));
        var root = _directory.Path;
        var file = _directory.Write("mnt/gateway.yaml", $"data: {root}/data\nplugins: [{root}/mnt/plugins]\nlog: {{ file: {root}/mnt/log }}\nmount: {{ directory: {root}/mnt }}");

        var refused = Assert.Throws<ConfigurationException>(() => ConfigurationSource.Load(file, [], Surroundings.OfUser()));

        Assert.Equal(["plugins", "log.file", "the configuration file"], refused.Problems.Select(problem => problem.Text.Split(" (")[0]));
    }

    private GatewayConfiguration Load(string mount, string data, string store)
    {
        var file = _directory.Write(
            "gateway.yaml",
            $"data: {_directory.Below(data)}\nmount: {{ directory: {_directory.Below(mount)} }}\n"
            + $"stores: {{ a: {{ driver: filesystem, directory: {Path.Combine(_directory.Path, store)} }} }}");
        return ConfigurationSource.Load(file, [], Surroundings.OfUser());
    }

    private ConfigurationException Refuse(string mount, string data, string store) =>
        Assert.Throws<ConfigurationException>(() => Load(mount, data, store));
}
