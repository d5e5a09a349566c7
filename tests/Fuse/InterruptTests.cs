using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace GlanceGateway.Fuse.Tests;

/// <summary>Signals to those who wait for an answer: a handler is no reason to fail, a kill is no reason to wait.</summary>
public sealed class InterruptTests
{
    // Opens, reads one piece and tells how it went. A handler that only counts, installed without SA_RESTART: what the kernel interrupts, fails.
    private const string Reader = """
        use Fcntl; use Errno;
        $| = 1;
        $SIG{ALRM} = sub { $signals++ };
        $SIG{$_} = 'DEFAULT' for qw(INT QUIT TERM); # a shell in the background passes on that they are ignored
        print "ready\n";
        sysopen(my $file, $ARGV[0], O_RDONLY | $ARGV[1]) or die "open: $!\n";
        print "opened\n";
        defined(my $got = sysread($file, my $bytes, 8192)) or die "read: $!\n";
        print "read $got after " . ($signals > 0 ? "signals" : "nothing") . "\n";
        """;

    public enum Wait
    {
        Open,
        CachedRead,
        DirectRead,
        AsynchronousDirectRead,
    }

    [Theory]
    [InlineData(Wait.Open)]
    [InlineData(Wait.CachedRead)]
    [InlineData(Wait.DirectRead)]
    public void Whoever_has_a_handler_for_a_signal_gets_his_bytes(Wait wait)
    {
        (SampleFileSystem files, SampleNode disk, TaskCompletionSource gate) = Slow(wait);
        using TestMount mount = new(files);
        using Process reader = Start(mount, wait);
        AwaitWaiting(mount, disk, wait);

        for (int i = 0; i < 20; i++)
        {
            Signal(reader, 14); // SIGALRM
            Thread.Sleep(5);
        }

        if (wait is Wait.Open or Wait.DirectRead)
        {
            Client.Eventually(() => mount.Counters[FuseOpcode.Interrupt] > 0, "the kernel tells of the signal");
        }

        Assert.False(reader.HasExited);
        gate.SetResult();
        string said = Client.Run(() => reader.StandardOutput.ReadToEnd() + reader.StandardError.ReadToEnd());
        Assert.Equal("opened\nread 8192 after signals\n", said);
    }

    [Theory]
    [InlineData(Wait.Open, 2, false)]
    [InlineData(Wait.Open, 3, false)]
    [InlineData(Wait.Open, 9, false)]
    [InlineData(Wait.Open, 15, true)]
    [InlineData(Wait.Open, 9, true)]
    [InlineData(Wait.CachedRead, 2, true)]
    [InlineData(Wait.DirectRead, 2, false)]
    [InlineData(Wait.DirectRead, 3, true)]
    [InlineData(Wait.AsynchronousDirectRead, 9, true)]
    public void Whoever_is_killed_dies_though_nobody_answers(Wait wait, int signal, bool hadAnotherSignal)
    {
        (SampleFileSystem files, SampleNode disk, TaskCompletionSource gate) = Slow(wait);
        using TestMount mount = new(files);
        using Process reader = Start(mount, wait);
        AwaitWaiting(mount, disk, wait);
        if (hadAnotherSignal)
        {
            Signal(reader, 14);
            Thread.Sleep(300);
            Assert.False(reader.HasExited);
        }

        Signal(reader, signal);

        // Without a look it would be the time-out of the read, a minute.
        Assert.True(reader.WaitForExit(TimeSpan.FromSeconds(10)), "it does not die");
        gate.SetResult();
        Client.Eventually(() => disk.Opens == 0, "what was opened is released");
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(uint.MaxValue)]
    public void Who_cannot_be_seen_is_answered_at_any_signal(uint thread)
    {
        (SampleFileSystem files, SampleNode disk, _) = Slow(Wait.CachedRead);
        using FakeKernel kernel = new(files);
        ulong read = kernel.Send(FuseOpcode.Read, disk.Id, FakeKernel.Bytes(new ReadIn { Size = 100 }), thread: thread);
        Client.Eventually(() => kernel.Session.PendingReads == 1, "the read waits");

        kernel.Send(FuseOpcode.Interrupt, 0, FakeKernel.Bytes(new InterruptIn { Unique = read }));

        (OutHeader header, byte[] payload) = kernel.Receive();
        Assert.Equal(read, header.Unique);
        Assert.Equal(-(int)Errno.EINTR, header.Error);
        Assert.Empty(payload);
        Client.Eventually(() => kernel.Session.PendingReads == 0, "the read is gone");
    }

