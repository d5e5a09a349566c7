using System.Globalization;
using GlanceGateway.Testing;

namespace GlanceGateway.Client.Tests;

/// <summary>A real Glance without log-in, with its images in files or on a real Ceph.</summary>
public sealed class GlanceServer(bool onCeph = false) : IAsyncDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly int _port = FreePorts.First(1);
    private readonly Dictionary<string, string> _settings = [];
    private bool _isStarted;
    private bool _isCephStarted;

    public Uri Address => new($"http://127.0.0.1:{_port}/");

    /// <summary>Starts it; skips where it cannot run.</summary>
    public async Task StartAsync()
    {
        Requires.Need(Environment.IsPrivilegedProcess, "a real Glance is started as root only");
        Requires.Programs("glance-api", "glance-manage", "python3", "curl");
        if (onCeph)
            await StartCephAsync();
        _settings["GLANCE_PORT"] = _port.ToString(CultureInfo.InvariantCulture);
        _isStarted = true;
        (await RunAsync("glance", "start")).Succeeded();
    }

    public async ValueTask DisposeAsync()
    {
        if (_isStarted)
            await RunAsync("glance", "stop");
        if (_isCephStarted)
            await RunAsync("ceph", "stop");
        _directory.Dispose();
    }

    /// <summary>Two ports for its monitor, some for its OSD.</summary>
    private async Task StartCephAsync()
    {
        Requires.Programs("ceph", "ceph-mon", "ceph-osd", "rbd");
        Requires.FileOf("python3-rbd", "/usr/share/doc/python3-rbd/copyright");
        var monitor = FreePorts.First(14);
        _settings["CEPH_MON_PORT"] = monitor.ToString(CultureInfo.InvariantCulture);
        _settings["CEPH_PORT_BASE"] = (monitor + 2).ToString(CultureInfo.InvariantCulture);
        _settings["CEPH_OSD_STORE"] = "memstore";
        _settings["CEPH_OSD_BYTES"] = (1L << 30).ToString(CultureInfo.InvariantCulture);
        _isCephStarted = true;
        foreach (var setting in (await RunAsync("ceph", "start")).Succeeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('=', 2)))
            _settings[setting[0]] = setting[1];
        _settings["GLANCE_STORE"] = "rbd";
    }

    private Task<CommandResult> RunAsync(string server, string action) => Command.RunAsync(
        Path.Combine(RepositoryPaths.Root, $"tests/servers/{server}.sh"), [action, _directory[server]], _settings, TimeSpan.FromMinutes(4));
}
