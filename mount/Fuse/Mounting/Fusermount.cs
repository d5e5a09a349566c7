using System.Diagnostics;
using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Fuse;

/// <summary>
/// The set-uid program fusermount3: it opens the device, mounts, and sends the descriptor back over a Unix socket whose
/// number it finds in <c>_FUSE_COMMFD</c>. With <c>auto_unmount</c> it stays and unmounts when that socket closes.
/// </summary>
internal static unsafe class Fusermount
{
    private const string Program = "fusermount3";

    internal static (SafeFileHandle Device, IDisposable Watcher) Mount(string path, FuseMountOptions options)
    {
        string program = Find() ?? throw new FuseMountException(
            "Neither CAP_SYS_ADMIN nor fusermount3: run as root, or install the package fuse3.", Errno.ENOENT);
        int* pair = stackalloc int[2];
        // Both ends close on exec; the child's is opened up just before the start. If ours leaked into fusermount3 it would
        // keep its own socket open and never notice that this process died.
        if (Libc.SocketPair(Libc.UnixDomain, Libc.StreamCloseOnExec, 0, pair) != 0)
        {
            throw new FuseMountException($"No socket pair for fusermount3 ({Libc.LastError}).");
        }

        SafeFileHandle ours = new(pair[0], ownsHandle: true);
        SafeFileHandle theirs = new(pair[1], ownsHandle: true);
        Process? process = null;
        try
        {
            ProcessStartInfo start = new(program) { RedirectStandardError = true, UseShellExecute = false };
            start.ArgumentList.Add("-o");
            start.ArgumentList.Add(Options(options));
            start.ArgumentList.Add("--");
            start.ArgumentList.Add(path);
            start.Environment["_FUSE_COMMFD"] = pair[1].ToString(CultureInfo.InvariantCulture);
            _ = Libc.FileControl(pair[1], Libc.SetDescriptorFlags, 0);
            process = Process.Start(start)!;
            theirs.Dispose();
            if (Receive(pair[0]) is { } device)
            {
                return (device, new Watcher(ours, process));
            }

            string complaint = process.StandardError.ReadToEnd().Trim();
            process.WaitForExit();
            throw new FuseMountException(Explain(path, complaint));
        }
        catch
        {
            ours.Dispose();
            process?.Dispose();
            throw;
        }
        finally
        {
            theirs.Dispose();
        }
    }

    internal static bool Unmount(string path, bool lazy)
    {
        if (Find() is not { } program)
        {
            return false;
        }

        ProcessStartInfo start = new(program) { RedirectStandardError = true, UseShellExecute = false };
        start.ArgumentList.Add("-u");
        if (lazy)
        {
            start.ArgumentList.Add("-z");
        }

        start.ArgumentList.Add("--");
        start.ArgumentList.Add(path);
        using Process process = Process.Start(start)!;
        _ = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0;
    }

    private static string? Find()
    {
        string search = Environment.GetEnvironmentVariable("PATH") ?? "";
        return search.Split(':', StringSplitOptions.RemoveEmptyEntries).Append("/usr/bin").Append("/bin")
            .Select(directory => Path.Combine(directory, Program)).FirstOrDefault(File.Exists);
    }

    private static string Options(FuseMountOptions options)
    {
        List<string> list = [options.ReadOnly ? "ro" : "rw", "nosuid", "nodev", "fsname=" + options.FsName];
        if (options.Subtype is not null)
        {
            list.Add("subtype=" + options.Subtype);
        }

        if (options.AllowOther)
        {
            list.Add("allow_other");
        }

        if (options.DefaultPermissions)
        {
            list.Add("default_permissions");
        }

        if (options.AutoUnmount)
        {
            list.Add("auto_unmount");
        }

        list.Add(string.Create(CultureInfo.InvariantCulture, $"max_read={options.MaxReadBytes}"));
        return string.Join(',', list);
    }

    private static string Explain(string path, string complaint) =>
        complaint.Contains("user_allow_other", StringComparison.Ordinal)
            ? "allow_other without root needs the line \"user_allow_other\" in /etc/fuse.conf."
            : complaint.Contains("/dev/fuse", StringComparison.Ordinal) || complaint.Contains("device not found", StringComparison.Ordinal)
                ? $"fusermount3 cannot use /dev/fuse: load the kernel module (modprobe fuse), pass the device into the container, and let users open it (mode 0666). It said: {complaint}"
                : complaint.Contains("Operation not permitted", StringComparison.Ordinal)
                    ? $"fusermount3 may not mount: it must be set-uid root (containers often strip that). It said: {complaint}"
                    : $"fusermount3 could not mount on {path}. It said: {(complaint.Length == 0 ? "nothing" : complaint)}";

    /// <summary>One byte with a descriptor attached; null when the other end closed without sending.</summary>
    private static SafeFileHandle? Receive(int socket)
    {
        const int Socket = 1; // SOL_SOCKET
        const int Rights = 1; // SCM_RIGHTS
        byte data;
        DescriptorMessage control = default;
        IoVector vector = new() { Base = &data, Length = 1 };
        MessageHeader message = new() { Vectors = &vector, VectorCount = 1, Control = &control, ControlLength = (nuint)sizeof(DescriptorMessage) };
        nint received;
        Errno error;
        do
        {
            received = Libc.ReceiveMessage(socket, &message, Libc.ReceiveCloseOnExec);
            error = received < 0 ? Libc.LastError : Errno.None;
        }
        while (error == Errno.EINTR);

        return received > 0 && message.ControlLength >= 20 && control is { Level: Socket, Type: Rights }
            ? new SafeFileHandle(control.Descriptor, ownsHandle: true)
            : null;
    }

    /// <summary>Keeps the socket to fusermount3 open while the mount lives, and reaps the program.</summary>
    private sealed class Watcher(SafeFileHandle socket, Process process) : IDisposable
    {
        public void Dispose()
        {
            socket.Dispose();
            process.Dispose();
        }
    }
}
