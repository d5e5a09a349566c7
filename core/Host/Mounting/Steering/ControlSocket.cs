using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace GlanceGateway.Host.Mounting;

/// <summary>Where a mount's process can be told what to do with its cache: a Unix socket in a directory of its own user, for that user and root alone.</summary>
internal sealed class ControlSocket : IAsyncDisposable
{
    /// <summary><c>sun_path</c> of unix(7) holds 108 bytes with the NUL at the end.</summary>
    private const int LongestPath = 107;

    private const int SolSocket = 1;
    private const int SoPeerCredentials = 17;
    private const int LongestRequest = 1 << 20;

    private static readonly byte[] s_newline = [(byte)'\n'];

    private readonly Socket _listener;
    private readonly MountSteering _steering;
    private readonly ILogger _logger;
    private readonly string? _ownDirectory;
    private readonly CancellationTokenSource _ending = new();
    private readonly Lock _gate = new();
    private readonly HashSet<Task> _clients = [];
    private readonly Task _accepting;

    private ControlSocket(Socket listener, string path, string? ownDirectory, MountSteering steering, ILogger logger)
    {
        (_listener, Path, _ownDirectory, _steering, _logger) = (listener, path, ownDirectory, steering, logger);
        _accepting = Task.Run(AcceptAsync);
    }

    /// <summary>Where it is.</summary>
    public string Path { get; }

    /// <summary>Listens.</summary>
    /// <param name="directory">Mode 0700 and nobody else's: what is at the socket's place is left from an earlier life.</param>
    /// <param name="steering">Carries out what is asked.</param>
    /// <param name="logger">Hears of trouble.</param>
    /// <returns>Null, with a line in the log, when it cannot.</returns>
    public static ControlSocket? TryStart(string directory, MountSteering steering, ILogger logger)
    {
        string? ownDirectory = null;
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            var path = System.IO.Path.Join(directory, "control");
            if (Encoding.UTF8.GetByteCount(path) > LongestPath)
            {
                ownDirectory = Directory.CreateTempSubdirectory("glance-gateway-").FullName;
                path = System.IO.Path.Join(ownDirectory, "control");
            }

            File.Delete(path);
            listener.Bind(new UnixDomainSocketEndPoint(path));
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            listener.Listen();
            return new ControlSocket(listener, path, ownDirectory, steering, logger);
        }
        catch (Exception fault) when (fault is SocketException or IOException or UnauthorizedAccessException)
        {
            logger.LogWarning("'mount warm' and its like will not work with this mount: {Reason}", fault.Message);
            listener.Dispose();
            if (ownDirectory is not null)
                Directory.Delete(ownDirectory, recursive: true);
            return null;
        }
    }

    /// <summary>Ends what is under way, and goes.</summary>
    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        _listener.Dispose();
        await _accepting;
        Task[] clients;
        lock (_gate)
            clients = [.. _clients];
        await Task.WhenAll(clients);
        if (_ownDirectory is not null)
            Directory.Delete(_ownDirectory, recursive: true);
        else
            File.Delete(Path);
        _ending.Dispose();
    }

    /// <summary>Who is at the other end of a connection, by the kernel's word: <c>struct ucred</c> of unix(7).</summary>
    internal static uint PeerUser(Socket peer)
    {
        Span<byte> credentials = stackalloc byte[12];
        return peer.GetRawSocketOption(SolSocket, SoPeerCredentials, credentials) == 12 ? BinaryPrimitives.ReadUInt32LittleEndian(credentials[4..]) : uint.MaxValue;
    }

    private async Task AcceptAsync()
    {
        while (!_ending.IsCancellationRequested)
        {
            Socket peer;
            try
            {
                peer = await _listener.AcceptAsync(_ending.Token);
            }
            catch (Exception fault) when (fault is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                if (!_ending.IsCancellationRequested && fault is SocketException)
                {
                    // Out of descriptors, perhaps: not at once again.
                    await Task.Delay(TimeSpan.FromSeconds(1), CancellationToken.None);
                }

                continue;
            }

            var serving = ServeAsync(peer);
            lock (_gate)
                _clients.Add(serving);
            _ = serving.ContinueWith(Forget, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    private void Forget(Task served)
    {
        lock (_gate)
            _clients.Remove(served);
    }

    private async Task ServeAsync(Socket peer)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(_ending.Token);
        await using var stream = new NetworkStream(peer, ownsSocket: true);
        try
        {
            var user = PeerUser(peer);
            if (user != 0 && user != LinuxUsers.EffectiveUser)
            {
                _logger.LogWarning("User {User} may not steer this mount", user);
                return;
            }

            var text = await ReadLineAsync(stream, stop.Token);
            if (JsonSerializer.Deserialize(text, ControlJson.Default.ControlRequest) is not { Command: not null, Images: not null } request)
                return;
            // Who asked and went away wants nothing any more.
            var watching = WatchAsync(stream, stop);
            try
            {
                await _steering.CarryOutAsync(request, line => WriteAsync(stream, line, stop.Token), stop.Token);
                await WriteAsync(stream, new ControlLine(Done: true), stop.Token);
            }
            finally
            {
                await stream.DisposeAsync();
                await watching;
            }
        }
        catch (Exception fault) when (fault is IOException or SocketException or JsonException or OperationCanceledException)
        {
            // The client went, or the mount ends; a client that waits sees the connection close.
        }
        catch (Exception fault)
        {
            _logger.LogError(fault, "A command for this mount's cache failed");
        }
    }

    private static async Task WatchAsync(NetworkStream stream, CancellationTokenSource stop)
    {
        try
        {
            await stream.ReadExactlyAsync(new byte[1]);
        }
        catch (Exception fault) when (fault is IOException or ObjectDisposedException)
        {
            await stop.CancelAsync();
        }
    }

    private static async Task WriteAsync(NetworkStream stream, ControlLine line, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(line, ControlJson.Default.ControlLine), cancellationToken);
        await stream.WriteAsync(s_newline, cancellationToken);
    }

    private static async Task<byte[]> ReadLineAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        using var text = new MemoryStream();
        var buffer = new byte[4096];
        while (text.Length < LongestRequest && await stream.ReadAsync(buffer, cancellationToken) is > 0 and var read)
        {
            var end = buffer.AsSpan(0, read).IndexOf((byte)'\n');
            text.Write(buffer, 0, end < 0 ? read : end);
            if (end >= 0)
                return text.ToArray();
        }

        throw new IOException("The request has no end.");
    }
}
