using System.IO.MemoryMappedFiles;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Fuse.Tests;

/// <summary>
/// What the tests of the keeper run in processes of their own, to be killed: a keeper, and a server of a kept mount. They say what they do on standard
/// output and stop in good order at the end of standard input.
/// </summary>
internal static class KeeperChild
{
    internal const string KeeperArgument = "--keeper";
    internal const string ServerArgument = "--kept-server";
    internal const string MapArgument = "--map";

    /// <summary>Shows <c>disk</c> by copying and <c>passed</c> by passthrough, both with the bytes of a file.</summary>
    internal const string Copied = "disk";
    internal const string Passed = "passed";

    internal static int Keep(string socket)
    {
        using Keeper keeper = Keeper.Start(
            new KeeperOptions { Socket = socket, Mount = new FuseMountOptions { FsName = "sample", Subtype = "sample" }, Store = DescriptorStore.FromEnvironment(Environment.GetEnvironmentVariable) },
            NullLogger.Instance);
        Console.WriteLine($"keeping {keeper.Mounts.Count}");
        Console.In.ReadToEnd();
        return 0;
    }

    /// <summary>Compares a mapped file with another one, half of it before a line comes in and half after. A failed read of a page would kill the process.</summary>
    internal static int Map(string mapped, string same)
    {
        byte[] expected = File.ReadAllBytes(same);
        using MemoryMappedFile map = MemoryMappedFile.CreateFromFile(
            new FileStream(mapped, FileMode.Open, FileAccess.Read), null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        using MemoryMappedViewAccessor view = map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        Compare(0);
        Console.WriteLine("half");
        Console.ReadLine();
        Compare(expected.Length / 2);
        Console.WriteLine("whole");
        return 0;

        void Compare(int from)
        {
            byte[] page = new byte[4096];
            // Backwards, so that nothing is read ahead across the middle.
            for (int at = from + (expected.Length / 2) - page.Length; at >= from; at -= page.Length)
            {
                view.ReadArray(at, page, 0, page.Length);
                if (!page.AsSpan().SequenceEqual(expected.AsSpan(at, page.Length)))
                {
                    throw new InvalidDataException($"wrong bytes at {at}");
                }
            }
        }
    }

    /// <param name="socket">Where the keeper listens.</param>
    /// <param name="directory">Where to mount.</param>
    /// <param name="backing">The file that is shown.</param>
    /// <param name="manner">"hold" never answers a read.</param>
    internal static async Task<int> ServeAsync(string socket, string directory, string backing, string manner)
    {
        KeptMount mount;
        try
        {
            mount = KeptMount.Attach(socket, directory, allowOther: true, TimeSpan.FromSeconds(2), NullLogger.Instance);
        }
        catch (FuseMountException e)
        {
            Console.WriteLine($"{e.Error}: {e.Message}");
            return 1;
        }

        SampleFileSystem files = new();
        SampleNode disk = files.AddFile(Copied, await File.ReadAllBytesAsync(backing));
        disk.Gate = manner == "hold" ? new TaskCompletionSource().Task : null;
        SampleNode passed = files.AddFile(Passed, disk.Content);
        using KeptServer server = new(mount, files, new FuseSessionOptions(), NullLogger.Instance);
        Errno registered = Errno.None;
        if (mount.Registrations.LastOrDefault(registration => registration.Node == passed.Id) is { BackingId: > 0 } kept)
        {
            passed.Backing = server.Session.InheritBacking(kept.BackingId);
        }
        else
        {
            using SafeFileHandle file = File.OpenHandle(backing);
            registered = server.Session.TryRegisterBacking(file, passed.Id, out BackingFile? made);
            passed.Backing = made;
        }

        server.Start();
        Console.WriteLine($"serving {mount.Generation} privileged {FuseMount.MayMountDirectly} passthrough {registered} {passed.Backing?.Id}");
        Task asked = Task.Run(Console.In.ReadToEnd);
        if (manner == "hold")
        {
            while (server.Session.PendingReads == 0 && !asked.IsCompleted)
            {
                await Task.Delay(5);
            }

            Console.WriteLine("holding a read");
        }

        await Task.WhenAny(asked, server.Session.Completion);
        Console.WriteLine(asked.IsCompleted ? "asked" : "unmounted");
        return await server.StopAsync(TimeSpan.FromMilliseconds(200)) ? 0 : 2;
    }
}
