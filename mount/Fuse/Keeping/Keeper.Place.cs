using System.Net.Sockets;

namespace GlanceGateway.Fuse;

/// <summary>Where the keeper is found: its claim, its socket and those who come.</summary>
public sealed partial class Keeper
{
    private readonly FileStream _claim;
    private Socket _listener;
    private ulong _inode;
    private bool _cannotListen;

    private bool MayConnect(uint user) =>
        (user == 0 || user == Libc.EffectiveUser() || _options.Users.Contains(user))
        && _connections.Count < KeeperProtocol.MostConnections
        && (user == 0 || _connections.Count(connection => connection.Peer.User == user) < KeeperProtocol.MostConnectionsOfUser);

    private void BeginToAccept(Socket listener) => new Thread(() => Accept(listener), 256 * 1024) { IsBackground = true, Name = "keeper-accept" }.Start();

    private void Accept(Socket listener)
    {
        while (true)
        {
            try
            {
                Socket socket = listener.Accept();
                KeeperConnection connection = new(this, socket);
                lock (_table)
                {
                    if (_disposed || !MayConnect(connection.Peer.User))
                    {
                        FuseLog.KeeperRefused(_logger, connection.Peer.User, connection.Peer.Process);
                        socket.Dispose();
                        continue;
                    }

                    _connections.Add(connection);
                }

                new Thread(connection.Run, 256 * 1024) { IsBackground = true, Name = "keeper-connection" }.Start();
            }
            catch (ObjectDisposedException)
            {
                return;
            }
            catch (SocketException e)
            {
                lock (_table)
                {
                    if (_disposed || listener != _listener)
                    {
                        return;
                    }
                }

                FuseLog.KeeperAcceptFailed(_logger, e.Message);
                Thread.Sleep(100);
            }
        }
    }

    /// <summary>Listens at its place again when the socket there is gone, or is not its own.</summary>
    private void ReturnToPlace()
    {
        if (MountTable.InodeOfSocket(_options.Socket) == _inode)
        {
            return;
        }

        Socket next;
        try
        {
            next = KeeperSocket.Listen(_options.Socket);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SocketException)
        {
            if (!_cannotListen)
            {
                FuseLog.KeeperLostItsPlace(_logger, _options.Socket, e.Message);
            }

            _cannotListen = true;
            return;
        }

        Socket before;
        lock (_table)
        {
            if (_disposed)
            {
                next.Dispose();
                KeeperSocket.Remove(_options.Socket, MountTable.InodeOfSocket(_options.Socket) ?? 0);
                return;
            }

            (before, _listener, _inode, _cannotListen) = (_listener, next, MountTable.InodeOfSocket(_options.Socket) ?? 0, false);
        }

        FuseLog.KeeperReturned(_logger, _options.Socket);
        BeginToAccept(next);
        before.Dispose();
    }
}
