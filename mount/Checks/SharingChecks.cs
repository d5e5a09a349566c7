using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace GlanceGateway.MountChecks;

/// <summary>Several users of one image: locks, permissions, readers that are killed, an image that is deleted.</summary>
internal static class SharingChecks
{
    /// <summary>Nobody, on every distribution.</summary>
    private const string ForeignUserId = "65534";

    public static unsafe void Locks(MountSubject subject)
    {
        // QEMU locks bytes from 100 (what it does) and 200 (what others may not do) of the open file, for reading even where it excludes others.
        using var one = Descriptor.Open(subject.File);
        using var other = Descriptor.Open(subject.File);
        foreach (var start in new[] { 100L, 101, 103, 201, 203 })
        {
            Check.Done($"a shared lock of byte {start}", Take(one, FileLock.ForReading, start));
            Check.Done($"a second shared lock of byte {start}", Take(other, FileLock.ForReading, start));
        }

        var question = new FileLock { Type = FileLock.ForWriting, Start = 100, Length = 1 };
        Check.Done("asking who locks", Posix.Control(other.Number, Posix.GetOpenFileLock, &question));
        Check.That(question.Type == FileLock.ForReading, "the other's lock is not seen");
        Check.Refused("a lock for writing of a file open for reading", Take(one, FileLock.ForWriting, 300), Posix.EBADF);
        Check.Done("unlocking", Take(one, FileLock.Unlocked, 100));
        Check.Done("flock, shared", Posix.Lock(one.Number, Posix.LockShared | Posix.LockNonBlocking));
        Check.Done("flock, shared by two", Posix.Lock(other.Number, Posix.LockShared | Posix.LockNonBlocking));

        static int Take(Descriptor file, short type, long start)
        {
            var asked = new FileLock { Type = type, Start = start, Length = 1 };
            return Posix.Control(file.Number, Posix.SetOpenFileLock, &asked);
        }
    }

    public static void ForeignUser(MountSubject subject)
    {
        if (Posix.EffectiveUser() != 0)
            throw new MountCheckSkippedException("only root can become somebody else");
        var (directory, name) = (Path.GetDirectoryName(subject.File)!, Path.GetFileName(subject.File));
        var mode = FileStatus.Of(subject.File).Mode & FileStatus.Of(directory, 0).Mode;
        var isAllowed = (mode & 4) != 0 && MountOptions(subject.File).Contains("allow_other");

        // From within the directory: who may pass the directories above is not the mount's affair.
        var (code, said) = Execute("setpriv", directory, "--reuid", ForeignUserId, "--regid", ForeignUserId, "--clear-groups", "head", "-c", "1", name);
        if (isAllowed)
            Check.That(code == 0, $"another user may not read, though the permission bits allow it: {said}");
        else
            Check.That(code != 0 && said.Contains("Permission denied", StringComparison.Ordinal), $"another user is not refused with EACCES: exit code {code} {said}");
    }

    [SuppressMessage("Security", "CA5394:Do not use insecure randomness", Justification = "Moments of a kill, the same in every run.")]
    public static void Interrupted(MountSubject subject)
    {
        var reference = Reference.Of(subject);
        var random = new Random(20);
        for (var i = 0; i < 20; i++)
        {
            using var reader = Process.Start(new ProcessStartInfo("cat", [subject.File]) { UseShellExecute = false, RedirectStandardOutput = true })!;
            // It fills its pipe and waits there, or still reads: both are moments at which virtual machines die.
            Thread.Sleep(random.Next(30));
            reader.Kill();
            Check.That(reader.WaitForExit(subject.Patience), "a killed reader does not die");
        }

        using var file = Descriptor.Open(subject.File);
        for (var piece = 0; piece < reference.Pieces.Count; piece++)
            reference.Compare("after readers were killed", piece, 0, file.ReadAll(reference.Pieces[piece].Offset, reference.Pieces[piece].Bytes.Length));
    }

    public static void Signalled(MountSubject subject)
    {
        // Without a handler nothing happens, so it may come late; and one that waits already is not sent twice.
        const int Urgent = 23; // SIGURG
        var reference = Reference.Of(subject);
        // abs(3) as the handler: it takes a number, and does nothing that could be disturbed.
        var before = Posix.Handle(Urgent, NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), "abs"));
        Check.That(before != -1, "no handler for a signal can be set");
        var (thread, sent) = (0, 0);
        var reader = Task.Factory.StartNew(
            () =>
            {
                Volatile.Write(ref thread, Posix.ThreadId());
                for (var i = 0; i < 300; i++)
                {
                    using var file = Descriptor.Open(subject.File);
                    var piece = i % reference.Pieces.Count;
                    var (offset, expected) = reference.Pieces[piece];
                    _ = Posix.Advise(file.Number, 0, 0, Posix.DropPages);
                    reference.Compare("while signals came", piece, 0, file.ReadAll(offset, expected.Length));
                }
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        var since = Stopwatch.GetTimestamp();
        while (!reader.IsCompleted)
        {
            Check.That(Stopwatch.GetElapsedTime(since) < subject.Patience, "a reader that gets signals does not come to its end");
            if (Volatile.Read(ref thread) is not 0 and var target && Posix.SignalThread(Environment.ProcessId, target, Urgent) == 0)
                sent++;
            Thread.SpinWait(2000);
        }

        _ = Posix.Handle(Urgent, before);
        reader.GetAwaiter().GetResult();
        Check.That(sent > 0, "no signal could be sent");
    }

    public static void DeletedInUse(MountSubject subject)
    {
        if (subject.Delete is not { } delete)
            throw new MountCheckSkippedException("it needs an image that may be deleted");
        var reference = Reference.Of(subject);
        using var file = Descriptor.Open(subject.File);
        delete();
        var since = Stopwatch.GetTimestamp();
        while (File.Exists(subject.File))
        {
            Check.That(Stopwatch.GetElapsedTime(since) < subject.Patience, "the deleted image is still listed");
            Thread.Sleep(20);
        }

        Check.Refused("opening the deleted image", Posix.Open(subject.File, Posix.ReadOnly), Posix.ENOENT);
        var buffer = new byte[Reference.PieceBytes];
        for (var piece = 0; piece < reference.Pieces.Count; piece++)
        {
            var got = file.Read(reference.Pieces[piece].Offset, buffer.AsSpan(0, reference.Pieces[piece].Bytes.Length));
            Check.That(got > 0 || got == -Posix.EIO, $"the open image fails with {Posix.NameOf(-got)} instead of EIO");
            if (got == reference.Pieces[piece].Bytes.Length)
                reference.Compare("after it was deleted", piece, 0, buffer.AsSpan(0, got));
        }
    }

    private static (int Code, string Said) Execute(string program, string directory, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false, WorkingDirectory = directory, RedirectStandardError = true, RedirectStandardOutput = true, Environment = { ["LC_ALL"] = "C" } })!;
        var said = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, said.Trim());
    }

    /// <summary>The options of the filesystem that a file is on, from the longest mount point above it.</summary>
    private static string[] MountOptions(string path)
    {
        var best = ("", "");
        foreach (var line in File.ReadLines("/proc/self/mounts"))
        {
            // Device, place, type, options; blanks in a place are \040.
            var words = line.Split(' ');
            var place = words[1].Replace("\\040", " ", StringComparison.Ordinal);
            if ((path.StartsWith(place.TrimEnd('/') + "/", StringComparison.Ordinal) || place == "/") && place.Length >= best.Item1.Length)
                best = (place, words[3]);
        }

        return best.Item2.Split(',');
    }
}
