using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>The units of <c>mount/systemd</c> under a real systemd: restarts, kills and hangs of each while files are read.</summary>
public sealed class SystemdTests
{
    [Fact]
    public async Task Readers_notice_nothing_when_any_unit_is_restarted_killed_or_hangs()
    {
        Assert.SkipUnless(Requires.FullCounts, "it boots a systemd and waits for its watchdog; run with --long");
        Requires.RootMount();
        Requires.Programs("systemd-nspawn");
        using var directory = new TempDirectory();
        var script = Path.Combine(RepositoryPaths.Root, "tests/servers/systemd.sh");
        try
        {
            var environment = new Dictionary<string, string>
            {
                ["SYSTEMD_PRODUCT"] = RepositoryPaths.Host,
                ["SYSTEMD_UNITS"] = Path.Combine(RepositoryPaths.Root, "mount/systemd"),
            };
            var run = await Command.RunAsync(script, ["run", directory.Path], environment, TimeSpan.FromMinutes(12));
            var happened = ServerScript.Parse(run.Succeeded().Output);
            var log = directory["log/steps.log"];
            Dictionary<string, string> expected = new()
            {
                ["start"] = "0",
                ["upload"] = "204",
                ["mount"] = "0",
                ["local"] = "equal",
                ["remote"] = "equal",
                ["keeper_restarted"] = "0",
                ["servers_kept"] = "yes",
                ["restarted_glance-gateway"] = "0",
                ["killed_glance-gateway"] = "back",
                ["hung_glance-gateway"] = "1 active",
                ["restarted_glance-gateway-mount"] = "0",
                ["killed_glance-gateway-mount"] = "back",
                ["hung_glance-gateway-mount"] = "1 active",
                ["keeper_killed"] = "back",
                ["local_again"] = "equal",
                ["remote_again"] = "equal",
                ["left"] = "0",
            };
            foreach (var (key, value) in expected)
                Assert.True(happened.GetValueOrDefault(key) == value, $"{key}: {happened.GetValueOrDefault(key)}, not {value}\n{Tail(log)}");
            Assert.StartsWith("right after", happened["local_reader"], StringComparison.Ordinal);
            Assert.StartsWith("right after", happened["remote_reader"], StringComparison.Ordinal);
        }
        finally
        {
            await Command.RunAsync(script, ["stop", directory.Path]);
        }
    }

    private static string Tail(string file) => File.Exists(file) ? string.Join('\n', File.ReadLines(file).TakeLast(120)) : "there is no log";
}
