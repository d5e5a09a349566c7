using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace GlanceGateway.Host.Mounting;

/// <summary>The other end of a <see cref="ControlSocket"/>.</summary>
internal static class ControlClient
{
    /// <summary>Asks for something, and gives what is answered as it comes.</summary>
    /// <param name="path">The socket.</param>
    /// <param name="request">What is wanted.</param>
    /// <param name="cancellationToken">Ends the work over there too.</param>
    /// <exception cref="IOException">Nobody answers, or the connection was cut off.</exception>
    public static async IAsyncEnumerable<ControlLine> AskAsync(string path, ControlRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
        }
        catch (SocketException refused)
        {
            throw new IOException($"The mount's process cannot be asked at {path}: {refused.Message}. Only root and the user that it runs as may; is it running?", refused);
        }

        await using var stream = new NetworkStream(socket);
        await stream.WriteAsync((byte[])[.. JsonSerializer.SerializeToUtf8Bytes(request, ControlJson.Default.ControlRequest), (byte)'\n'], cancellationToken);
        using var answer = new StreamReader(stream);
        while (await answer.ReadLineAsync(cancellationToken) is { } text)
        {
            var line = JsonSerializer.Deserialize(text, ControlJson.Default.ControlLine)!;
            if (line.Done == true)
                yield break;
            yield return line;
        }

        throw new IOException("The mount's process ended the connection: it was stopped, or this user may not steer it (only root and the user that it runs as may).");
    }
}
