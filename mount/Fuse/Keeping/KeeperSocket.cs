using System.Net.Sockets;

namespace GlanceGateway.Fuse;

/// <summary>The keeper's place in the tree of names.</summary>
internal static class KeeperSocket
{
    /// <summary>Claims a place for one keeper, for as long as the claim is open; a keeper that dies gives it up. The file stays, empty.</summary>
    /// <exception cref="IOException">Another keeper has it, or somebody could put a socket of his own in its place.</exception>
    internal static FileStream Claim(string path)
    {
        RequireOwnDirectory(path);
        try
        {
            // Two keepers that find a dead one's socket at the same time would remove each other's.
            return new FileStream(path + ".lock", new FileStreamOptions
            {
                Mode = FileMode.OpenOrCreate,
                Access = FileAccess.ReadWrite,
                Share = FileShare.None,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
        }
        catch (IOException e)
        {
            throw new IOException($"Another keeper has {path}: {e.Message}", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"The keeper cannot listen at {path}: {e.Message}", e);
        }
    }

    /// <summary>Listens. The directory decides who finds it, and the kernel says who comes.</summary>
    /// <exception cref="IOException">Another keeper answers there, or somebody could put a socket of his own in its place.</exception>
    internal static Socket Listen(string path)
    {
        RequireOwnDirectory(path);
        if (File.Exists(path))
        {
            if (MountTable.InodeOfSocket(path) is null)
            {
                throw new IOException($"{path} is there already and is no socket.");
            }

            using Socket probe = New();
            try
            {
                probe.Connect(new UnixDomainSocketEndPoint(path));
                throw new IOException($"Another keeper answers at {path}.");
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
            {
                // Its keeper died.
            }
        }

        // Bound under another name: the runtime removes the name that a socket was bound to when it is closed, whoever has that name by then. Also nobody
        // finds it before it listens. The claim makes the name ours.
        string made = path + ".new";
        Socket listener = New();
        try
        {
            File.Delete(made);
            listener.Bind(new UnixDomainSocketEndPoint(made));
            File.SetUnixFileMode(made, (UnixFileMode)Convert.ToInt32("666", 8));
            listener.Listen(16);
            File.Move(made, path, overwrite: true);
            return listener;
        }
        catch (SocketException e)
        {
            listener.Dispose();
            throw new IOException($"The keeper cannot listen at {path}: {e.Message}", e);
        }
        catch
        {
            listener.Dispose();
            throw;
        }
    }

    /// <summary>Removes the socket if it is the one meant.</summary>
    internal static void Remove(string path, ulong inode)
    {
        try
        {
            if (MountTable.InodeOfSocket(path) == inode)
            {
                File.Delete(path);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The next keeper finds that nobody answers there.
        }
    }

    internal static Socket New() => new(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);

    private static void RequireOwnDirectory(string path)
    {
        string directory = Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/";
        Directory.CreateDirectory(directory);
        const UnixFileMode Foreign = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;
        if ((File.GetUnixFileMode(directory) & Foreign) != UnixFileMode.None)
        {
            throw new IOException($"{directory} must not be writable for others than its owner: who writes there could pass for the keeper.");
        }
    }
}
