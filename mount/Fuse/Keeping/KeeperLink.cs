using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Fuse;

/// <summary>A connection to a keeper, from the side that asks. One question at a time.</summary>
internal sealed class KeeperLink : IDisposable
{
    /// <summary>A mount can take seconds, when a dead one is in its place.</summary>
    private const int PatienceMilliseconds = 30_000;

    private readonly byte[] _buffer = new byte[KeeperProtocol.AnswerBytes];

    private KeeperLink(Socket socket) => Socket = socket;

    internal Socket Socket { get; }

    /// <exception cref="FuseMountException">Nobody answers there, or somebody who may not be the keeper.</exception>
    internal static KeeperLink Connect(string path)
    {
        Socket socket = KeeperSocket.New();
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            uint user = UnixMessages.PeerOf(socket).User;
            if (user != 0 && user != Libc.EffectiveUser())
            {
                throw new FuseMountException($"What answers at {path} is no keeper: it runs as the user with the id {user}, not as root.", Errno.EACCES);
            }

            socket.ReceiveTimeout = PatienceMilliseconds;
            socket.SendTimeout = PatienceMilliseconds;
            return new KeeperLink(socket);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new FuseMountException(
                e.SocketErrorCode == SocketError.AccessDenied
                    ? $"The keeper at {path} cannot be reached: this user may not enter its directory."
                    : $"No keeper answers at {path} ({e.Message}); start one as root: glance-gateway mount keep.",
                e.SocketErrorCode == SocketError.AccessDenied ? Errno.EACCES : Errno.ENOTCONN);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Asks, and waits for the answer.</summary>
    /// <param name="question">What.</param>
    /// <param name="file">Goes along; null for none.</param>
    /// <param name="given">What came along, null for nothing.</param>
    /// <returns>The answer from behind its error number.</returns>
    /// <exception cref="FuseMountException">The keeper refuses (the message is its own), or is gone, silent or out of step (<see cref="Errno.ENOTCONN"/>): then the link has ended.</exception>
    internal KeeperReader Ask(KeeperWriter question, SafeFileHandle? file, out SafeFileHandle? given)
    {
        byte[] packet = question.ToMessage();
        Errno sent = file is null ? UnixMessages.Send(Socket, packet) : UnixMessages.Send(Socket, packet, file);
        int length = sent == Errno.None ? UnixMessages.Receive(Socket, _buffer, out SafeFileHandle[] attached) : Nothing(out attached);
        given = attached.FirstOrDefault();
        foreach (SafeFileHandle more in attached.Skip(1))
        {
            more.Dispose();
        }

        KeeperReader answer = new(_buffer.AsSpan(0, length));
        if (length == 0 || !answer.Head(length, out byte operation) || operation != packet[KeeperProtocol.OperationAt])
        {
            // What comes later would be taken for the answer to the next question, and one file be opened with the registration of another.
            given?.Dispose();
            given = null;
            End();
            throw new FuseMountException("The keeper closed the connection: it is gone, or does not serve this user (glance-gateway mount keep --user).", Errno.ENOTCONN);
        }

        Errno error = (Errno)answer.U32();
        if (error != Errno.None)
        {
            given?.Dispose();
            given = null;
            throw new FuseMountException(answer.Text(), error);
        }

        return answer;
    }

    public void Dispose() => Socket.Dispose();

    /// <summary>Nothing is asked or answered any more; whoever polls the socket sees that it hangs up.</summary>
    internal void End()
    {
        try
        {
            Socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The keeper went first.
        }
    }

    private static int Nothing(out SafeFileHandle[] attached)
    {
        attached = [];
        return 0;
    }
}
