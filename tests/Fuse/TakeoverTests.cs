using System.Globalization;
using GlanceGateway.Testing;

namespace GlanceGateway.Fuse.Tests;

/// <summary>Servers and keepers that come at the same time, or come back.</summary>
public sealed class TakeoverTests
{
    [Fact]
    public void Of_servers_that_take_over_at_the_same_time_one_does()
    {
        using KeeperHome home = new();
        using Keeper keeper = home.Keep();
        RequireResend();
        KeeperHome.Child server = home.Serve("hold").Says("serving 1 ");
        for (int round = 2; round < 5; round++)
        {
            Client.Running reader = Client.Begin(() => Assert.Equal(home.Content, File.ReadAllBytes(home.At(KeeperChild.Copied))));
            if (round == 2)
            {
                server.Says("holding a read");
            }

            server.Kill();
            KeeperHome.Child[] children = [.. Enumerable.Range(0, 3).Select(_ => home.Serve())];
            string[] said = [.. children.Select(static child => child.Line())];

            int first = Array.FindIndex(said, static line => line.StartsWith("serving", StringComparison.Ordinal));
            Assert.StartsWith(string.Create(CultureInfo.InvariantCulture, $"serving {round} "), said[first], StringComparison.Ordinal);
            server = children[first];
            Assert.All(said.Where((_, i) => i != first), line => Assert.StartsWith($"EBUSY: {home.Mount} is served by the process {server.Id}", line, StringComparison.Ordinal));
            Assert.Equal(server.Id, Assert.Single(keeper.Mounts).Process);
            reader.Join();
        }
    }

    [Fact]
    public void A_server_that_has_not_come_back_to_a_new_keeper_yet_is_not_replaced()
    {
        using KeeperHome home = new();
        using FakeServiceManager manager = new(home.InRoot("notify"));
        KeeperHome.Child keeper = home.Start([RepositoryPaths.ThisProgram, KeeperChild.KeeperArgument, home.Socket], manager.Environment);
        keeper.Says("keeping 0");
        RequireResend();
        KeeperHome.Child server = home.Serve().Says("serving 1 ");
        manager.Await("FDSTORE=1");

        // Too busy to notice for a while.
        Assert.Equal(0, Posix.Kill(server.Id, 19)); // SIGSTOP
        keeper.Kill();
        home.Start(manager.Command([RepositoryPaths.ThisProgram, KeeperChild.KeeperArgument, home.Socket]), manager.Environment).Says("keeping 1");
        Assert.StartsWith($"EBUSY: {home.Mount} is served by the process {server.Id}, which still runs", home.Serve().Line(), StringComparison.Ordinal);
        Assert.Equal(0, Posix.Kill(server.Id, 18)); // SIGCONT

        Client.Eventually(() => KeptMount.List(home.Socket)[0] is { Generation: 1 } mount && mount.Process == server.Id, "the server comes back");
        Assert.Equal(home.Content, Client.Run(() => File.ReadAllBytes(home.At(KeeperChild.Copied))));
        server.Kill();
        home.Serve().Says("serving 2 ");
    }

    [Fact]
    public void A_server_hands_over_while_the_keeper_is_replaced()
    {
        using KeeperHome home = new();
        using FakeServiceManager manager = new(home.InRoot("notify"));
        KeeperHome.Child keeper = home.Start([RepositoryPaths.ThisProgram, KeeperChild.KeeperArgument, home.Socket], manager.Environment);
        keeper.Says("keeping 0");
        RequireResend();
        KeeperHome.Child server = home.Serve("hold").Says("serving 1 ");
        manager.Await("FDSTORE=1");
        Client.Running reader = Client.Begin(() => Assert.Equal(home.Content, File.ReadAllBytes(home.At(KeeperChild.Copied))));
        server.Says("holding a read");

        keeper.Kill();
        KeeperHome.Child successor = home.Serve();
        Assert.Equal(0, server.Stop());
        home.Start(manager.Command([RepositoryPaths.ThisProgram, KeeperChild.KeeperArgument, home.Socket]), manager.Environment).Says("keeping 1");

        // Its patience of two seconds may be over before the keeper is there.
        if (!successor.Line().StartsWith("serving 2 ", StringComparison.Ordinal))
        {
            home.Serve().Says("serving 2 ");
        }

        reader.Join();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_socket_that_is_gone_comes_back(bool replaced)
    {
        using KeeperHome home = new();
        using Keeper keeper = home.Keep();
        home.Serve().Says("serving 1 ");
        if (replaced)
        {
            // Of a dead process, in its place.
            File.Move(home.Socket, home.Socket + ".away");
            using System.Net.Sockets.Socket dead = KeeperSocket.New();
            dead.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(home.InRoot("dead")));
            File.Move(home.InRoot("dead"), home.Socket);
        }
        else
        {
            File.Delete(home.Socket);
        }

        Client.Eventually(() => Lists(home), "the keeper is found again");
        Assert.Equal(home.Mount, Assert.Single(KeptMount.List(home.Socket)).MountPoint);
    }

    [Fact]
    public void A_place_has_one_keeper_whatever_happens_to_its_socket()
    {
        using KeeperHome home = new();
        using (home.Keep())
        {
            File.Move(home.Socket, home.InRoot("elsewhere"));
            Assert.Contains("Another keeper", Assert.Throws<IOException>(() => home.Keep()).Message, StringComparison.Ordinal);
            Client.Eventually(() => Lists(home), "the keeper is found again");
            File.Delete(home.InRoot("elsewhere"));
        }

        Assert.False(File.Exists(home.Socket));
        // One that died leaves its socket, and no claim.
        KeeperHome.Child killed = home.Start([RepositoryPaths.ThisProgram, KeeperChild.KeeperArgument, home.Socket]);
        killed.Says("keeping 0").Kill();
        Assert.True(File.Exists(home.Socket));
        Keeper?[] made = new Keeper?[4];
        Parallel.For(0, made.Length, i => made[i] = Record.Exception(() => made[i] = home.Keep()) is null ? made[i] : null);
        using Keeper only = Assert.Single(made, static keeper => keeper is not null)!;
        Assert.Empty(KeptMount.List(home.Socket));
    }

    [Fact]
    public void A_process_is_told_from_another_with_its_number()
    {
        ServingProcess own = ServingProcess.Of(Environment.ProcessId);

        Assert.True(own.IsAlive);
        Assert.False((own with { Started = own.Started + 1 }).IsAlive);
        Assert.False(default(ServingProcess).IsAlive);
        using System.Diagnostics.Process ended = System.Diagnostics.Process.Start("true");
        ServingProcess other = ServingProcess.Of(ended.Id);
        ended.WaitForExit();
        Assert.False(other.IsAlive);
    }

    private static bool Lists(KeeperHome home)
    {
        try
        {
            _ = KeptMount.List(home.Socket);
            return true;
        }
        catch (FuseMountException)
        {
            return false;
        }
    }

    private static void RequireResend() => Assert.SkipUnless(Environment.OSVersion.Version >= new Version(6, 9), "this kernel cannot resend (Linux 6.9)");
}
