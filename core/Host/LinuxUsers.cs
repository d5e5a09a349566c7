using System.Globalization;
using System.Runtime.InteropServices;

namespace GlanceGateway.Host;

/// <summary>Who this process is, and what the system says of users, groups and mounts.</summary>
internal static partial class LinuxUsers
{
    /// <summary>Offset of <c>pw_uid</c> in <c>struct passwd</c> of pwd.h on 64-bit Linux: after two pointers.</summary>
    private const int UserIdOffset = 16;

    /// <summary>Offset of <c>gr_gid</c> in <c>struct group</c> of grp.h on 64-bit Linux: after two pointers.</summary>
    private const int GroupIdOffset = 16;

    public static uint EffectiveUser => geteuid();

    public static uint EffectiveGroup => getegid();

    /// <summary>The id of a group, by name or number; null when there is none of that name.</summary>
    public static uint? GroupId(string nameOrNumber)
    {
        if (uint.TryParse(nameOrNumber, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return number;
        }

        var entry = getgrnam(nameOrNumber);
        return entry == 0 ? null : (uint)Marshal.ReadInt32(entry, GroupIdOffset);
    }

    /// <summary>The id of a user, by name or number; null when there is none of that name.</summary>
    public static uint? UserId(string nameOrNumber)
    {
        if (uint.TryParse(nameOrNumber, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return number;
        }

        var entry = getpwnam(nameOrNumber);
        return entry == 0 ? null : (uint)Marshal.ReadInt32(entry, UserIdOffset);
    }

    /// <summary>Whether fusermount3 lets an ordinary user open a mount to others.</summary>
    public static bool MayAllowOthers() =>
        File.Exists("/etc/fuse.conf") && File.ReadLines("/etc/fuse.conf").Any(line => line.Trim() == "user_allow_other");

    /// <summary>Whether something is mounted there, alive or dead. Reads the mount table and does not touch the directory.</summary>
    public static bool IsMountPoint(string directory) =>
        File.ReadLines("/proc/self/mountinfo").Any(line => line.Split(' ') is { Length: > 4 } fields && Unescape(fields[4]) == directory);

    /// <summary>The mount table writes blanks, tabs, newlines and backslashes as three octal digits (proc(5)).</summary>
    private static string Unescape(string path) =>
        path.Replace("\\040", " ").Replace("\\011", "\t").Replace("\\012", "\n").Replace("\\134", "\\");

    /// <summary>Makes this process the first of a session of its own, so that the end of a terminal does not end it.</summary>
    public static void LeaveSession() => _ = setsid();

    [LibraryImport("libc")]
    private static partial int setsid();

    [LibraryImport("libc")]
    private static partial uint geteuid();

    [LibraryImport("libc")]
    private static partial uint getegid();

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint getgrnam(string name);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint getpwnam(string name);
}
