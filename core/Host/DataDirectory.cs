using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Host;

/// <summary>The data directory cannot be used; the message names it and the remedy.</summary>
public sealed class DataDirectoryException(string message, Exception? innerException = null) : Exception(message, innerException);

/// <summary>The directory of everything that one gateway keeps on local disk, owned by this process until it is disposed.</summary>
/// <remarks>
/// The lock is flock(2) on the file <c>lock</c>: the kernel frees it when the process ends, also when it is killed, so the text in the
/// file (who holds it) is only for the message and may be stale. The instance id is the owner of this gateway's leases: with the same id
/// it takes them up again after a restart.
/// </remarks>
public sealed class DataDirectory : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly SafeFileHandle _lock;

    private DataDirectory(string path, SafeFileHandle @lock, string instanceId)
    {
        Path = path;
        _lock = @lock;
        InstanceId = instanceId;
    }

    /// <summary>The directory.</summary>
    public string Path { get; }

    /// <summary>This gateway's identity: made once, kept over restarts.</summary>
    public string InstanceId { get; }

    /// <summary>The SQLite registry.</summary>
    public string RegistryFile => RegistryFileIn(Path);

    /// <summary>Images of the store that exists without configuration.</summary>
    public string DefaultStore => System.IO.Path.Join(Path, "images");

    /// <summary>Data that waits to be imported, unless a store is configured for it.</summary>
    public string Staging => System.IO.Path.Join(Path, "staging");

    /// <summary>Files that live no longer than a process.</summary>
    public string Scratch => ScratchIn(Path);

    /// <summary>Where files of a data directory are that live no longer than a process.</summary>
    public static string ScratchIn(string directory) => System.IO.Path.Join(directory, "scratch");

    /// <summary>Where the cache of a data directory is when it is configured without a place.</summary>
    public static string CacheIn(string directory) => System.IO.Path.Join(directory, "cache");

    /// <summary>The SQLite registry of a data directory, whoever owns that.</summary>
    public static string RegistryFileIn(string directory) => System.IO.Path.Join(directory, "registry.sqlite");

    /// <summary>Makes what is missing of the tree (mode 0700) and takes the directory for this process.</summary>
    /// <exception cref="DataDirectoryException">Another process owns it, or it cannot be made, written or locked.</exception>
    public static DataDirectory Open(string path, TimeProvider time)
    {
        SafeFileHandle? file = null;
        try
        {
            foreach (var directory in new[] { path, System.IO.Path.Join(path, "images"), System.IO.Path.Join(path, "staging"), System.IO.Path.Join(path, "scratch") })
            {
                Directory.CreateDirectory(directory, OwnerOnly);
            }

            var lockFile = System.IO.Path.Join(path, "lock");
            file = LinuxFiles.OpenPrivate(lockFile);
            if (!LinuxFiles.TryLock(file, lockFile))
            {
                throw new DataDirectoryException(
                    $"the data directory {path} is in use by {ReadOwner(file)}; stop that process, or give this one another directory with --data");
            }

            WriteOwner(file, time);
            var opened = new DataDirectory(path, file, LoadInstanceId(path));
            file = null;
            return opened;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new DataDirectoryException(
                $"the data directory {path} cannot be used: {fault.Message}; make it writable for this user, or give another with --data", fault);
        }
        finally
        {
            file?.Dispose();
        }
    }

    /// <summary>Frees the directory for another process.</summary>
    public void Dispose() => _lock.Dispose();

    private static void WriteOwner(SafeFileHandle file, TimeProvider time)
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"process {Environment.ProcessId} (since {time.GetUtcNow():yyyy-MM-dd HH:mm:ss} UTC)\n");
        RandomAccess.SetLength(file, 0);
        RandomAccess.Write(file, Encoding.UTF8.GetBytes(text), 0);
    }

    private static string ReadOwner(SafeFileHandle file)
    {
        var buffer = new byte[200];
        var text = Encoding.UTF8.GetString(buffer, 0, RandomAccess.Read(file, buffer, 0)).TrimEnd('\n');
        return text.Length > 0 ? text : "another process";
    }

    private static string LoadInstanceId(string path)
    {
        var file = System.IO.Path.Join(path, "instance-id");
        if (File.Exists(file))
        {
            var text = File.ReadAllText(file).Trim();
            return Guid.TryParseExact(text, "D", out _)
                ? text
                : throw new DataDirectoryException(
                    $"{file} does not hold an instance id; restore it, or remove it to start with a new one (leases of the old one are taken over when they expire)");
        }

        var id = Guid.NewGuid().ToString("D");
        var unfinished = file + ".new";
        using (var stream = new FileStream(unfinished, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            stream.Write(Encoding.ASCII.GetBytes(id + "\n"));
            stream.Flush(flushToDisk: true);
        }

        File.Move(unfinished, file, overwrite: true);
        LinuxFiles.SynchroniseDirectory(path);
        return id;
    }
}
