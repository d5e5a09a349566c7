using System.Globalization;
using System.Net.Sockets;
using GlanceGateway.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Fuse.Tests;

/// <summary>A keeper, and servers that come and go behind one mount.</summary>
public sealed class KeeperTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_a_server_leaves_unanswered_the_next_one_answers(bool killed)
    {
        using KeeperHome home = new();
        using Keeper keeper = home.Keep();
        RequireResend();
        KeeperHome.Child first = home.Serve("hold").Says("serving 1 ");
        Client.Running reader = Client.Begin(() => Assert.Equal(home.Content, File.ReadAllBytes(home.At(KeeperChild.Copied))));
        first.Says("holding a read");
        Assert.Equal(first.Id, Assert.Single(keeper.Mounts).Process);

        if (killed)
        {
            first.Kill();
        }
        else
        {
            Assert.Equal(0, first.Stop());
        }

        Client.Eventually(() => keeper.Mounts[0].Process == 0, "the keeper notices");
        Assert.False(reader.Ended);
        home.Serve().Says("serving 2 ");

        reader.Join();
        Assert.Equal(home.Content, Client.Run(() => File.ReadAllBytes(home.At(KeeperChild.Copied))));
    }

    [Theory]
    [InlineData(KeeperChild.Copied)]
    [InlineData(KeeperChild.Passed)]
    public void A_file_stays_mapped_across_the_death_of_its_server(string name)
    {
        using KeeperHome home = new();
        using Keeper keeper = home.Keep();
        RequireResend();
        KeeperHome.Child first = home.Serve().Says("serving 1 ");
        KeeperHome.Child reader = home.Start([RepositoryPaths.ThisProgram, KeeperChild.MapArgument, home.At(name), home.Backing]);
        reader.Says("half");

        first.Kill();
        reader.Tell("go on");
        home.Serve().Says("serving 2 ");

        reader.Says("whole");
        Assert.Equal(0, reader.Ended());
    }

    [Fact]
    public void A_server_without_privilege_has_passthrough_and_its_successor_names_the_same_registration()
    {
        using KeeperHome home = new();
        using Keeper keeper = home.Keep(grace: null, KeeperHome.Nobody);
        RequireResend();
        Own(home.Mount);
        KeeperHome.Child first = home.Serve(user: KeeperHome.Nobody);
        string[] said = first.Line().Split(' ');
        Assert.Equal(["serving", "1", "privileged", "False", "passthrough", "None"], said[..6]);
        int open = Client.Run(() => Posix.OpenOrThrow(home.At(KeeperChild.Passed)));
        Assert.Equal(home.Content[1000..9000], Client.Run(() => Posix.ReadAt(open, 1000, 8000)));

        first.Kill();

        // The kernel reads on by itself.
        Assert.Equal(home.Content[100_000..300_000], Client.Run(() => Posix.ReadAt(open, 100_000, 200_000)));
        string[] next = home.Serve(user: KeeperHome.Nobody).Line().Split(' ');
        Assert.Equal(("2", said[6]), (next[1], next[6]));
        Assert.Equal(home.Content, Client.Run(() => File.ReadAllBytes(home.At(KeeperChild.Passed))));
        Assert.Equal(home.Content[..5000], Client.Run(() => Posix.ReadAt(open, 0, 5000)));
        Client.Run(() => Posix.Close(open));
        Assert.Equal(1, Assert.Single(keeper.Mounts).Registrations);
    }

    [Fact]
    public void A_mount_has_one_server_at_a_time()
    {
        using KeeperHome home = new();
        using Keeper keeper = home.Keep();
        KeeperHome.Child first = home.Serve().Says("serving 1 ");

        Assert.StartsWith($"EBUSY: {home.Mount} is served by the process {first.Id}", home.Serve().Line(), StringComparison.Ordinal);

        Assert.Equal(home.Content, Client.Run(() => File.ReadAllBytes(home.At(KeeperChild.Copied))));
    }

    [Fact]
    public void Users_that_were_not_named_get_nothing_and_those_that_were_mount_on_their_own_directories_only()
    {
        using KeeperHome home = new();
        using (home.Keep())
        {
            Assert.StartsWith("ENOTCONN: The keeper closed the connection", home.Serve(user: KeeperHome.Nobody).Line(), StringComparison.Ordinal);
        }

        using (home.Keep(grace: null, KeeperHome.Nobody))
        {
            Assert.StartsWith("EACCES: The mount point", home.Serve(user: KeeperHome.Nobody).Line(), StringComparison.Ordinal);
            Assert.Null(MountTable.Find(home.Mount));

            // What was mounted for root is not another's to unmount or to take over.
            KeeperHome.Child first = home.Serve().Says("serving 1 ");
            first.Kill();
            Assert.StartsWith("EACCES", home.Serve(user: KeeperHome.Nobody).Line(), StringComparison.Ordinal);
        }

        // Nor is a dead mount of root's another's to remove.
        FuseMount left = FuseMount.Create(home.Mount, new FuseMountOptions { FsName = "sample", Subtype = "sample", AllowOther = true }, NullLogger.Instance);
        left.Dispose();
        using (home.Keep(grace: null, KeeperHome.Nobody))
        {
            Assert.StartsWith($"EACCES: {home.Mount} holds a fuse.sample mount of somebody else", home.Serve(user: KeeperHome.Nobody).Line(), StringComparison.Ordinal);
            Assert.NotNull(MountTable.Find(home.Mount));
        }
    }

    [Fact]
    public void An_unmount_through_the_keeper_ends_the_server_and_the_next_one_begins_anew()
    {
        using KeeperHome home = new();
        using Keeper keeper = home.Keep();
        KeeperHome.Child server = home.Serve().Says("serving 1 ");

        Assert.Equal(UnmountOutcome.Unmounted, KeptMount.Unmount(home.Socket, home.Mount));

        Assert.Equal(0, server.Says("unmounted").Ended());
        Assert.Null(MountTable.Find(home.Mount));
        Client.Eventually(() => keeper.Mounts.Count == 0, "the keeper lets go");
        Assert.Equal(Errno.ENOENT, Assert.Throws<FuseMountException>(() => KeptMount.Unmount(home.Socket, home.Mount)).Error);
        home.Serve().Says("serving 1 ");
        Assert.Equal(home.Content, Client.Run(() => File.ReadAllBytes(home.At(KeeperChild.Copied))));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_abort_ends_the_connection_whatever_is_open(bool detached)
    {
        using KeeperHome home = new();
        // No right to write into fusectl, as in the unit: the keeper forces the unmount, the server does the rest.
        KeeperHome.Child keeper = home.Start(
            ["setpriv", "--bounding-set", "-all,+sys_admin,+dac_read_search", RepositoryPaths.ThisProgram, KeeperChild.KeeperArgument, home.Socket]);
        keeper.Says("keeping 0");
        using KeptMount mount = KeptMount.Attach(home.Socket, home.Mount, allowOther: true, TimeSpan.Zero, NullLogger.Instance);
        using KeptServer server = new(mount, new SampleFileSystem(), new FuseSessionOptions(), NullLogger.Instance);
        server.Start();
        int open = Client.Run(() => Posix.OpenOrThrow(home.Mount, Posix.OpenDirectoryFlag));
        if (detached)
        {
            Assert.Equal(UnmountOutcome.Detached, mount.Unmount(abort: false));
            Assert.False(server.Session.Completion.IsCompleted);
        }

        UnmountOutcome outcome = mount.Unmount(abort: true);

        Assert.Equal(detached ? UnmountOutcome.AlreadyGone : UnmountOutcome.Unmounted, outcome);
        Client.Eventually(() => server.Session.Completion.IsCompleted, "the connection ends");
        Client.Run(() => Posix.Close(open));
    }

    [Fact]
    public void Readers_wait_no_longer_than_the_grace_time_and_get_an_error()
    {
        using KeeperHome home = new();
        using Keeper keeper = home.Keep(grace: TimeSpan.FromMilliseconds(500));
        KeeperHome.Child server = home.Serve("hold").Says("serving 1 ");
        Client.Running reader = Client.Begin(() => Assert.ThrowsAny<IOException>(() => File.ReadAllBytes(home.At(KeeperChild.Copied))));
        server.Says("holding a read");

        server.Kill();

        reader.Join();
        Client.Eventually(() => keeper.Mounts.Count == 0 && MountTable.Find(home.Mount) is null, "the mount goes");
    }

    [Fact]
    public void A_mount_that_nobody_can_find_any_more_does_not_wait_for_a_server()
    {
        using KeeperHome home = new();
        using Keeper keeper = home.Keep();
        KeeperHome.Child server = home.Serve("hold").Says("serving 1 ");
        Client.Running reader = Client.Begin(() => Assert.ThrowsAny<IOException>(() => File.ReadAllBytes(home.At(KeeperChild.Copied))));
        server.Says("holding a read");
        Assert.Equal(0, Libc.Unmount(home.Mount, Libc.UnmountDetach));

        server.Kill();

        reader.Join();
        Client.Eventually(() => keeper.Mounts.Count == 0, "the keeper lets go");
    }

    [Fact]
    public void Without_a_descriptor_store_a_keeper_unmounts_at_its_end_what_nobody_serves_and_nothing_else()
    {
        using KeeperHome home = new();
        using (home.Keep())
        {
            home.Serve().Says("serving 1 ");
        }

        Assert.Equal(home.Content, Client.Run(() => File.ReadAllBytes(home.At(KeeperChild.Copied))));
        Assert.Equal(0, Libc.Unmount(home.Mount, Libc.UnmountDetach));
        using (home.Keep())
        {
            home.Serve().Says("serving 1 ").Kill();
        }

        Assert.Null(MountTable.Find(home.Mount));
    }

    [Fact]
    public void A_server_whose_keeper_died_and_stored_nothing_unmounts_at_its_end()
    {
        using KeeperHome home = new();
        KeeperHome.Child keeper = home.Start([RepositoryPaths.ThisProgram, KeeperChild.KeeperArgument, home.Socket]);
        keeper.Says("keeping 0");
        KeeperHome.Child server = home.Serve().Says("serving 1 ");
        keeper.Kill();
        Assert.Equal(home.Content, Client.Run(() => File.ReadAllBytes(home.At(KeeperChild.Copied))));

        Assert.Equal(0, server.Stop());

        Assert.Null(MountTable.Find(home.Mount));
    }

    [Fact]
    public void Nonsense_ends_its_connection_and_nothing_else()
    {
        using KeeperHome home = new();
        using Keeper keeper = home.Keep();
        home.Serve().Says("serving 1 ");
        Random random = new(4711);
        byte[][] good =
        [
            KeeperWriter.Question(KeeperOperation.Attach).U8(0).U32(0).Text(home.Mount).ToMessage(),
            KeeperWriter.Question(KeeperOperation.Register).U64(7).ToMessage(),
            KeeperWriter.Question(KeeperOperation.Unmount).U8(0).Text("relative").ToMessage(),
            KeeperWriter.Question(KeeperOperation.List).ToMessage(),
        ];
        using SafeFileHandle file = File.OpenHandle(home.Backing);
        byte[] answer = new byte[KeeperProtocol.AnswerBytes];
        for (int i = 0; i < 400; i++)
        {
            byte[] packet = [.. good[random.Next(good.Length)]];
            int flips = random.Next(4);
            for (int flip = 0; flip < flips; flip++)
            {
                packet[random.Next(packet.Length)] = (byte)random.Next(256);
            }

            packet = random.Next(3) switch
            {
                0 => [.. packet, .. new byte[random.Next(1, 10_000)]],
                1 => packet[..random.Next(1, packet.Length)],
                _ => packet,
            };
            using Socket socket = KeeperSocket.New();
            socket.Connect(new UnixDomainSocketEndPoint(home.Socket));
            socket.ReceiveTimeout = 10_000;
            _ = (i % 3) switch
            {
                0 => UnixMessages.Send(socket, packet),
                1 => UnixMessages.Send(socket, packet, file),
                _ => UnixMessages.Send(socket, packet, file, file, file),
            };
            _ = UnixMessages.Receive(socket, answer, out SafeFileHandle[] attached);
            Assert.Empty(attached);
        }

        Assert.Equal(home.Mount, Assert.Single(KeptMount.List(home.Socket)).MountPoint);
        Assert.Equal(home.Content, Client.Run(() => File.ReadAllBytes(home.At(KeeperChild.Copied))));
        int own = Directory.GetFiles("/proc/self/fd").Length;
        Assert.True(own < 200, $"{own} descriptors are open");
    }

    [Fact]
    public void An_answer_that_comes_too_late_is_not_taken_for_that_of_the_next_question()
    {
        string directory = Directory.CreateTempSubdirectory("fuse-keeper-").FullName;
        try
        {
            string path = Path.Combine(directory, "s");
            using Socket listener = KeeperSocket.Listen(path);
            using KeeperLink link = KeeperLink.Connect(path);
            using Socket keeper = listener.Accept();
            link.Socket.ReceiveTimeout = 50;

            Assert.Equal(Errno.ENOTCONN, Assert.Throws<FuseMountException>(() => Register(link)).Error);
            _ = UnixMessages.Send(keeper, KeeperWriter.Answer((byte)KeeperOperation.Register, Errno.None).U32(1).ToMessage());

            Assert.Equal(Errno.ENOTCONN, Assert.Throws<FuseMountException>(() => Register(link)).Error);

            // Nor is the answer to something else, on a link that works.
            using KeeperLink other = KeeperLink.Connect(path);
            using Socket answering = listener.Accept();
            _ = UnixMessages.Send(answering, KeeperWriter.Answer((byte)KeeperOperation.Unregister, Errno.None).U32(1).ToMessage());
            Assert.Equal(Errno.ENOTCONN, Assert.Throws<FuseMountException>(() => Register(other)).Error);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }

        static uint Register(KeeperLink link) => link.Ask(KeeperWriter.Question(KeeperOperation.Register).U64(7), null, out _).U32();
    }

    [Fact]
    public void Descriptors_of_an_empty_packet_are_not_lost()
    {
        string directory = Directory.CreateTempSubdirectory("fuse-keeper-").FullName;
        try
        {
            string path = Path.Combine(directory, "s");
            using Socket listener = KeeperSocket.Listen(path);
            using Socket sender = KeeperSocket.New();
            sender.Connect(new UnixDomainSocketEndPoint(path));
            using Socket receiver = listener.Accept();
            using SafeFileHandle file = File.OpenHandle("/dev/null");

            Assert.Equal(Errno.None, UnixMessages.Send(sender, [], file));

            Assert.Equal(0, UnixMessages.Receive(receiver, new byte[16], out SafeFileHandle[] attached));
            Assert.Single(attached).Dispose();
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public void What_the_asker_could_not_read_is_not_registered_for_him()
    {
        using KeeperHome home = new();
        using Keeper keeper = home.Keep();
        using KeptMount mount = KeptMount.Attach(home.Socket, home.Mount, allowOther: false, TimeSpan.Zero, NullLogger.Instance);
        Assert.SkipUnless(mount.Negotiation.Passthrough, "this kernel has no FUSE passthrough (Linux 6.9)");
        using SafeFileHandle path = new(Posix.OpenOrThrow(home.Backing, Libc.PathCloseOnExec), ownsHandle: true);
        using SafeFileHandle writable = new(Posix.OpenOrThrow(home.Backing, Posix.WriteOnly), ownsHandle: true);
        using SafeFileHandle directory = new(Posix.OpenOrThrow("/tmp"), ownsHandle: true);
        using SafeFileHandle good = File.OpenHandle(home.Backing);
        using SafeFileHandle pseudo = File.OpenHandle("/proc/version");

        Assert.Equal(Errno.EACCES, mount.Open(pseudo, 2, out _));
        Assert.Equal(Errno.EACCES, mount.Open(path, 2, out _));
        Assert.Equal(Errno.EACCES, mount.Open(writable, 2, out _));
        Assert.Equal(Errno.EINVAL, mount.Open(directory, 2, out _));
        Assert.Equal(Errno.None, mount.Open(good, 2, out int id));
        Assert.Equal(1, Assert.Single(keeper.Mounts).Registrations);
        mount.Close(id);
        Assert.Equal(0, Assert.Single(keeper.Mounts).Registrations);
    }

    [Theory]
    [InlineData("/proc/sys", "proc")]
    [InlineData("/sys/kernel", "sysfs")]
    public void Nothing_is_mounted_over_what_shows_the_state_of_the_system(string directory, string type)
    {
        using KeeperHome home = new();
        using Keeper keeper = home.Keep();

        FuseMountException refused = Assert.Throws<FuseMountException>(
            () => KeptMount.Attach(home.Socket, directory, allowOther: false, TimeSpan.Zero, NullLogger.Instance));

        Assert.Equal(Errno.EACCES, refused.Error);
        Assert.Contains($"lies on {type};", refused.Message, StringComparison.Ordinal);
        Assert.Empty(keeper.Mounts);
    }

    [Fact]
    public void A_directory_in_which_others_write_is_no_place_for_a_keeper()
    {
        using KeeperHome home = new();
        string directory = home.InRoot("open");
        Directory.CreateDirectory(directory);
        File.SetUnixFileMode(directory, (UnixFileMode)Convert.ToInt32("777", 8));

        IOException refused = Assert.Throws<IOException>(() => Keeper.Start(new KeeperOptions { Socket = Path.Combine(directory, "s") }, NullLogger.Instance));

        Assert.Contains("must not be writable", refused.Message, StringComparison.Ordinal);
        File.WriteAllText(home.InRoot("file"), "");
        Assert.Throws<IOException>(() => Keeper.Start(new KeeperOptions { Socket = home.InRoot("file") }, NullLogger.Instance));
    }

    [Fact]
    public void A_keeper_that_was_killed_gets_its_mounts_back_from_the_descriptor_store_and_its_servers_return()
    {
        using KeeperHome home = new();
        using FakeServiceManager manager = new(home.InRoot("notify"));
        KeeperHome.Child keeper = home.Start([RepositoryPaths.ThisProgram, KeeperChild.KeeperArgument, home.Socket], manager.Environment);
        keeper.Says("keeping 0");
        RequireResend();
        KeeperHome.Child server = home.Serve().Says("serving 1 ");
        manager.Await("FDSTORE=1");
        Assert.Equal(2, manager.Stored.Count);

        keeper.Kill();
        Assert.Equal(home.Content, Client.Run(() => File.ReadAllBytes(home.At(KeeperChild.Copied))));
        KeeperHome.Child next = home.Start(manager.Command([RepositoryPaths.ThisProgram, KeeperChild.KeeperArgument, home.Socket]), manager.Environment);
        next.Says("keeping 1");

        Client.Eventually(() => KeptMount.List(home.Socket)[0].Process == server.Id, "the server comes back");
        server.Kill();
        home.Serve().Says("serving 2 ");
        Assert.Equal(home.Content, Client.Run(() => File.ReadAllBytes(home.At(KeeperChild.Passed))));

        // An end in good order leaves everything in the store as well, and an unmount takes it out.
        Assert.Equal(0, next.Stop());
        KeeperHome.Child third = home.Start(manager.Command([RepositoryPaths.ThisProgram, KeeperChild.KeeperArgument, home.Socket]), manager.Environment);
        third.Says("keeping 1");
        Assert.Equal(2u, Assert.Single(KeptMount.List(home.Socket)).Generation);
        Assert.Equal(UnmountOutcome.Unmounted, KeptMount.Unmount(home.Socket, home.Mount));
        manager.Await("FDSTOREREMOVE=1");
    }

    [Fact]
    public void What_is_given_back_while_there_is_no_keeper_the_next_one_learns()
    {
        using KeeperHome home = new();
        using FakeServiceManager manager = new(home.InRoot("notify"));
        KeeperHome.Child keeper = home.Start([RepositoryPaths.ThisProgram, KeeperChild.KeeperArgument, home.Socket], manager.Environment);
        keeper.Says("keeping 0");
        using KeptMount mount = KeptMount.Attach(home.Socket, home.Mount, allowOther: false, TimeSpan.Zero, NullLogger.Instance);
        Assert.SkipUnless(mount.Negotiation.Passthrough, "this kernel has no FUSE passthrough (Linux 6.9)");
        manager.Await("FDSTORE=1");
        using SafeFileHandle file = File.OpenHandle(home.Backing);
        Assert.Equal(Errno.None, mount.Open(file, 2, out int first));
        Assert.Equal(Errno.None, mount.Open(file, 3, out int second));
        Assert.Equal(2u, (uint)Assert.Single(KeptMount.List(home.Socket)).Registrations);

        keeper.Kill();
        mount.Close(first);
        KeeperHome.Child next = home.Start(manager.Command([RepositoryPaths.ThisProgram, KeeperChild.KeeperArgument, home.Socket]), manager.Environment);
        next.Says("keeping 1");

        Client.Eventually(() => KeptMount.List(home.Socket)[0].Registrations == 1, "the next keeper learns of it");
        mount.Close(second);
        Assert.Equal(0, Assert.Single(KeptMount.List(home.Socket)).Registrations);
    }

    [Theory]
    [InlineData(null, false, false)]
    [InlineData("0", false, false)]
    [InlineData("128", false, true)]
    [InlineData(null, true, true)]
    public void A_service_manager_stores_when_it_says_so_or_somebody_does(string? size, bool trusted, bool stores)
    {
        Dictionary<string, string> environment = new(StringComparer.Ordinal) { ["NOTIFY_SOCKET"] = "/nowhere/notify" };
        if (size is not null)
        {
            environment["FDSTORE"] = size;
        }

        Assert.Equal(stores, DescriptorStore.FromEnvironment(environment.GetValueOrDefault, trusted)?.Stores);
    }

    [Fact]
    public void A_mount_that_could_not_be_stored_is_unmounted_at_the_end_of_its_keeper()
    {
        using KeeperHome home = new();
        Dictionary<string, string> environment = new(StringComparer.Ordinal) { ["NOTIFY_SOCKET"] = home.InRoot("nobody"), ["FDSTORE"] = "128" };
        KeeperHome.Child keeper = home.Start([RepositoryPaths.ThisProgram, KeeperChild.KeeperArgument, home.Socket], environment);
        keeper.Says("keeping 0");
        home.Serve().Says("serving 1 ").Kill();
        Client.Eventually(() => KeptMount.List(home.Socket) is [] or [{ Process: 0 }], "the keeper notices");

        Assert.Equal(0, keeper.Stop());

        Assert.Null(MountTable.Find(home.Mount));
    }

    private static void RequireResend()
    {
        Version version = Environment.OSVersion.Version;
        Assert.SkipUnless(version >= new Version(6, 9), "this kernel cannot resend (Linux 6.9)");
    }

    private static void Own(string directory) => Assert.Equal(
        0, Client.Execute("chown", KeeperHome.Nobody.ToString(CultureInfo.InvariantCulture) + ":" + KeeperHome.Nobody.ToString(CultureInfo.InvariantCulture), directory).ExitCode);
}
