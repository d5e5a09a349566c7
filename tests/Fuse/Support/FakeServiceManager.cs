using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Fuse.Tests;

/// <summary>The part of a service manager that a keeper talks to: the socket of sd_notify(3) with a store for descriptors, and the start with them.</summary>
internal sealed class FakeServiceManager : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly string _path;

    internal FakeServiceManager(string path)
    {
        _path = path;
        _socket.Bind(new UnixDomainSocketEndPoint(path));
        _socket.ReceiveTimeout = 30_000;
    }

    internal List<(string Name, SafeFileHandle Handle)> Stored { get; } = [];

    internal IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string> { ["NOTIFY_SOCKET"] = _path, ["FDSTORE"] = "128" };

    /// <summary>Waits for a message that begins so, and does what messages say meanwhile.</summary>
    internal void Await(string beginning)
    {
        byte[] buffer = new byte[4096];
        while (true)
        {
            int length = UnixMessages.Receive(_socket, buffer, out SafeFileHandle[] attached);
            Assert.True(length > 0, $"nobody says {beginning}");
            string message = Encoding.UTF8.GetString(buffer, 0, length);
            string name = message.Split('\n').FirstOrDefault(static line => line.StartsWith("FDNAME=", StringComparison.Ordinal)) ?? "";
            name = name.Length == 0 ? "" : name["FDNAME=".Length..];
            Stored.AddRange(attached.Select(handle => (name, handle)));
            if (message.StartsWith("FDSTOREREMOVE=1", StringComparison.Ordinal))
            {
                foreach ((_, SafeFileHandle handle) in Stored.Where(item => item.Name == name))
                {
                    handle.Dispose();
                }

                Assert.True(Stored.RemoveAll(item => item.Name == name) > 0, $"nothing is stored as {name}");
            }

            if (message.StartsWith(beginning, StringComparison.Ordinal))
            {
                return;
            }
        }
    }

    /// <summary>A command that is given what is stored, from descriptor 3 on, as sd_listen_fds(3) says.</summary>
    internal string[] Command(string[] program)
    {
        // Through numbers out of the way, since a source may have the number of a target; the shell's own id is the program's after exec.
        StringBuilder script = new();
        for (int i = 0; i < Stored.Count; i++)
        {
            _ = Libc.FileControl((int)Stored[i].Handle.DangerousGetHandle(), Libc.SetDescriptorFlags, 0);
            script.Append(CultureInfo.InvariantCulture, $"exec {500 + i}<&{Stored[i].Handle.DangerousGetHandle()}; ");
        }

        for (int i = 0; i < Stored.Count; i++)
        {
            script.Append(CultureInfo.InvariantCulture, $"exec {3 + i}<&{500 + i} {500 + i}<&-; ");
        }

        script.Append(CultureInfo.InvariantCulture, $"LISTEN_PID=$$ LISTEN_FDS={Stored.Count} LISTEN_FDNAMES={string.Join(':', Stored.Select(static item => item.Name))} exec \"$@\"");
        return ["bash", "-c", script.ToString(), "bash", .. program];
    }

    public void Dispose()
    {
        foreach ((_, SafeFileHandle handle) in Stored)
        {
            handle.Dispose();
        }

        _socket.Dispose();
    }
}
