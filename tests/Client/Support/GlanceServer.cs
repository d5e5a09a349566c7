using System.Globalization;
using System.Net;
using System.Net.Sockets;
using GlanceGateway.Testing;

namespace GlanceGateway.Client.Tests;

/// <summary>A real Glance without log-in.</summary>
public sealed class GlanceServer : IAsyncDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly int _port;
    private bool _isStarted;

    public GlanceServer()
    {
        using TcpListener free = new(IPAddress.Loopback, 0);
        free.Start();
        _port = ((IPEndPoint)free.LocalEndpoint).Port;
    }

    public Uri Address => new($"http://127.0.0.1:{_port}/");

    /// <summary>Starts it; skips where it cannot run.</summary>
    public async Task StartAsync()
    {
        Requires.Need(Environment.IsPrivilegedProcess, "a real Glance is started as root only");
        Requires.Programs("glance-api", "glance-manage", "python3", "curl");
        _isStarted = true;
        (await RunAsync("start")).Succeeded();
    }

    public async ValueTask DisposeAsync()
    {
        if (_isStarted)
            await RunAsync("stop");
        _directory.Dispose();
    }

    private Task<CommandResult> RunAsync(string action) => Command.RunAsync(
        Path.Combine(RepositoryPaths.Root, "tests/servers/glance.sh"), [action, _directory["glance"]],
        new Dictionary<string, string> { ["GLANCE_PORT"] = _port.ToString(CultureInfo.InvariantCulture) }, TimeSpan.FromMinutes(4));
}
