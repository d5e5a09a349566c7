using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace GlanceGateway.Fuse;

/// <summary>A line of /proc/self/mountinfo.</summary>
/// <param name="Major">Major number of <c>st_dev</c>.</param>
/// <param name="Minor">Minor number of <c>st_dev</c>; for FUSE also the name of the connection in fusectl.</param>
/// <param name="MountPoint">Absolute path.</param>
/// <param name="Type">Filesystem type, such as "fuse.example".</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct MountLine(int Major, int Minor, string MountPoint, string Type)
{
    internal bool IsFuse => Type == "fuse" || Type.StartsWith("fuse.", StringComparison.Ordinal);

    internal bool SameDevice(in MountLine other) => Major == other.Major && Minor == other.Minor;
}

/// <summary>Looks at mounts without touching them: a stat of a mount point would be a request to its server.</summary>
internal static unsafe class MountTable
{
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
            && int.TryParse(device[0], NumberStyles.None, CultureInfo.InvariantCulture, out int major)
            && int.TryParse(device[1], NumberStyles.None, CultureInfo.InvariantCulture, out int minor)
                ? new MountLine(major, minor, Unescape(fields[4]), fields[separator + 1])
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
        isDirectory = status == 0 && (*(ushort*)(result + 28) & 0xf000) == 0x4000; // stx_mode
        return error;
    }

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
