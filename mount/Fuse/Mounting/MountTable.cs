using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace GlanceGateway.Fuse;

/// <summary>A line of /proc/self/mountinfo.</summary>
/// <param name="Id">Number of the mount in this mount name space.</param>
/// <param name="Major">Major number of <c>st_dev</c>.</param>
/// <param name="Minor">Minor number of <c>st_dev</c>; for FUSE also the name of the connection in fusectl.</param>
/// <param name="MountPoint">Absolute path.</param>
/// <param name="Type">Filesystem type, such as "fuse.example".</param>
/// <param name="User">For whom it was mounted, as the kernel says; null for other filesystems than FUSE.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct MountLine(int Id, int Major, int Minor, string MountPoint, string Type, uint? User = null)
{
    internal bool IsFuse => Type == "fuse" || Type.StartsWith("fuse.", StringComparison.Ordinal);

    internal bool SameDevice(in MountLine other) => Major == other.Major && Minor == other.Minor;
}

/// <summary>Looks at mounts without touching them: a stat of a mount point would be a request to its server.</summary>
internal static unsafe class MountTable
{
    private const int DirectoryKind = 0x4000;

    /// <summary>The mount that is visible at a path, or null when the path is no mount point.</summary>
    internal static MountLine? Find(string mountPoint)
    {
        MountLine? found = null;
        foreach (string line in File.ReadLines("/proc/self/mountinfo"))
        {
            // The last line wins: later mounts cover earlier ones.
            if (Parse(line) is { } mount && mount.MountPoint == mountPoint)
            {
                found = mount;
            }
        }

        return found;
    }

    /// <summary>Numbers of all mounts.</summary>
    internal static HashSet<int> Ids() => [.. File.ReadLines("/proc/self/mountinfo").Select(Parse).OfType<MountLine>().Select(static mount => mount.Id)];

    /// <summary>The mount just made, among those that were not there before: the visible one of its path, type and user.</summary>
    /// <returns>Null when the table does not show it.</returns>
    /// <exception cref="FuseMountException">It is somewhere else: the directory was moved meanwhile.</exception>
    internal static MountLine? FindNew(HashSet<int> before, string path, string type, uint user)
    {
        MountLine? found = null;
        bool isElsewhere = false;
        foreach (string line in File.ReadLines("/proc/self/mountinfo"))
        {
            if (Parse(line) is { } mount && !before.Contains(mount.Id) && mount.Type == type && mount.User == user)
            {
                isElsewhere |= mount.MountPoint != path;
                found = mount.MountPoint == path ? mount : found;
            }
        }

        // In a table with several new ones another may be the propagated copy or somebody else's; with none at the path it cannot be ours.
        return found is null && isElsewhere ? throw new FuseMountException($"{path} was moved while it was being mounted.", Errno.EBUSY) : found;
    }

    /// <summary>The mount with a number, or null when it is gone.</summary>
    internal static MountLine? Find(int id)
    {
        foreach (string line in File.ReadLines("/proc/self/mountinfo"))
        {
            if (Parse(line) is { } mount && mount.Id == id)
            {
                return mount;
            }
        }

        return null;
    }

    /// <summary>A mount of a device, wherever it is, or null when there is none.</summary>
    internal static MountLine? Find(int major, int minor)
    {
        foreach (string line in File.ReadLines("/proc/self/mountinfo"))
        {
            if (Parse(line) is { IsFuse: true } mount && mount.Major == major && mount.Minor == minor)
            {
                return mount;
            }
        }

        return null;
    }

