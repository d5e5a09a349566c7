using System.Net.Sockets;

namespace GlanceGateway.Fuse;

/// <summary>The keeper's place in the tree of names.</summary>
internal static class KeeperSocket
{
    /// <summary>Listens. The directory decides who finds it, and the kernel says who comes.</summary>
    /// <exception cref="IOException">Another keeper answers there, or somebody could put a socket of his own in its place.</exception>
    internal static Socket Listen(string path)
    {
        string directory = Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/";
        Directory.CreateDirectory(directory);
        const UnixFileMode Foreign = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;
        if ((File.GetUnixFileMode(directory) & Foreign) != UnixFileMode.None)
        {
            throw new IOException($"{directory} must not be writable for others than its owner: who writes there could pass for the keeper.");
        }

        if (File.Exists(path))
        {
            if (!MountTable.IsSocket(path))
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
                File.Delete(path);
            }
        }

        Socket listener = New();
        try
        {
            listener.Bind(new UnixDomainSocketEndPoint(path));
            File.SetUnixFileMode(path, (UnixFileMode)Convert.ToInt32("666", 8));
            listener.Listen(16);
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

    internal static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The next keeper finds that nobody answers there.
        }
    }

    internal static Socket New() => new(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
}
