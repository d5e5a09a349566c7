using System.Runtime.InteropServices;

namespace GlanceGateway.Stores;

/// <summary>Who owns a file, and which file it is: .NET tells neither.</summary>
internal static partial class FileOwner
{
    private const int CurrentDirectory = -100;
    private const int SymlinkNoFollow = 0x100;
    private const uint WantOwner = 0x8;
    private const uint WantGroup = 0x10;
    private const uint WantIdentity = 0x100 | 0x200 | 0x80 | 0x40;

    /// <summary>The effective user of this process.</summary>
    public static uint ServiceUser { get; } = geteuid();

    /// <summary>The numeric owner of a path; of a symbolic link, its own.</summary>
    /// <exception cref="IOException">The path cannot be examined.</exception>
    public static uint Of(string path) => Examine(path, WantOwner).Owner;

    /// <summary>What changes whenever the file is written, replaced or given another owner or mode: its inode, size and change time. Unlike
    /// the time of modification, which <c>cp -p</c> sets back, the change time is the kernel's alone.</summary>
    /// <exception cref="IOException">The path cannot be examined.</exception>
    public static (ulong Inode, ulong Size, long ChangedSeconds, uint ChangedNanoseconds) StateOf(string path)
    {
        var buffer = Examine(path, WantIdentity);
        return (buffer.Inode, buffer.Size, buffer.ChangedSeconds, buffer.ChangedNanoseconds);
    }

    /// <summary>
    /// Whether a path belongs to the service user and to that user's own group: the one with the user's number, which by the convention of
    /// Linux distributions has no other member. Where users have such groups their umask is 002, so all that they build is group-writable.
    /// </summary>
    /// <exception cref="IOException">The path cannot be examined.</exception>
    public static bool IsPrivateToServiceUser(string path)
    {
        var buffer = Examine(path, WantOwner | WantGroup);
        return ServiceUser != 0 && buffer.Owner == ServiceUser && buffer.Group == ServiceUser;
    }

    private static StatxBuffer Examine(string path, uint want) =>
        statx(CurrentDirectory, path, SymlinkNoFollow, want, out var buffer) == 0
            ? buffer
            : throw new IOException($"{path}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");

    [LibraryImport("libc")]
    private static partial uint geteuid();

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statx(int directory, string path, int flags, uint mask, out StatxBuffer buffer);

    // struct statx of linux/stat.h, the same on every architecture.
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct StatxBuffer
    {
        [FieldOffset(20)]
        public uint Owner;

        [FieldOffset(24)]
        public uint Group;

        [FieldOffset(32)]
        public ulong Inode;

        [FieldOffset(40)]
        public ulong Size;

        [FieldOffset(96)]
        public long ChangedSeconds;

        [FieldOffset(104)]
        public uint ChangedNanoseconds;
    }
}