    /// <summary>The number of the mount that a descriptor lies on; asks nothing of its filesystem.</summary>
    internal static int? IdOf(int descriptor)
    {
        const string Field = "mnt_id:";
        try
        {
            string? line = File.ReadLines($"/proc/self/fdinfo/{descriptor}").FirstOrDefault(text => text.StartsWith(Field, StringComparison.Ordinal));
            return line is not null && int.TryParse(line.AsSpan(Field.Length).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int id) ? id : null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    internal static MountLine? Parse(string line)
    {
        string[] fields = line.Split(' ');
        int separator = Array.IndexOf(fields, "-");
        if (fields.Length < 7 || separator < 6 || separator + 1 >= fields.Length)
        {
            return null;
        }

        string[] device = fields[2].Split(':');
        return device.Length == 2
            && int.TryParse(fields[0], NumberStyles.None, CultureInfo.InvariantCulture, out int id)
            && int.TryParse(device[0], NumberStyles.None, CultureInfo.InvariantCulture, out int major)
            && int.TryParse(device[1], NumberStyles.None, CultureInfo.InvariantCulture, out int minor)
                ? new MountLine(id, major, minor, Unescape(fields[4]), fields[separator + 1], UserOf(fields[separator + 1], fields[^1]))
                : null;
    }

    /// <summary>
    /// Absolute path without links. The last part is kept as it is when it cannot be looked at, as with a dead mount.
    /// </summary>
    internal static string Resolve(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (RealPath(full) is { } resolved)
        {
            return resolved;
        }

        string? parent = Path.GetDirectoryName(full);
        return parent is null ? full : Path.Combine(RealPath(parent) ?? parent, Path.GetFileName(full));
    }

    /// <summary>Asks the filesystem itself for the attributes of a path, past the kernel's cache. Blocks while its server is silent.</summary>
    internal static Errno Probe(string path, out bool isDirectory)
    {
        byte* result = stackalloc byte[256];
        int status = Libc.Statx(Libc.AtCurrentDirectory, path, Libc.StatxForceSync, Libc.StatxBasic, result);
        Errno error = status == 0 ? Errno.None : Libc.LastError;
        isDirectory = status == 0 && KindOf(result) == DirectoryKind;
        return error;
    }

    /// <summary>Asks for the attributes of an open file; blocks as <see cref="Probe"/> does.</summary>
    internal static Errno Probe(int descriptor, out uint owner, out bool isDirectory, out bool isRegular)
    {
        byte* result = stackalloc byte[256];
        int status = Libc.Statx(descriptor, "", Libc.StatxForceSync | Libc.AtEmptyPath, Libc.StatxBasic, result);
        Errno error = status == 0 ? Errno.None : Libc.LastError;
        owner = status == 0 ? *(uint*)(result + 20) : uint.MaxValue; // stx_uid
        isDirectory = status == 0 && KindOf(result) == DirectoryKind;
        isRegular = status == 0 && KindOf(result) == 0x8000;
        return error;
    }

    /// <summary>The inode of a socket; null when the path leads to none.</summary>
    internal static ulong? InodeOfSocket(string path)
    {
        byte* result = stackalloc byte[256];
        return Libc.Statx(Libc.AtCurrentDirectory, path, 0, Libc.StatxBasic, result) == 0 && KindOf(result) == 0xc000 ? *(ulong*)(result + 32) : null; // stx_ino
    }

    private static uint? UserOf(string type, string options)
    {
        const string Field = "user_id=";
        // Other filesystems repeat what users said; that of FUSE is the kernel's.
        string? option = type == "fuse" || type.StartsWith("fuse.", StringComparison.Ordinal)
            ? options.Split(',').FirstOrDefault(static text => text.StartsWith(Field, StringComparison.Ordinal))
            : null;
        return option is not null && uint.TryParse(option.AsSpan(Field.Length), NumberStyles.None, CultureInfo.InvariantCulture, out uint user) ? user : null;
    }

    private static int KindOf(byte* statx) => *(ushort*)(statx + 28) & 0xf000; // stx_mode

    private static string? RealPath(string path)
    {
        nint resolved = Libc.RealPath(path, 0);
        if (resolved == 0)
        {
            return null;
        }

        string? text = Marshal.PtrToStringUTF8(resolved);
        Libc.Free(resolved);
        return text;
    }

    private static string Unescape(string field)
    {
        if (!field.Contains('\\', StringComparison.Ordinal))
        {
            return field;
        }

        StringBuilder text = new(field.Length);
        for (int i = 0; i < field.Length; i++)
        {
            // Space, tab, newline and backslash come as three octal digits; anything else is left alone.
            if (field[i] == '\\' && i + 3 < field.Length && field.AsSpan(i + 1, 3).IndexOfAnyExceptInRange('0', '7') < 0)
            {
                text.Append((char)(((field[i + 1] - '0') << 6) | ((field[i + 2] - '0') << 3) | (field[i + 3] - '0')));
                i += 3;
            }
            else
            {
                text.Append(field[i]);
            }
        }

        return text.ToString();
    }
}
