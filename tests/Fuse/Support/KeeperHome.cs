using System.Diagnostics;
using System.Globalization;
using GlanceGateway.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Fuse.Tests;

/// <summary>A keeper's socket, a mount point and a file to show, with the child processes of a test. Leaves nothing behind.</summary>
internal sealed class KeeperHome : IDisposable
{
    internal const uint Nobody = 65534;

    private readonly string _root;
    private readonly List<Child> _children = [];

    internal KeeperHome()
    {
        TestMount.RequireFuse();
        _root = Directory.CreateTempSubdirectory("fuse-keeper-").FullName;
        File.SetUnixFileMode(_root, (UnixFileMode)Convert.ToInt32("755", 8));
        Mount = Path.Combine(_root, "mount");
        Directory.CreateDirectory(Mount);
        new Random(17).NextBytes(Content);
        File.WriteAllBytes(Backing, Content);
    }

    internal byte[] Content { get; } = new byte[4 << 20];

    internal string Socket => Path.Combine(_root, "run", "keeper.sock");

    internal string Mount { get; }

    internal string Backing => Path.Combine(_root, "backing");

    internal string At(string name) => Path.Combine(Mount, name);

    internal string InRoot(string name) => Path.Combine(_root, name);

    internal Keeper Keep(TimeSpan? grace = null, params uint[] users) => Keeper.Start(
        new KeeperOptions { Socket = Socket, Users = users, Grace = grace, Mount = new FuseMountOptions { FsName = "sample", Subtype = "sample" } }, NullLogger.Instance);

    internal Child Serve(string manner = "answer", uint user = 0)
    {
        string[] program = [RepositoryPaths.ThisProgram, KeeperChild.ServerArgument, Socket, Mount, Backing, manner];
        string id = user.ToString(CultureInfo.InvariantCulture);
        return Start(user == 0 ? program : ["setpriv", "--reuid", id, "--regid", id, "--clear-groups", .. program]);
    }

    internal Child Start(string[] command, IReadOnlyDictionary<string, string>? environment = null)
    {
        ProcessStartInfo start = new(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardInput = true, UseShellExecute = false };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        Child child = new(Process.Start(start)!);
        _children.Add(child);
        return child;
    }

    public void Dispose()
    {
        foreach (Child child in _children)
        {
            child.Kill();
            child.Dispose();
        }

        while (MountTable.Find(Mount) is not null && Libc.Unmount(Mount, Libc.UnmountDetach) == 0)
        {
        }

        Directory.Delete(Mount);
        Directory.Delete(_root, recursive: true);
    }

    /// <summary>A process that talks in lines.</summary>
    internal sealed class Child(Process process) : IDisposable
    {
        internal int Id => process.Id;

        internal string Line() => Client.Run(() => process.StandardOutput.ReadLine()) ?? "";

        /// <summary>Says something in the beginning of its next line.</summary>
        internal Child Says(string beginning)
        {
            string line = Line();
            Assert.StartsWith(beginning, line, StringComparison.Ordinal);
            return this;
        }

        internal void Tell(string line)
        {
            process.StandardInput.WriteLine(line);
            process.StandardInput.Flush();
        }

        internal void Kill()
        {
            if (!process.HasExited)
            {
                process.Kill();
            }

            process.WaitForExit();
        }

        internal int Stop()
        {
            process.StandardInput.Close();
            Assert.True(process.WaitForExit(TimeSpan.FromSeconds(30)), "the child does not stop");
            return process.ExitCode;
        }

        internal int Ended()
        {
            Assert.True(process.WaitForExit(TimeSpan.FromSeconds(30)), "the child does not end by itself");
            return process.ExitCode;
        }

        public void Dispose() => process.Dispose();
    }
}
