using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Fuse;

/// <summary>One process that asks the keeper, on a thread of its own.</summary>
internal sealed class KeeperConnection
{
    /// <summary>How long somebody may be connected and say nothing, who serves no mount.</summary>
    private const int SilenceMilliseconds = 30_000;

    private readonly Keeper _keeper;
    private readonly Socket _socket;

    internal KeeperConnection(Keeper keeper, Socket socket)
    {
        _keeper = keeper;
        _socket = socket;
        Peer = UnixMessages.PeerOf(socket);
        socket.ReceiveTimeout = SilenceMilliseconds;
        socket.SendTimeout = SilenceMilliseconds;
    }

    /// <summary>Who it is, as the kernel says.</summary>
    internal (int Process, uint User, uint Group) Peer { get; }

    /// <summary>The mount that it serves, once it has attached.</summary>
    internal HeldMount? Mount { get; private set; }

    internal void Run()
    {
        byte[] buffer = new byte[KeeperProtocol.QuestionBytes];
        try
        {
            while (true)
            {
                int length = UnixMessages.Receive(_socket, buffer, out SafeFileHandle[] attached);
                try
                {
                    if (length == 0 || !Answer(buffer.AsSpan(0, length), attached))
                    {
                        return;
                    }
                }
                finally
                {
                    foreach (SafeFileHandle handle in attached)
                    {
                        handle.Dispose();
                    }
                }
            }
        }
        catch (Exception e)
        {
            FuseLog.KeeperConnectionFailed(_keeper.Logger, e, Peer.Process);
        }
        finally
        {
            _keeper.Leave(this);
            _socket.Dispose();
        }
    }

    /// <summary>Has <see cref="Run"/> end.</summary>
    internal void Close()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It ended in this moment.
        }
    }

    /// <returns>Whether the connection may go on.</returns>
    private bool Answer(ReadOnlySpan<byte> packet, SafeFileHandle[] attached)
    {
        KeeperReader question = new(packet);
        SafeFileHandle? given = null;
        byte[]? answer = null;
        byte operation = 0;
        try
        {
            if (question.Head(packet.Length, out operation))
            {
                answer = (KeeperOperation)operation switch
                {
                    KeeperOperation.Attach when attached.Length == 0 => Attach(ref question, out given),
                    KeeperOperation.Register when attached.Length == 1 => Register(ref question, attached[0]),
                    KeeperOperation.Unregister when attached.Length == 0 => Unregister(ref question),
                    KeeperOperation.Unmount when attached.Length == 0 => Unmount(ref question),
                    KeeperOperation.List when attached.Length == 0 => List(ref question),
                    _ => null,
                };
            }
        }
        catch (FuseMountException refused)
        {
            answer = KeeperWriter.Answer(operation, refused.Error == Errno.None ? Errno.EIO : refused.Error).Text(refused.Message).ToMessage();
        }

        if (answer is null)
        {
            FuseLog.KeeperNonsense(_keeper.Logger, Peer.User, Peer.Process);
            _ = UnixMessages.Send(_socket, KeeperWriter.Answer(operation, Errno.EPROTO).Text("This is not the keeper's protocol.").ToMessage());
            return false;
        }

        return given is null ? UnixMessages.Send(_socket, answer) == Errno.None : UnixMessages.Send(_socket, answer, given) == Errno.None;
    }

    private byte[]? Attach(ref KeeperReader question, out SafeFileHandle? device)
    {
        device = null;
        byte flags = question.U8();
        uint generation = question.U32();
        string directory = question.Text();
        if (!question.IsWhole || !IsPath(directory))
        {
            return null;
        }

        if (Mount is not null)
        {
            throw new FuseMountException("This connection serves a mount already.", Errno.EBUSY);
        }

        bool resumes = (flags & KeeperProtocol.Resume) != 0;
        bool takenOver = true;
        if (resumes)
        {
            Mount = _keeper.Resume(this, directory, generation);
        }
        else
        {
            (Mount, takenOver) = _keeper.Attach(this, directory, (flags & KeeperProtocol.AllowOther) != 0);
            device = Mount.Mount.Device;
        }

        // From now on it speaks when it has something to say.
        _socket.ReceiveTimeout = 0;
        KeeperWriter answer = KeeperWriter.Answer((byte)KeeperOperation.Attach, Errno.None)
            .Text(Mount.Mount.MountPoint).U32(Mount.Generation)
            .U8((byte)((takenOver ? KeeperProtocol.TakenOver : 0) | (Mount.CanBeTakenOver ? KeeperProtocol.Kept : 0) | (Mount.IsStored ? KeeperProtocol.Stored : 0)));
        Mount.WriteState(answer);
        return answer.ToMessage();
    }

    private byte[]? Register(ref KeeperReader question, SafeFileHandle file)
    {
        ulong node = question.U64();
        if (!question.IsWhole || Mount is not { } held)
        {
            return null;
        }

        Errno error = _keeper.Register(held, node, file, out int id);
        KeeperWriter answer = KeeperWriter.Answer((byte)KeeperOperation.Register, error);
        return (error == Errno.None ? answer.U32((uint)id) : answer.Text("The file cannot be registered.")).ToMessage();
    }

    private byte[]? Unregister(ref KeeperReader question)
    {
        int id = (int)question.U32();
        if (!question.IsWhole || Mount is not { } held)
        {
            return null;
        }

        Errno error = _keeper.Unregister(held, id);
        KeeperWriter answer = KeeperWriter.Answer((byte)KeeperOperation.Unregister, error);
        return (error == Errno.None ? answer : answer.Text("There is no such registration.")).ToMessage();
    }

    private byte[]? Unmount(ref KeeperReader question)
    {
        byte flags = question.U8();
        string directory = question.Text();
        return question.IsWhole && (directory.Length == 0 || IsPath(directory))
            ? KeeperWriter.Answer((byte)KeeperOperation.Unmount, Errno.None).U8((byte)_keeper.Unmount(this, directory, (flags & KeeperProtocol.Abort) != 0)).ToMessage()
            : null;
    }

    private byte[]? List(ref KeeperReader question)
    {
        if (!question.IsWhole)
        {
            return null;
        }

        KeeperWriter answer = KeeperWriter.Answer((byte)KeeperOperation.List, Errno.None);
        IReadOnlyList<KeptMountEntry> mounts = [.. _keeper.Mounts.Where(mount => Peer.User == 0 || Peer.User == mount.User)];
        // A path has 4096 bytes at most, so some may have to stay out.
        mounts = mounts.Sum(static mount => mount.MountPoint.Length * 4) < KeeperProtocol.AnswerBytes / 2 ? mounts : [.. mounts.Take(2)];
        answer.U32((uint)mounts.Count);
        foreach (KeptMountEntry mount in mounts)
        {
            answer.Text(mount.MountPoint).U32(mount.User).U32((uint)mount.Process).U32(mount.Generation).U32((uint)mount.Registrations);
        }

        return answer.ToMessage();
    }

    private static bool IsPath(string directory) => directory.Length is > 1 and <= 4096 && directory[0] == '/' && !directory.Contains('\0');
}
