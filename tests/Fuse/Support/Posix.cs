using System.Runtime.InteropServices;

namespace GlanceGateway.Fuse.Tests;

/// <summary>What the tests call as clients of a mount.</summary>
internal static unsafe partial class Posix
{
    internal const int ReadOnly = 0;
    internal const int WriteOnly = 1;
    internal const int ReadWrite = 2;

    // O_DIRECT is one of the few flags that differ between the architectures.
    internal static int Direct => RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x10000 : 0x4000;

    internal static int OpenDirectoryFlag => RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x4000 : 0x10000;

    internal static Errno Error => (Errno)Marshal.GetLastPInvokeError();

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    internal static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "pread", SetLastError = true)]
    internal static partial nint PRead(int descriptor, void* buffer, nuint count, long offset);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    internal static partial nint Write(int descriptor, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    internal static partial nint Read(int descriptor, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    internal static partial long Seek(int descriptor, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "getxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint GetXattr(string path, string name, void* value, nuint size);

    [LibraryImport("libc", EntryPoint = "setxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int SetXattr(string path, string name, void* value, nuint size, int flags);

    [LibraryImport("libc", EntryPoint = "listxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint ListXattr(string path, void* list, nuint size);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    internal static partial int FLock(int descriptor, int operation);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    internal static partial int FileControl(int descriptor, int command, void* argument);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int IoControl(int descriptor, ulong request, void* argument);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    internal static partial int FSync(int descriptor);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    internal static partial void* Map(void* address, nuint length, int protection, int flags, int descriptor, long offset);

    // What is mapped is read by this: managed code that waits for a page cannot be stopped for a collection, and this process serves the mount.
    [LibraryImport("libc", EntryPoint = "memcpy")]
    internal static partial void* Copy(void* to, void* from, nuint length);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    internal static partial int Unmap(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint GetDirectoryEntries(nint number, int descriptor, void* buffer, nint count);

    [LibraryImport("libc", EntryPoint = "access", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Access(string path, int mode);

    [LibraryImport("libc", EntryPoint = "mkdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int MkDir(string path, int mode);

    [LibraryImport("libc", EntryPoint = "unlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Unlink(string path);

    [LibraryImport("libc", EntryPoint = "rename", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Rename(string from, string to);

    [LibraryImport("libc", EntryPoint = "chmod", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int ChMod(string path, int mode);

    [LibraryImport("libc", EntryPoint = "truncate", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Truncate(string path, long length);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    internal static partial int Kill(int process, int signal);

    [LibraryImport("libc", EntryPoint = "socketpair", SetLastError = true)]
    internal static partial int SocketPair(int domain, int type, int protocol, int* descriptors);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    internal static partial int SetSocketOption(int socket, int level, int name, void* value, int length);

    internal static int OpenOrThrow(string path, int flags = ReadOnly)
    {
        int descriptor = Open(path, flags);
        return descriptor >= 0 ? descriptor : throw new IOException($"open {path}: {Error}");
    }

    /// <summary>Reads up to a count of bytes at an offset, short only at the end of the file.</summary>
    internal static byte[] ReadAt(int descriptor, long offset, int count)
    {
        byte[] bytes = new byte[count];
        int have = 0;
        fixed (byte* start = bytes)
        {
            while (have < count)
            {
                nint got = PRead(descriptor, start + have, (nuint)(count - have), offset + have);
                if (got < 0)
                {
                    throw new IOException($"pread: {Error}");
                }

                if (got == 0)
                {
                    break;
                }

                have += (int)got;
            }
        }

        return bytes[..have];
    }

    /// <summary>Attributes as stat(2) has them.</summary>
    [StructLayout(LayoutKind.Auto)]
    internal readonly record struct Stat(ulong Inode, long Size, long Blocks, int Mode, uint Links, uint Uid, long ModifiedSeconds);

    internal static Errno TryStat(string path, out Stat stat)
    {
        byte* result = stackalloc byte[256];
        int status = Libc.Statx(Libc.AtCurrentDirectory, path, 0x100, Libc.StatxBasic, result); // AT_SYMLINK_NOFOLLOW
        Errno error = status == 0 ? Errno.None : Libc.LastError;
        stat = new Stat(*(ulong*)(result + 32), *(long*)(result + 40), *(long*)(result + 48), *(ushort*)(result + 28), *(uint*)(result + 16), *(uint*)(result + 20), *(long*)(result + 112));
        return error;
    }

    /// <summary>One getdents64 with a buffer of the given size.</summary>
    internal static List<(string Name, long Next, ulong Inode, int Kind)> ReadEntries(int descriptor, int bufferBytes)
    {
        nint number = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 61 : 217;
        byte* buffer = (byte*)NativeMemory.Alloc((nuint)bufferBytes);
        try
        {
            nint length = GetDirectoryEntries(number, descriptor, buffer, bufferBytes);
            if (length < 0)
            {
                throw new IOException($"getdents64: {Error}");
            }

            List<(string, long, ulong, int)> entries = [];
            for (nint at = 0; at < length; at += *(ushort*)(buffer + at + 16))
            {
                string name = Marshal.PtrToStringUTF8((nint)(buffer + at + 19))!;
                entries.Add((name, *(long*)(buffer + at + 8), *(ulong*)(buffer + at), buffer[at + 18]));
            }

            return entries;
        }
        finally
        {
            NativeMemory.Free(buffer);
        }
    }
}
