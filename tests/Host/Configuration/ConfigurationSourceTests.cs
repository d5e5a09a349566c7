using System.Net;
using GlanceGateway.Host.Configuration;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Host.Tests.Configuration;

public sealed class ConfigurationSourceTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Without_anything_there_is_a_working_default()
    {
        var configuration = ConfigurationSource.Load(null, [], Surroundings.OfUser());

        Assert.Equal(new IPEndPoint(IPAddress.Loopback, 9292), configuration.Listen);
        Assert.Equal("/home/somebody/.local/share/glance-gateway", configuration.DataDirectory);
        Assert.Equal(["/opt/glance-gateway/plugins"], configuration.PluginDirectories);
        Assert.Equal(IdentityMode.None, configuration.Identity.Mode);
        Assert.Null(configuration.Mount);
        Assert.Null(configuration.File);
        Assert.Equal(LogLevel.Information, configuration.Log.Level);
        Assert.Contains("identity.mode is none", Assert.Single(configuration.Warnings), StringComparison.Ordinal);
        var store = Assert.Single(configuration.Stores);
        Assert.Equal(("default", "filesystem", true), (store.Id, store.Driver, store.IsDefault));
        Assert.Equal("/home/somebody/.local/share/glance-gateway/images", Assert.Single(store.Options).Value);
    }

    [Fact]
    public void The_text_of_a_configuration_holds_no_password()
    {
        var file = _directory.Write("gateway.yaml", "data: /d\ndatabase: { provider: postgresql, connection: 'Host=h;Username=u;Password=hunter2' }");

        var configuration = ConfigurationSource.Load(file, [], Surroundings.OfUser());

        Assert.Contains("hunter2", configuration.Database.Connection, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", configuration.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_data_directory_of_root_is_the_systems()
    {
        var environment = Surroundings.Of(isRoot: true, ("HOME", "/home/somebody"), ("XDG_DATA_HOME", "/home/somebody/data"));

        Assert.Equal("/var/lib/glance-gateway", ConfigurationSource.Load(null, [], environment).DataDirectory);
    }

    [Theory]
    [InlineData("/data", "/data/glance-gateway")]
    [InlineData("data", "/home/somebody/.local/share/glance-gateway")]
    [InlineData("", "/home/somebody/.local/share/glance-gateway")]
    public void A_user_has_it_under_XDG_DATA_HOME_when_that_is_absolute(string dataHome, string expected) =>
        Assert.Equal(expected, ConfigurationSource.Load(null, [], Surroundings.OfUser(("XDG_DATA_HOME", dataHome))).DataDirectory);

    [Fact]
    public void A_user_without_a_home_must_name_one()
    {
        var refused = Assert.Throws<ConfigurationException>(() => ConfigurationSource.Load(null, [], Surroundings.Of()));

        Assert.Contains("name a directory with --data", Assert.Single(refused.Problems).Text, StringComparison.Ordinal);
        Assert.Equal("/d", ConfigurationSource.Load(null, [new("--data", "data", "/d")], Surroundings.Of()).DataDirectory);
    }

    [Fact]
    public void Flags_win_over_variables_which_win_over_the_file()
    {
        var file = _directory.Write("gateway.yaml", "listen: 127.0.0.1:1\ndata: /file\nlog: { level: error }\nlimits: { lease: 5s, stall_timeout: 7s }");
        var environment = Surroundings.OfUser(
            ("GLANCE_GATEWAY_LISTEN", "127.0.0.1:2"),
            ("GLANCE_GATEWAY_DATA", "/variable"),
            ("GLANCE_GATEWAY_LIMITS__LEASE", "9s"));

        var configuration = ConfigurationSource.Load(file, [new("--listen", "listen", "127.0.0.1:3")], environment);

        Assert.Equal(3, configuration.Listen.Port);
        Assert.Equal("/variable", configuration.DataDirectory);
        Assert.Equal(TimeSpan.FromSeconds(9), configuration.Limits.Lease);
        Assert.Equal(TimeSpan.FromSeconds(7), configuration.Limits.StallTimeout);
        Assert.Equal(LogLevel.Error, configuration.Log.Level);
        Assert.Equal(file, configuration.File);
    }

    [Fact]
    public void A_variable_with_commas_is_a_list()
    {
        var environment = Surroundings.OfUser(
            ("GLANCE_GATEWAY_PLUGINS", "/a, /b/"),
            ("GLANCE_GATEWAY_IDENTITY__MODE", "Headers"),
            ("GLANCE_GATEWAY_IDENTITY__TRUSTED_PROXIES", "10.0.0.0/8,::1"));

        var configuration = ConfigurationSource.Load(null, [], environment);

        Assert.Equal(["/a", "/b"], configuration.PluginDirectories);
        Assert.Equal(IdentityMode.Headers, configuration.Identity.Mode);
        Assert.Equal(["10.0.0.0/8", "::1/128"], configuration.Identity.TrustedProxies.Select(network => network.ToString()));
    }

    [Fact]
    public void A_variable_reaches_a_store_whatever_the_spelling_of_its_id()
    {
        var file = _directory.Write("gateway.yaml", "stores: { Fast-SSD: { driver: filesystem, directory: /a } }");

        var configuration = ConfigurationSource.Load(file, [], Surroundings.OfUser(("GLANCE_GATEWAY_STORES__FAST_SSD__DIRECTORY", "/b")));

        var store = Assert.Single(configuration.Stores);
        Assert.Equal("Fast-SSD", store.Id);
        var option = Assert.Single(store.Options);
        Assert.Equal(("/b", "environment variable GLANCE_GATEWAY_STORES__FAST_SSD__DIRECTORY"), (option.Value, option.Origin));
    }

    [Fact]
    public void A_variable_can_make_a_store()
    {
        var environment = Surroundings.OfUser(("GLANCE_GATEWAY_STORES__QUICK__DRIVER", "memory"));

        var store = Assert.Single(ConfigurationSource.Load(null, [], environment).Stores);

        Assert.Equal(("quick", "memory", true), (store.Id, store.Driver, store.IsDefault));
    }

    [Fact]
    public void An_empty_variable_counts_as_absent() =>
        Assert.Equal(9292, ConfigurationSource.Load(null, [], Surroundings.OfUser(("GLANCE_GATEWAY_LISTEN", ""))).Listen.Port);

    [Theory]
    [InlineData("GLANCE_GATEWAY_LISEN", "x", "lisen", "did you mean 'listen'?")]
    [InlineData("GLANCE_GATEWAY_LISTEN", "x", "listen", "expected ADDRESS:PORT")]
    [InlineData("GLANCE_GATEWAY_IDENTITY", "headers", "identity", "set GLANCE_GATEWAY_IDENTITY__KEY instead")]
    [InlineData("GLANCE_GATEWAY_PLUGINS", "/a,b", "plugins", "'b' does not fit")]
    [InlineData("GLANCE_GATEWAY_DATA", "here", "data", "expected an absolute path")]
    [InlineData("GLANCE_GATEWAY_", "x", null, "this names no key")]
    [InlineData("GLANCE_GATEWAY_LOG____LEVEL", "x", null, "this names no key")]
    [InlineData("GLANCE_GATEWAY_LISTEN__PORT", "1", "listen", "but this is keys and values")]
    public void A_bad_variable_is_named(string name, string value, string? key, string remedy)
    {
        var refused = Assert.Throws<ConfigurationException>(() => ConfigurationSource.Load(null, [], Surroundings.OfUser((name, value))));

        var problem = Assert.Single(refused.Problems);
        Assert.Equal(($"environment variable {name}", key), (problem.Where, problem.Key));
        Assert.Contains(remedy, problem.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_variable_below_a_value_of_the_file_leaves_the_complaint_to_the_file()
    {
        var file = _directory.Write("gateway.yaml", "mount: /mnt/images");

        var refused = Assert.Throws<ConfigurationException>(
            () => ConfigurationSource.Load(file, [], Surroundings.OfUser(("GLANCE_GATEWAY_MOUNT__DIRECTORY", "/m"))));

        Assert.Equal($"{file} line 1", Assert.Single(refused.Problems).Where);
    }

    [Fact]
    public void A_variable_fills_a_section_that_the_file_left_empty()
    {
        var file = _directory.Write("gateway.yaml", "mount:\n  #directory: /mnt/images\n");

        var configuration = ConfigurationSource.Load(file, [], Surroundings.OfUser(("GLANCE_GATEWAY_MOUNT__DIRECTORY", "/m")));

        Assert.Equal("/m", configuration.Mount?.Directory);
    }

    [Fact]
    public void The_standard_file_is_read_when_it_exists_and_the_variable_names_another()
    {
        var standard = _directory.Write("standard.yaml", "data: /standard");
        var other = _directory.Write("other.yaml", "data: /other");
        var environment = Surroundings.OfUser() with { DefaultFile = standard };
        var withVariable = Surroundings.OfUser(("GLANCE_GATEWAY_CONFIG", other)) with { DefaultFile = standard };

        Assert.Equal("/standard", ConfigurationSource.Load(null, [], environment).DataDirectory);
        Assert.Equal("/other", ConfigurationSource.Load(null, [], withVariable).DataDirectory);
        Assert.Equal("/standard", ConfigurationSource.Load(standard, [], withVariable).DataDirectory);
    }

    [Fact]
    public void A_relative_path_in_a_flag_is_one_from_the_current_directory()
    {
        var configuration = ConfigurationSource.Load(
            null,
            [new("--data", "data", "./data/"), new("--mount", "mount.directory", "../images")],
            Surroundings.OfUser());

        Assert.Equal("/home/somebody/here/data", configuration.DataDirectory);
        Assert.Equal("/home/somebody/images", configuration.Mount?.Directory);
    }

    [Fact]
    public void Stores_keep_their_order_and_their_options_as_written()
    {
        var file = _directory.Write(
            "gateway.yaml",
            "stores:\n  zulu: { driver: s3, access_key: 007, tls: yes, weight: 3, description: far }\n  alpha:\n    driver: memory\n    default: true\n");

        var stores = ConfigurationSource.Load(file, [], Surroundings.OfUser()).Stores;

        Assert.Equal(["zulu", "alpha"], stores.Select(store => store.Id));
        Assert.Equal([false, true], stores.Select(store => store.IsDefault));
        Assert.Equal((3, "far", $"{file} line 2"), (stores[0].Weight, stores[0].Description, stores[0].Origin));
        Assert.Equal([("access_key", "007"), ("tls", "yes")], stores[0].Options.Select(option => (option.Name, option.Value)));
        Assert.Equal($"stores.zulu.tls ({file} line 2)", stores[0].Options[1].ToString());
    }

    [Fact]
    public void Listening_beyond_loopback_is_allowed_when_told_and_warned_of()
    {
        var configuration = ConfigurationSource.Load(
            null,
            [new("--listen", "listen", "0.0.0.0:9292"), new("--insecure-listen", "insecure_listen", "true")],
            Surroundings.OfUser());

        Assert.Contains("everyone who reaches 0.0.0.0:9292 is administrator", Assert.Single(configuration.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Listening_beyond_loopback_needs_no_telling_behind_a_proxy()
    {
        var file = _directory.Write("gateway.yaml", "listen: 0.0.0.0:9292\nidentity: { mode: headers, trusted_proxies: [10.0.0.1] }");

        Assert.Empty(ConfigurationSource.Load(file, [], Surroundings.OfUser()).Warnings);
    }

    [Fact]
    public void A_world_readable_mount_is_warned_of()
    {
        var file = _directory.Write("gateway.yaml", "mount: { directory: /mnt/images, group: kvm, world_readable: true }");

        var configuration = ConfigurationSource.Load(file, [], Surroundings.OfUser());

        Assert.Equal("kvm", configuration.Mount?.Group);
        Assert.Contains(configuration.Warnings, warning => warning.Contains("every local user can read every image", StringComparison.Ordinal));
    }
}
