using System.Globalization;
using GlanceGateway.Stores.Tests.Conformance;
using GlanceGateway.Testing;

[assembly: AssemblyFixture(typeof(SharedSftpServer))]

namespace GlanceGateway.Stores.Tests.Conformance;

/// <summary>A real sshd on loopback, started by <c>tests/servers/sshd.sh</c>.</summary>
public sealed class SftpServer : IAsyncDisposable
{
    private readonly TempDirectory root = new();
    private readonly Dictionary<string, string> environment;
    private Dictionary<string, string> settings = [];

    private SftpServer(int port)
    {
        Port = port;
        var account = $"glance-sftp-{Guid.NewGuid().ToString("N")[..10]}";
        environment = new Dictionary<string, string>
        {
            ["SSHD_PORT"] = port.ToString(CultureInfo.InvariantCulture),
            ["SFTP_USER"] = account,
            ["SFTP_PASSWORD"] = Password,
        };
    }

    /// <summary>What logs in, and must never be seen anywhere else.</summary>
    public string Password { get; } = $"pass-{Guid.NewGuid():N}";

    public int Port { get; }

    public string User => settings["SFTP_USER"];

    public string KeyFile => settings["SFTP_KEY"];

    /// <summary>Type and key in base64, as in a known_hosts line.</summary>
    public string HostKey => settings["SFTP_HOST_KEY"];

    /// <summary>The second key, of another type.</summary>
    public string EcdsaHostKey => settings["SFTP_HOST_KEY_ECDSA"];

    public string Fingerprint => settings["SFTP_HOST_KEY_SHA256"];

    /// <summary>The directory that the account may write to, as it sees it.</summary>
    public string Directory => settings["SFTP_DIRECTORY"];

    /// <summary>The same directory without the server.</summary>
    public string LocalDirectory => settings["SFTP_LOCAL_DIRECTORY"];

    /// <summary>What the server logged.</summary>
    public string Log => File.ReadAllText(root["log/sshd.log"]);

    public static async Task<SftpServer> StartAsync()
    {
        Requires.Need(Environment.IsPrivilegedProcess, "an sshd with an account of its own takes root");
        Requires.Programs("sshd", "ssh-keygen", "openssl", "useradd");
        var server = new SftpServer(FreePorts.First());
        await server.StartAgainAsync();
        return server;
    }

    /// <summary>Starts it on the same port with the same keys and files.</summary>
    public async Task StartAgainAsync() =>
        settings = (await RunAsync("start")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);

    /// <summary>Kills it and all its sessions without warning.</summary>
    public async Task KillAsync()
    {
        var listener = (await File.ReadAllTextAsync(root["run/sshd.pid"])).Split(' ')[0];
        var all = Descendants(listener).Prepend(listener).ToArray();
        await Command.RunAsync("kill", ["-KILL", .. all]);

        static IEnumerable<string> Descendants(string process)
        {
            var children = File.ReadAllText($"/proc/{process}/task/{process}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries);
            return children.SelectMany(child => Descendants(child).Prepend(child)).ToList();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await RunAsync("stop");
        root.Dispose();
    }

    private async Task<string> RunAsync(string action) =>
        (await Command.RunAsync(Path.Combine(RepositoryPaths.Root, "tests", "servers", "sshd.sh"), [action, root.Path], environment)).Succeeded().Output;
}

/// <summary>One server for all tests that only need a directory; started by the first of them.</summary>
public sealed class SharedSftpServer : IAsyncDisposable
{
    private static readonly Lock gate = new();
    private static Task<SftpServer>? server;

    public static Task<SftpServer> GetAsync()
    {
        lock (gate)
            return server ??= SftpServer.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (server is { IsCompletedSuccessfully: true } started)
            await (await started).DisposeAsync();
    }
}
