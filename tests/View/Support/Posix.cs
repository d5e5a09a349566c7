using System.Runtime.InteropServices;
using System.Text;
using GlanceGateway.Fuse;

[assembly: DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]

namespace GlanceGateway.View.Tests;

/// <summary>What the tests call as clients of a mount.</summary>
internal static unsafe partial class Posix
{
    internal const int SeekData = 3;
    internal const int SeekHole = 4;

    internal static int OpenOrThrow(string path)
    {
        int descriptor = Open(path, 0);
        return descriptor >= 0 ? descriptor : throw new IOException($"open {path}: {Error}");
    }

    internal static Errno TryOpen(string path)
    {
        int descriptor = Open(path, 0);
        if (descriptor < 0)
        {
            return Error;
        }

        _ = Close(descriptor);
        return Errno.None;
    }

    /// <summary>One pread.</summary>
    internal static Errno TryRead(int descriptor, long offset, Span<byte> buffer, out int count)
    {
        fixed (byte* start = buffer)
        {
            nint got = PRead(descriptor, start, (nuint)buffer.Length, offset);
            count = (int)Math.Max(0, got);
            return got < 0 ? Error : Errno.None;
        }
    }

    /// <summary>Reads a count of bytes at an offset, fewer only at the end of the file.</summary>
    internal static byte[] ReadAt(int descriptor, long offset, int count)
    {
        byte[] bytes = new byte[count];
        int have = 0;
        while (have < count)
        {
            Errno error = TryRead(descriptor, offset + have, bytes.AsSpan(have), out int got);
            if (error != Errno.None)
            {
                throw new IOException($"pread: {error}");
            }

            if (got == 0)
            {
                break;
            }

            have += got;
        }

        return bytes[..have];
    }

    internal static Errno TrySeek(int descriptor, long offset, int whence, out long result)
    {
        result = LSeek(descriptor, offset, whence);
        return result < 0 ? Error : Errno.None;
    }

    internal static Errno TryGetXattr(string path, string name, out string value)
    {
        byte* buffer = stackalloc byte[4096];
        nint length = GetXattr(path, name, buffer, 4096);
        value = length < 0 ? "" : Encoding.UTF8.GetString(buffer, (int)length);
        return length < 0 ? Error : Errno.None;
    }

    /// <summary>The next page of a directory, empty at its end.</summary>
    internal static List<string> ReadEntries(int descriptor, int bufferBytes)
    {
        nint number = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 61 : 217; // getdents64
        byte* buffer = stackalloc byte[bufferBytes];
        nint length = SystemCall(number, descriptor, buffer, bufferBytes);
        if (length < 0)
        {
            throw new IOException($"getdents64: {Error}");
        }

        List<string> names = [];
        for (nint at = 0; at < length; at += *(ushort*)(buffer + at + 16))
        {
            names.Add(Marshal.PtrToStringUTF8((nint)(buffer + at + 19))!);
        }

        return names;
    }

    private static Errno Error => (Errno)Marshal.GetLastPInvokeError();

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    internal static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "pread", SetLastError = true)]
    private static partial nint PRead(int descriptor, void* buffer, nuint count, long offset);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long LSeek(int descriptor, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "getxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint GetXattr(string path, string name, void* value, nuint size);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint SystemCall(nint number, int descriptor, void* buffer, nint count);
}
