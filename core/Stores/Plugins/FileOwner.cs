using System.Runtime.InteropServices;

namespace GlanceGateway.Stores;

/// <summary>Who owns a file: .NET tells its mode but not its owner.</summary>
internal static partial class FileOwner
{
    private const int CurrentDirectory = -100;
    private const int SymlinkNoFollow = 0x100;
    private const uint WantOwner = 0x8;
    private const uint WantGroup = 0x10;

    /// <summary>The effective user of this process.</summary>
    public static uint ServiceUser { get; } = geteuid();

    /// <summary>The numeric owner of a path; of a symbolic link, its own.</summary>
    /// <exception cref="IOException">The path cannot be examined.</exception>
    public static uint Of(string path) => Examine(path).Owner;

    /// <summary>
    /// Whether a path belongs to the service user and to that user's own group: the one with the user's number, which by the convention of
    /// Linux distributions has no other member. Where users have such groups their umask is 002, so all that they build is group-writable.
    /// </summary>
    /// <exception cref="IOException">The path cannot be examined.</exception>
    public static bool IsPrivateToServiceUser(string path)
    {
        var buffer = Examine(path);
        return ServiceUser != 0 && buffer.Owner == ServiceUser && buffer.Group == ServiceUser;
    }

    private static StatxBuffer Examine(string path) =>
        statx(CurrentDirectory, path, SymlinkNoFollow, WantOwner | WantGroup, out var buffer) == 0
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
    }
}
