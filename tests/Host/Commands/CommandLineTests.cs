using System.Text.Json;
using GlanceGateway.Host.Configuration;

namespace GlanceGateway.Host.Tests.Commands;

public sealed class CommandLineTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Help_teaches_by_examples_and_rules()
    {
        var help = await RunAsync("--help");

        Assert.Equal((0, ""), (help.ExitCode, help.Error));
        Assert.All(
            ["serve", "stores", "plugins", "db", "config", "version", "Examples:", GatewayEnvironment.StandardFile, "GLANCE_GATEWAY_IDENTITY__MODE", "Exit codes:"],
            word => Assert.Contains(word, help.Output, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Help_of_serve_names_its_flags()
    {
        var help = await RunAsync("serve", "--help");

        Assert.Equal(0, help.ExitCode);
        Assert.All(
            ["--listen <HOST:PORT>", "--data <DIR>", "--mount <DIR>", "--config <FILE>", "--insecure-listen", "--json", "openstack --os-auth-type none"],
            word => Assert.Contains(word, help.Output, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("bogus")]
    [InlineData("serve --lisen 127.0.0.1:0")]
    [InlineData("serve --listen")]
    [InlineData("stores")]
    [InlineData("")]
    public async Task A_wrong_command_line_is_refused_with_2(string line)
    {
        var outcome = await RunAsync(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.Equal((2, ""), (outcome.ExitCode, outcome.Output));
        Assert.StartsWith("error: ", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("--help", outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("serve")]
    [InlineData("config check")]
    [InlineData("stores list")]
    [InlineData("plugins list")]
    [InlineData("db migrate")]
    [InlineData("doctor")]
    public async Task Every_command_refuses_a_bad_configuration_with_2_and_touches_nothing(string line)
    {
        var file = _directory.Write("gateway.yaml", "data: data\nlisten: 0.0.0.0:1");

        var outcome = await RunAsync([.. line.Split(' '), "--config", "gateway.yaml"]);

        Assert.Equal((2, ""), (outcome.ExitCode, outcome.Output));
        Assert.Collection(
            outcome.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries),
            error => Assert.StartsWith($"error: {file} line 1: data: 'data' does not fit", error, StringComparison.Ordinal),
            error => Assert.StartsWith($"error: {file} line 2: listen: 0.0.0.0:1 can be reached", error, StringComparison.Ordinal));
        Assert.Equal([file], Directory.GetFileSystemEntries(_directory.Path));
    }

    [Fact]
    public async Task Config_check_shows_what_it_comes_to_but_no_option_of_a_driver()
    {
        _directory.Write("gateway.yaml", "stores: { deep: { driver: s3, secret_key: hunter2 } }\nmount: { directory: /mnt/i, world_readable: true }");

        var outcome = await RunAsync("config", "check", "-c", "gateway.yaml", "--data", "here");

        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains($"data\t{_directory.Below("here")}\n", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("stores.deep\ts3 (default)\n", outcome.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", outcome.Output + outcome.Error, StringComparison.Ordinal);
        Assert.Contains("warning: every local user can read", outcome.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_directory.Below("here")));
    }

    [Fact]
    public async Task Config_check_names_the_database_without_its_password_and_a_database_that_is_away_is_no_secret_either()
    {
        const string Connection = "Host=127.0.0.1;Port=1;Database=d;Username=u;Password=hunter2";
        _directory.Write("gateway.yaml", $"database: {{ provider: postgresql, connection: '{Connection}' }}");

        var check = await RunAsync("config", "check", "-c", "gateway.yaml", "--data", "here");
        var migration = await RunAsync("db", "migrate", "-c", "gateway.yaml", "--data", "here");
        var serving = await RunAsync("serve", "-c", "gateway.yaml", "--data", "here");

        Assert.Equal((0, 1, 1), (check.ExitCode, migration.ExitCode, serving.ExitCode));
        Assert.Contains("database\tpostgresql://u@127.0.0.1:1/d\n", check.Output, StringComparison.Ordinal);
        foreach (var refused in new[] { migration, serving })
        {
            Assert.Contains("the registry postgresql://u@127.0.0.1:1/d cannot be used", refused.Error, StringComparison.OrdinalIgnoreCase);
            Assert.Contains("check that the server runs", refused.Error, StringComparison.Ordinal);
        }

        Assert.DoesNotContain("hunter2", check.Output + check.Error + migration.Error + serving.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Config_check_as_json_carries_problems_and_variables_count()
    {
        var outcome = await BuiltGateway.RunAsync(
            _directory.Path, ["config", "check", "--json", "--data", "d"], ("GLANCE_GATEWAY_IDENTITY__MODE", "magic"));

        Assert.Equal(2, outcome.ExitCode);
        using var document = JsonDocument.Parse(outcome.Output);
        Assert.False(document.RootElement.GetProperty("valid").GetBoolean());
        var problem = Assert.Single(document.RootElement.GetProperty("problems").EnumerateArray().ToList());
        Assert.Equal("environment variable GLANCE_GATEWAY_IDENTITY__MODE", problem.GetProperty("where").GetString());
        Assert.Equal("identity.mode", problem.GetProperty("key").GetString());
    }

    [Fact]
    public async Task Config_sample_prints_what_config_check_takes()
    {
        var sample = await RunAsync("config", "sample");
        _directory.Write("sample.yaml", sample.Output);

        var check = await RunAsync("config", "check", "--config", "sample.yaml");

        Assert.Equal(ConfigurationSample.Read(), sample.Output);
        Assert.Equal((0, 0), (sample.ExitCode, check.ExitCode));
        Assert.Equal(["warning: identity.mode is none"], check.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(": every")[0]));
    }

    [Fact]
    public async Task Version_is_told_as_text_and_json()
    {
        var text = await RunAsync("version");
        var json = await RunAsync("version", "--json");

        using var document = JsonDocument.Parse(json.Output);
        Assert.StartsWith($"glance-gateway {document.RootElement.GetProperty("version").GetString()} (driver contract ", text.Output, StringComparison.Ordinal);
        Assert.Equal(text, await RunAsync("--version"));
        Assert.Equal(json, await RunAsync("--version", "--json"));
    }

    [Theory]
    [InlineData("nope", "error: Unrecognized command or argument 'nope'.")]
    [InlineData("stores lst", "error: Unrecognized command or argument 'lst'.")]
    [InlineData("stores", "error: Required command was not provided.")]
    public async Task A_wrong_word_is_the_only_error(string line, string error)
    {
        var outcome = await RunAsync(line.Split(' '));

        Assert.Equal([error], outcome.Error.Split('\n').Where(text => text.StartsWith("error: ", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("listen: 0.0.0.0:9292\ninsecure_listen: true", null, 0)]
    [InlineData("listen: 0.0.0.0:9292", "true", 0)]
    [InlineData("listen: 0.0.0.0:9292\ninsecure_listen: true", "false", 2)]
    [InlineData("listen: 0.0.0.0:9292", null, 2)]
    public async Task Without_its_flag_insecure_listen_is_what_file_and_environment_say(string file, string? variable, int exitCode)
    {
        _directory.Write("gateway.yaml", file);

        var outcome = await BuiltGateway.RunAsync(
            _directory.Path,
            ["config", "check", "-c", "gateway.yaml", "--data", "d"],
            variable is null ? [] : [("GLANCE_GATEWAY_INSECURE_LISTEN", variable)]);

        Assert.Equal(exitCode, outcome.ExitCode);
    }

    [Fact]
    public async Task Plugins_that_were_built_with_the_host_are_listed_with_one_that_is_refused()
    {
        Directory.CreateDirectory(_directory.Below("plugins/broken"));

        var built = await RunAsync("plugins", "list", "--json", "--data", "d");
        var broken = await BuiltGateway.RunAsync(_directory.Path, ["plugins", "list", "--json", "--data", "d"], ("GLANCE_GATEWAY_PLUGINS", _directory.Below("plugins")));

        using var document = JsonDocument.Parse(built.Output);
        var filesystem = document.RootElement.GetProperty("plugins").EnumerateArray().Single(plugin => plugin.GetProperty("name").GetString() == "filesystem");
        Assert.Equal("usable", filesystem.GetProperty("state").GetString());
        Assert.Contains("file", filesystem.GetProperty("schemes").EnumerateArray().Select(scheme => scheme.GetString()));
        using var refused = JsonDocument.Parse(broken.Output);
        var plugin = Assert.Single(refused.RootElement.GetProperty("plugins").EnumerateArray().ToList());
        Assert.Equal("refused", plugin.GetProperty("state").GetString());
        Assert.NotEmpty(plugin.GetProperty("problem").GetString()!);
    }

    [Fact]
    public async Task Stores_are_listed_beside_a_gateway_that_owns_the_data_directory()
    {
        using var data = DataDirectory.Open(_directory.Below("data"), TimeProvider.System);
        var precious = Path.Join(data.Scratch, "default", "precious");
        Directory.CreateDirectory(precious);
        _directory.Write(
            "gateway.yaml",
            $"stores:\n  here: {{ driver: filesystem, directory: {_directory.Below("images")}, default: true, weight: 4 }}\n  gone: {{ driver: nonesuch }}");

        var outcome = await RunAsync("stores", "list", "--json", "--data", "data", "--config", "gateway.yaml");

        Assert.Equal(1, outcome.ExitCode);
        using var document = JsonDocument.Parse(outcome.Output);
        var stores = document.RootElement.GetProperty("stores").EnumerateArray().ToList();
        Assert.Equal(["here", "gone"], stores.Select(store => store.GetProperty("id").GetString()));
        Assert.Equal(("ready", 4), (stores[0].GetProperty("state").GetString(), stores[0].GetProperty("weight").GetInt32()));
        Assert.True(stores[0].GetProperty("free_bytes").GetInt64() > 0);
        Assert.Equal("failed", stores[1].GetProperty("state").GetString());
        Assert.Contains("nonesuch", stores[1].GetProperty("problem").GetString(), StringComparison.Ordinal);
        Assert.True(Directory.Exists(precious));
    }

    [Fact]
    public async Task The_data_directory_of_another_process_is_refused_with_1()
    {
        using var data = DataDirectory.Open(_directory.Below("data"), TimeProvider.System);

        var outcome = await RunAsync("db", "migrate", "--data", "data");

        Assert.Equal((1, ""), (outcome.ExitCode, outcome.Output));
        Assert.StartsWith($"error: the data directory {data.Path} is in use by process {Environment.ProcessId} (", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Db_migrate_makes_the_registry_and_says_where()
    {
        var outcome = await RunAsync("db", "migrate", "--data", "data", "--json");

        Assert.Equal(0, outcome.ExitCode);
        using var document = JsonDocument.Parse(outcome.Output);
        Assert.Equal(_directory.Below("data", "registry.sqlite"), document.RootElement.GetProperty("registry").GetString());
        Assert.True(File.Exists(_directory.Below("data", "registry.sqlite")));
    }

    private Task<BuiltGateway.Outcome> RunAsync(params string[] arguments) => BuiltGateway.RunAsync(_directory.Path, arguments);
}
