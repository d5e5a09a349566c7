using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;
using GlanceGateway.Testing;

namespace GlanceGateway.Client.Tests;

/// <summary>What mounts when a machine starts: <c>mount.glance</c>, called as mount(8) calls it for a line of <c>/etc/fstab</c>, and the units of systemd.</summary>
public sealed class BootMountTests(Service service) : IClassFixture<Service>, IDisposable
{
    private readonly TempDirectory _home = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static string Folder => Path.Combine(RepositoryPaths.Root, "mount/systemd");

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task A_line_of_fstab_mounts_in_the_background_and_mount_reports_what_it_says()
    {
        Requires.RootMount();
        var sample = await service.AddAsync("from fstab", 2_000_001);
        var (directory, cache) = (_home["images"], _home["cache"]);
        await File.WriteAllTextAsync(_home["warm.list"], sample.Id + "\n", Token);
        await InstallAsync($"exec dotnet '{Path.Combine(RepositoryPaths.Host, "glance-gateway.dll")}' \"$@\"");
        string options = $"rw,noauto,nofail,_netdev,x-systemd.mount-timeout=2m,cache={cache},cache_size=64MiB,cache_min_free=1MiB,read_ahead=0B,"
            + $"poll_interval=1s,sweep_interval=3s,read_timeout=30s,uid=0,group=0,world_readable,allow_other,metrics=127.0.0.1:0,warm_list={_home["warm.list"]},log_file={_home["log"]}";

        // The first endpoint of the two is away.
        var mounted = await MountAsync("http://127.0.0.1:1," + service.Gateway.Address, directory, "-n", "-s", "-o", options);
        var process = JsonDocument.Parse(mounted.Succeeded().Output).RootElement.GetProperty("process_id").GetInt32();
        try
        {
            Assert.Contains("never written", mounted.Error, StringComparison.Ordinal);
            var file = Path.Combine(directory, "by-id", sample.Id);
            for (var deadline = DateTime.UtcNow.AddMinutes(1); !File.Exists(file); await Task.Delay(100, Token))
                Assert.True(DateTime.UtcNow < deadline, "the image is not shown");
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(sample.Content)), await RemoteMount.Sha256Async(file));
            // The options arrived.
            Assert.True(File.GetUnixFileMode(file).HasFlag(UnixFileMode.OtherRead), "it is not readable for the world");
            Assert.Contains("/metrics", await File.ReadAllTextAsync(_home["log"], Token), StringComparison.Ordinal);
            Assert.True(Directory.Exists(Path.Combine(cache, "blocks")));
            var line = (await File.ReadAllLinesAsync("/proc/self/mounts", Token)).Single(mount => mount.Contains($" {directory} ", StringComparison.Ordinal));
            Assert.Contains(" ro,", line, StringComparison.Ordinal);
            Assert.Contains("allow_other", line, StringComparison.Ordinal);
        }
        finally
        {
            await Command.RunAsync("umount", [directory]);
            for (var i = 0; i < 300 && Directory.Exists($"/proc/{process}"); i++)
                await Task.Delay(100, CancellationToken.None);
        }

        Assert.False(Directory.Exists($"/proc/{process}"), "the process outlives its mount");
    }

    [Fact]
    public async Task Every_option_becomes_the_flag_of_its_name_and_every_flag_is_known()
    {
        // A program that takes note of how it was called, and the real one that judges it.
        await InstallAsync($"printf '%s\\n' \"$@\" >'{_home["called"]}'");
        (await MountAsync("cloud", "/mnt/images", "-v", "-ocloud=lab,cacert=/etc/ca.pem,gid=libvirt-qemu,keeper=/run/k.sock,defaults", "-o", "user,suid")).Succeeded();
        Assert.Equal(
            ["mount", "--background", "--os-cloud", "lab", "--cacert", "/etc/ca.pem", "--group", "libvirt-qemu", "--keeper", "/run/k.sock", "/mnt/images"],
            await File.ReadAllLinesAsync(_home["called"], Token));

        var help = (await Command.RunAsync("dotnet", [Path.Combine(RepositoryPaths.Host, "glance-gateway.dll"), "mount", "--help"])).Succeeded().Output;
        var script = await File.ReadAllTextAsync(Path.Combine(Folder, "mount.glance"), Token);
        var flags = Regex.Matches(
            script, @"set -- ""\$@"" (?<flag>--[a-z-]+)", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1)).Select(match => match.Groups["flag"].Value).ToArray();
        Assert.True(flags.Length > 10);
        Assert.All(flags, flag => Assert.Contains(flag, help, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("unknown option 'colour'", "https://host:9292", "/mnt", "-o", "ro,colour=red")]
    [InlineData("unknown argument 'surplus'", "https://host:9292", "/mnt", "surplus")]
    [InlineData("usage:", "https://host:9292")]
    public async Task What_fstab_cannot_say_fails_and_mounts_nothing(string said, params string[] arguments)
    {
        await InstallAsync($"touch '{_home["called"]}'");

        var result = await MountAsync(arguments);

        Assert.Equal(1, result.ExitCode);
        Assert.Contains(said, result.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(_home["called"]), "the program was called");
    }

    [Fact]
    public async Task Systemd_understands_every_unit()
    {
        Requires.Programs("systemd-analyze");
        foreach (var unit in Directory.GetFiles(Folder, "*.service"))
        {
            // The program is not installed here, and the template wants an instance.
            var text = (await File.ReadAllTextAsync(unit, Token)).Replace("/usr/bin/glance-gateway", "/bin/true", StringComparison.Ordinal);
            await File.WriteAllTextAsync(_home[Path.GetFileName(unit).Replace("@.", "@mnt-images.", StringComparison.Ordinal)], text, Token);
        }

        var units = Directory.GetFiles(_home.Path, "*.service");
        Assert.Equal(3, units.Length);
        Assert.Empty(await ComplaintsAsync(units));

        // It does notice what it does not understand.
        await File.AppendAllTextAsync(units[0], "\n[Service]\nRestart=sometimes\nRestartSek=1\n", Token);
        Assert.Equal(2, (await ComplaintsAsync(units)).Length);
    }

    /// <summary>What is said of these units; those that are installed on the machine may have faults of their own.</summary>
    private static async Task<string[]> ComplaintsAsync(string[] units)
    {
        var result = await Command.RunAsync("systemd-analyze", ["verify", "--recursive-errors=no", .. units]);
        return [.. (result.Output + result.Error).Split('\n').Where(line => line.Contains("glance-gateway", StringComparison.Ordinal))];
    }

    /// <summary>Puts a program <c>glance-gateway</c> where the script finds it.</summary>
    private async Task InstallAsync(string body)
    {
        Directory.CreateDirectory(_home["bin"]);
        await File.WriteAllTextAsync(_home["bin/glance-gateway"], "#!/bin/sh\n" + body + "\n", Token);
        File.SetUnixFileMode(_home["bin/glance-gateway"], (UnixFileMode)Convert.ToInt32("755", 8));
    }

    private Task<CommandResult> MountAsync(params string[] arguments) => Command.RunAsync(
        "sh",
        [Path.Combine(Folder, "mount.glance"), .. arguments],
        new Dictionary<string, string> { ["PATH"] = _home["bin"] + ":" + Environment.GetEnvironmentVariable("PATH") },
        TimeSpan.FromMinutes(2));
}
