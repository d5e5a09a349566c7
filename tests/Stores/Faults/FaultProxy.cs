using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace GlanceGateway.Stores.Tests.Faults;

/// <summary>What a network can do to a connection.</summary>
public enum NetworkFault
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Everything arrives late.</summary>
    Delay,

    /// <summary>The connections are reset after some bytes.</summary>
    Reset,

    /// <summary>The connections are closed in an orderly way after some bytes.</summary>
    Close,

    /// <summary>After some bytes nothing arrives any more, and nobody says so.</summary>
    Silence,

    /// <summary>Some bytes are lost in the middle of what the server sends.</summary>
    LostAnswerBytes,

    /// <summary>Some bytes are lost in the middle of what the client sends.</summary>
    LostRequestBytes,

    /// <summary>New connections are refused, and the old ones reset.</summary>
    Refusal,
}

/// <summary>A TCP proxy on loopback between a driver and its server that does what <see cref="NetworkFault"/> says, from the moment it is told.</summary>
public sealed class FaultProxy : IAsyncDisposable
{
    private const int LostBytes = 100;
    private static readonly TimeSpan lateness = TimeSpan.FromMilliseconds(20);

    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly IPEndPoint target;
    private readonly ConcurrentDictionary<Link, Task> links = new();
    private readonly Task accepting;
    private long budget;
    private int lies;
    private volatile NetworkFault fault;

    /// <summary>Starts it.</summary>
    /// <param name="targetPort">The server's port on loopback.</param>
    public FaultProxy(int targetPort)
    {
        target = new IPEndPoint(IPAddress.Loopback, targetPort);
        listener.Start();
        Port = ((IPEndPoint)listener.LocalEndpoint).Port;
        accepting = AcceptAsync();
    }

    /// <summary>Changes the heads of HTTP answers that carry a range, from the moment it is set; null for none.</summary>
    public Func<string, string>? Lie { get; set; }

    /// <summary>How many heads were changed.</summary>
    public int Lies => lies;

    /// <summary>Where the driver connects to.</summary>
    public int Port { get; }

    /// <summary>Begins a fault.</summary>
    /// <param name="next">Which.</param>
    /// <param name="afterBytes">How many bytes, both ways and over all connections, still pass unharmed.</param>
    public void Begin(NetworkFault next, long afterBytes)
    {
        Volatile.Write(ref budget, afterBytes);
        fault = next;
        if (next == NetworkFault.Refusal)
            ResetAll();
    }

    /// <summary>Ends the fault; connections that it spoilt are reset, because a network that comes back does not bring lost bytes along.</summary>
    public void End()
    {
        var ended = fault;
        fault = NetworkFault.None;
        if (ended is not (NetworkFault.None or NetworkFault.Delay))
            ResetAll();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        listener.Stop();
        await accepting;
        ResetAll();
        await Task.WhenAll(links.Values);
        listener.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await listener.AcceptSocketAsync();
                if (fault == NetworkFault.Refusal)
                {
                    client.Close(0);
                    continue;
                }

                var link = new Link(client, new Socket(SocketType.Stream, ProtocolType.Tcp));
                links[link] = Task.Run(() => RunAsync(link));
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    private async Task RunAsync(Link link)
    {
        try
        {
            await link.Server.ConnectAsync(target);
            link.Client.NoDelay = link.Server.NoDelay = true;
            await Task.WhenAll(PumpAsync(link, link.Client, link.Server, isRequest: true), PumpAsync(link, link.Server, link.Client, isRequest: false));
        }
        catch (SocketException)
        {
            link.Reset();
        }
        finally
        {
            link.Client.Dispose();
            link.Server.Dispose();
            links.TryRemove(link, out _);
        }
    }

    private async Task PumpAsync(Link link, Socket from, Socket to, bool isRequest)
    {
        var buffer = new byte[32 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer) is > 0 and var count)
            {
                var now = fault;
                var left = now == NetworkFault.None ? long.MaxValue : Interlocked.Add(ref budget, -count);
                if (left < 0)
                {
                    switch (now)
                    {
                        case NetworkFault.Delay:
                            await Task.Delay(lateness);
                            break;
                        case NetworkFault.Reset or NetworkFault.Refusal:
                            link.Reset();
                            return;
                        case NetworkFault.Close:
                            link.Close();
                            return;
                        case NetworkFault.Silence:
                            continue;
                        case NetworkFault.LostAnswerBytes when !isRequest && !link.HasLost:
                        case NetworkFault.LostRequestBytes when isRequest && !link.HasLost:
                            link.HasLost = true;
                            var kept = Math.Max(0, count - LostBytes);
                            await to.SendAsync(buffer.AsMemory(0, kept / 2));
                            await to.SendAsync(buffer.AsMemory(count - (kept - (kept / 2)), kept - (kept / 2)));
                            continue;
                    }
                }

                await to.SendAsync(!isRequest && Lie is { } lie ? Told(buffer.AsMemory(0, count), lie) : buffer.AsMemory(0, count));
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            link.Reset();
        }
    }

    // Servers send the head of an answer in one piece, at the beginning of one.
    private Memory<byte> Told(Memory<byte> piece, Func<string, string> lie)
    {
        var end = piece.Span.IndexOf("\r\n\r\n"u8);
        if (end < 0 || !piece.Span.StartsWith("HTTP/1.1 206 "u8))
            return piece;
        Interlocked.Increment(ref lies);
        return (byte[])[.. Encoding.Latin1.GetBytes(lie(Encoding.Latin1.GetString(piece.Span[..end]))), .. piece.Span[end..]];
    }

    private void ResetAll()
    {
        foreach (var link in links.Keys)
            link.Reset();
    }

    private sealed class Link(Socket client, Socket server)
    {
        public Socket Client => client;

        public Socket Server => server;

        public bool HasLost { get; set; }

        public void Reset()
        {
            client.Close(0);
            server.Close(0);
        }

        public void Close()
        {
            client.Dispose();
            server.Dispose();
        }
    }
}