    [Fact]
    public void Who_goes_on_is_answered_once_and_with_his_bytes()
    {
        (SampleFileSystem files, SampleNode disk, TaskCompletionSource gate) = Slow(Wait.CachedRead);
        using FakeKernel kernel = new(files);
        ulong read = kernel.Send(FuseOpcode.Read, disk.Id, FakeKernel.Bytes(new ReadIn { Size = 100 }), thread: (uint)Environment.ProcessId);
        Client.Eventually(() => kernel.Session.PendingReads == 1, "the read waits");
        for (int i = 0; i < 3; i++)
        {
            kernel.Send(FuseOpcode.Interrupt, 0, FakeKernel.Bytes(new InterruptIn { Unique = read }));
        }

        // So that there was a look.
        Thread.Sleep(1500);
        gate.SetResult();

        (OutHeader header, byte[] payload) = kernel.Receive();
        Assert.Equal((read, 0, 100), (header.Unique, header.Error, payload.Length));
        Assert.Equal(Errno.None, kernel.Ask(FuseOpcode.GetAttr, 1, new byte[64]));
    }

    [Theory]
    [InlineData("0", "0", "0", "0", 0, true)]
    [InlineData("2000", "0", "0", "2000", 0, true)] // SIGALRM with a handler
    [InlineData("2000", "0", "0", "0", 0, false)] // without
    [InlineData("2000", "2000", "0", "0", 0, true)] // blocked
    [InlineData("2000", "0", "2000", "0", 0, true)] // ignored
    [InlineData("10000", "0", "0", "0", 0, true)] // SIGCHLD
    [InlineData("8040000", "0", "0", "0", 0, true)] // SIGWINCH and SIGSTOP
    [InlineData("4", "0", "0", "0", 0, false)] // SIGQUIT, which leaves a core
    [InlineData("4", "0", "0", "0", 77, true)] // the tracer decides
    [InlineData("100", "0", "0", "0", 77, false)] // but not about SIGKILL
    [InlineData("100", "ffffffffffffffff", "ffffffffffffffff", "ffffffffffffffff", 0, false)]
    [InlineData("8000000000000000", "0", "0", "0", 0, false)] // the last real-time signal
    public void What_is_pending_tells_who_goes_on(string pending, string blocked, string ignored, string caught, int tracer, bool goesOn)
    {
        string[] rest = [$"SigBlk:\t{blocked}", $"SigIgn:\t{ignored}", $"SigCgt:\t{caught}"];

        CallerFate expected = goesOn ? CallerFate.GoesOn : CallerFate.Dies;
        Assert.Equal(expected, CallerSignals.Of(["Name:\tqemu:img", $"TracerPid:\t{tracer}", $"SigPnd:\t{pending}", "ShdPnd:\t0", .. rest]));
        Assert.Equal(expected, CallerSignals.Of(["Name:\tqemu:img", $"TracerPid:\t{tracer}", "SigPnd:\t0", $"ShdPnd:\t{pending}", .. rest]));
        Assert.Equal(CallerFate.Unknown, CallerSignals.Of([$"SigPnd:\t{pending}"]));
    }

    private static (SampleFileSystem Files, SampleNode Disk, TaskCompletionSource Gate) Slow(Wait wait)
    {
        SampleFileSystem files = new();
        SampleNode disk = files.AddFile("disk", new byte[1 << 20]);
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        disk.OpenGate = wait == Wait.Open ? gate.Task : null;
        disk.Gate = wait == Wait.Open ? null : gate.Task;
        disk.IsDirect = wait == Wait.DirectRead;
        return (files, disk, gate);
    }

    private static Process Start(TestMount mount, Wait wait)
    {
        string flags = (wait == Wait.AsynchronousDirectRead ? Posix.Direct : 0).ToString(CultureInfo.InvariantCulture);
        // A core is of no use to anybody.
        Process reader = Process.Start(new ProcessStartInfo("prlimit", ["--core=0", "perl", "-e", Reader, mount.At("disk"), flags])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Assert.Equal("ready", Client.Run(() => reader.StandardOutput.ReadLine()));
        return reader;
    }

    private static void AwaitWaiting(TestMount mount, SampleNode disk, Wait wait) =>
        Client.Eventually(() => wait == Wait.Open ? Interlocked.Read(ref disk.WaitingOpens) > 0 : mount.Session.PendingReads > 0, "the reader waits");

    private static void Signal(Process process, int signal)
    {
        if (Posix.Kill(process.Id, signal) != 0)
        {
            throw new IOException($"kill: {Marshal.GetLastPInvokeError()}");
        }
    }
}
