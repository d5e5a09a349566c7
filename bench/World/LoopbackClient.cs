using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace GlanceGateway.Bench;

/// <summary>An HTTP/1.1 client on one kept connection that blocks its thread and allocates nothing: its own cost stays out of the way, and
/// the same reading loop serves the baselines.</summary>
internal sealed class LoopbackClient : IDisposable
{
    private readonly Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly byte[] buffer = new byte[1 << 20];

    public LoopbackClient(IPEndPoint server) => socket.Connect(server);

    /// <summary>A GET with identity headers.</summary>
    /// <param name="target">Path and query.</param>
    /// <param name="project">The project.</param>
    /// <param name="roles">Role names, separated by commas.</param>
    /// <param name="headers">More header lines, each ended by CR LF.</param>
    public static byte[] Get(string target, string project, string roles, string headers = "") => Encoding.ASCII.GetBytes(
        $"GET {target} HTTP/1.1\r\nHost: localhost\r\nX-Identity-Status: Confirmed\r\nX-Project-Id: {project}\r\nX-User-Id: u\r\nX-Roles: {roles}\r\n{headers}\r\n");

    /// <summary>The head of an administrator's PUT of image data.</summary>
    public static byte[] Put(string target, long length) => Encoding.ASCII.GetBytes(
        $"PUT {target} HTTP/1.1\r\nHost: localhost\r\nX-Identity-Status: Confirmed\r\nX-Project-Id: p-admin\r\nX-User-Id: u\r\nX-Roles: admin\r\n"
        + $"Content-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n");

    /// <summary>Sends a request and reads the answer to its end.</summary>
    /// <param name="request">Its head.</param>
    /// <param name="body">Its body, which the head announces.</param>
    /// <returns>Bytes of the answer's body.</returns>
    /// <exception cref="InvalidOperationException">The answer is no success, or does not tell its length.</exception>
    public long Fetch(ReadOnlySpan<byte> request, ReadOnlySpan<byte> body = default)
    {
        Send(request);
        Send(body);
        var filled = 0;
        int headEnd;
        while ((headEnd = buffer.AsSpan(0, filled).IndexOf("\r\n\r\n"u8)) < 0)
        {
            filled += Receive(buffer.AsSpan(filled));
        }

        var head = buffer.AsSpan(0, headEnd + 2);
        if (!head.StartsWith("HTTP/1.1 20"u8))
        {
            throw new InvalidOperationException(Encoding.ASCII.GetString(buffer, 0, filled));
        }

        if (head.StartsWith("HTTP/1.1 204"u8))
        {
            return 0;
        }

        var name = "\r\nContent-Length: "u8;
        var at = head.IndexOf(name);
        if (at < 0 || !Utf8Parser.TryParse(head[(at + name.Length)..], out long length, out _))
        {
            throw new InvalidOperationException("The answer has no length:\n" + Encoding.ASCII.GetString(head));
        }

        Drain(length - (filled - headEnd - 4));
        return length;
    }

    /// <summary>Sends bytes.</summary>
    public void Send(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[socket.Send(bytes)..];
        }
    }

    /// <summary>Reads so many bytes and forgets them.</summary>
    public void Drain(long count)
    {
        while (count > 0)
        {
            count -= Receive(buffer.AsSpan(0, (int)Math.Min(count, buffer.Length)));
        }
    }

    public void Dispose() => socket.Dispose();

    private int Receive(Span<byte> into) => socket.Receive(into) is > 0 and var count ? count : throw new EndOfStreamException();
}
