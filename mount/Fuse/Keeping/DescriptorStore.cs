using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Fuse;

/// <summary>
/// The service manager as this process sees it: its store, in which descriptors outlive the process (<c>FileDescriptorStoreMax=</c> of systemd), and its
/// ear for the state of the service. Protocols: sd_notify(3), sd_pid_notify_with_fds(3), sd_listen_fds(3).
/// </summary>
public sealed class DescriptorStore
{
    private const int FirstDescriptor = 3; // SD_LISTEN_FDS_START

    private readonly string _socket;
    private List<(string Name, SafeFileHandle Handle)> _handedOver;

    private DescriptorStore(string socket, bool stores, List<(string Name, SafeFileHandle Handle)> handedOver)
    {
        _socket = socket;
        Stores = stores;
        _handedOver = handedOver;
    }

    /// <summary>Whether there is a store for this service. Without one the manager takes descriptors all the same, and closes them.</summary>
    public bool Stores { get; }

    /// <summary>The service manager of this process, when it has one that listens.</summary>
    /// <param name="variable">Gives a variable of the environment, or null.</param>
    /// <param name="trusted">Whether it stores though it does not say so: systemd before 254 did not set <c>FDSTORE</c>, the size of the store.</param>
    public static DescriptorStore? FromEnvironment(Func<string, string?> variable, bool trusted = false)
    {
        ArgumentNullException.ThrowIfNull(variable);
        if (variable("NOTIFY_SOCKET") is not { Length: > 1 } socket || socket[0] is not ('/' or '@'))
        {
            return null;
        }

        List<(string Name, SafeFileHandle Handle)> handedOver = [];
        // The variables may be an ancestor's.
        if (variable("LISTEN_PID") == Environment.ProcessId.ToString(CultureInfo.InvariantCulture)
            && int.TryParse(variable("LISTEN_FDS"), NumberStyles.None, CultureInfo.InvariantCulture, out int count))
        {
            string[] names = (variable("LISTEN_FDNAMES") ?? "").Split(':');
            for (int i = 0; i < Math.Min(count, 1024); i++)
            {
                _ = Libc.FileControl(FirstDescriptor + i, Libc.SetDescriptorFlags, 1); // FD_CLOEXEC
                handedOver.Add((i < names.Length ? names[i] : "", new SafeFileHandle(FirstDescriptor + i, ownsHandle: true)));
            }
        }

        bool stores = trusted || (int.TryParse(variable("FDSTORE"), NumberStyles.None, CultureInfo.InvariantCulture, out int size) && size > 0);
        return new DescriptorStore(socket, stores, handedOver);
    }

    /// <summary>What an earlier process stored, by name. Once; the caller's to close. It stays in the store all the same.</summary>
    internal ILookup<string, SafeFileHandle> Take() =>
        Interlocked.Exchange(ref _handedOver, []).ToLookup(static item => item.Name, static item => item.Handle);

    /// <summary>Stores descriptors under a name, of letters, digits and hyphens.</summary>
    /// <returns>Whether there is a store and the manager was told; it does not answer.</returns>
    internal bool Put(string name, params ReadOnlySpan<SafeFileHandle> handles) => Stores && Send($"FDSTORE=1\nFDNAME={name}", [.. handles]);

    /// <summary>Removes everything of a name.</summary>
    internal void Remove(string name) => Send($"FDSTOREREMOVE=1\nFDNAME={name}");

    private bool Send(string message, params ReadOnlySpan<SafeFileHandle> handles)
    {
        try
        {
            using Socket socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            socket.Connect(new UnixDomainSocketEndPoint(_socket[0] == '@' ? "\0" + _socket[1..] : _socket));
            return UnixMessages.Send(socket, Encoding.UTF8.GetBytes(message), [.. handles]) == Errno.None;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
