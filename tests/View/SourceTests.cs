using GlanceGateway.Abstractions;
using GlanceGateway.Fuse;

namespace GlanceGateway.View.Tests;

/// <summary>Sources that are slow, fail or contradict the catalogue.</summary>
public sealed class SourceTests
{
    [Fact]
    public void Every_fault_of_a_store_is_an_io_error() =>
        Assert.All(Enum.GetValues<StoreError>(), static error => Assert.Equal(Errno.EIO, Failure.ToErrno(new StoreException(error, "x"))));

    [Fact]
    public async Task A_failed_read_is_an_io_error_and_the_next_one_works()
    {
        byte[] content = ReadTests.Noise(300_000);
        Exception? failure = new StoreException(StoreError.Unavailable, "the store is away");
        FakeImageSource source = new();
        MountedImage image = source.AddMemory(content, FakeImageSource.Describe("x", 0), bytes => bytes.Failure = () => failure);
        await using TestMount mount = await TestMount.StartAsync(source);
        int descriptor = Client.Run(() => Posix.OpenOrThrow(mount.ById(image)));

        Assert.Equal(Errno.EIO, Client.Run(() => Posix.TryRead(descriptor, 0, new byte[4096], out _)));
        failure = null;

        Assert.True(content.AsSpan().SequenceEqual(Client.Run(() => Posix.ReadAt(descriptor, 0, content.Length))));
        Client.Run(() => Posix.Close(descriptor));
        Assert.Contains(mount.Log, line => line.Contains("the store is away", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_failed_open_is_an_io_error_and_the_next_one_works()
    {
        FakeImageSource source = new() { OpenFailure = new StoreException(StoreError.TimedOut, "no answer") };
        MountedImage image = source.AddMemory([1], FakeImageSource.Describe("x", 0));
        await using TestMount mount = await TestMount.StartAsync(source);

        Assert.Equal(Errno.EIO, Client.Run(() => Posix.TryOpen(mount.ById(image))));
        source.OpenFailure = null;

        Assert.Equal(Errno.None, Client.Run(() => Posix.TryOpen(mount.ById(image))));
    }

    [Fact]
    public async Task An_image_the_source_does_not_have_any_more_is_not_found()
    {
        FakeImageSource source = new();
        MountedImage image = source.Show(FakeImageSource.Describe("x", 5), () => null);
        await using TestMount mount = await TestMount.StartAsync(source);

        Assert.Equal(Errno.ENOENT, Client.Run(() => Posix.TryOpen(mount.ById(image))));
    }

    [Fact]
    public async Task Bytes_that_are_missing_are_an_error_and_never_zeros()
    {
        byte[] content = ReadTests.Noise(300_000);
        FakeImageSource source = new();
        MountedImage cut = source.AddMemory(content, FakeImageSource.Describe("cut", 0), bytes => bytes.Missing = 1000);
        MountedImage other = source.Show(FakeImageSource.Describe("other", 300_001), () => new MemoryBytes(content));
        await using TestMount mount = await TestMount.StartAsync(source);
        string file = mount.Scratch("disk");
        await File.WriteAllBytesAsync(file, content, TestContext.Current.CancellationToken);
        MountedImage shorter = source.Show(FakeImageSource.Describe("shorter", 300_001), () => new FileBytes(file));
        Client.Eventually(() => File.Exists(mount.ById(shorter)), "the image is there");

        (Errno atEnd, byte[] start) = Client.Run(() =>
        {
            int descriptor = Posix.OpenOrThrow(mount.ById(cut));
            Errno error = Posix.TryRead(descriptor, content.Length - 4096, new byte[4096], out _);
            byte[] good = Posix.ReadAt(descriptor, 0, 4096);
            _ = Posix.Close(descriptor);
            return (error, good);
        });
        Assert.Equal(Errno.EIO, atEnd);
        Assert.True(content.AsSpan(0, 4096).SequenceEqual(start));
        Assert.Equal(Errno.EIO, Client.Run(() => Posix.TryOpen(mount.ById(other))));
        Assert.Equal(Errno.EIO, Client.Run(() => Posix.TryOpen(mount.ById(shorter))));
        Assert.Contains(mount.Log, line => line.Contains("300001", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_open_that_takes_its_time_holds_up_nobody_else()
    {
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        FakeImageSource source = new();
        MountedImage[] slow = [.. Enumerable.Range(0, 20).Select(i => source.AddMemory([7], FakeImageSource.Describe("slow" + i, 0)))];
        MountedImage quick = source.AddMemory([1], FakeImageSource.Describe("quick", 0));
        await using TestMount mount = await TestMount.StartAsync(source, options => options with { Linger = TimeSpan.FromMinutes(1) });
        Assert.Equal([1], Client.Run(() => File.ReadAllBytes(mount.ById(quick))));
        source.OpenGate = gate.Task;

        Client.Running[] waiting = [.. slow.SelectMany(image => (Client.Running[])[Begin(image), Begin(image)])];
        Client.Eventually(() => source.Opens == 21, "every slow image is asked for once");

        Assert.Equal(22, Client.Run(() => Directory.GetFileSystemEntries(mount.At("by-id")).Length + (File.Exists(mount.ById(slow[0])) ? 1 : 0)));
        Assert.Equal([1], Client.Run(() => File.ReadAllBytes(mount.ById(quick))));
        Assert.DoesNotContain(waiting, client => client.Ended);
        gate.SetResult();
        foreach (Client.Running client in waiting)
        {
            client.Join();
        }

        Assert.Equal(21, source.Opens);

        Client.Running Begin(MountedImage image) => Client.Begin(() => Assert.Equal([7], File.ReadAllBytes(mount.ById(image))));
    }

    [Fact]
    public async Task A_killed_opener_goes_at_once_and_leaves_no_handle()
    {
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        FakeImageSource source = new() { OpenGate = gate.Task };
        MountedImage image = source.AddMemory([7], FakeImageSource.Describe("slow", 0));
        await using TestMount mount = await TestMount.StartAsync(source);

        (int code, _) = Client.Execute("timeout", "-s", "KILL", "0.5", "cat", mount.ById(image));
        Assert.NotEqual(0, code);
        Assert.Equal(1, source.Opens);
        gate.SetResult();

        Client.Eventually(() => mount.Mount.OpenSources == 0, "what was opened for nobody is closed");
        Assert.Equal([7], Client.Run(() => File.ReadAllBytes(mount.ById(image))));
    }

    [Fact]
    public async Task A_source_that_never_answers_ends_in_an_io_error()
    {
        FakeImageSource source = new() { OpenGate = new TaskCompletionSource().Task };
        MountedImage image = source.AddMemory([7], FakeImageSource.Describe("stuck", 0));
        TaskCompletionSource never = new();
        MountedImage half = source.AddMemory([7], FakeImageSource.Describe("half", 0), bytes => bytes.Gate = () => never.Task);
        await using TestMount mount = await TestMount.StartAsync(source, options => options with { SourceTimeout = TimeSpan.FromMilliseconds(300) });

        Assert.Equal(Errno.EIO, Client.Run(() => Posix.TryOpen(mount.ById(image))));
        source.OpenGate = null;
        Assert.Equal(Errno.EIO, Client.Run(() =>
        {
            int descriptor = Posix.OpenOrThrow(mount.ById(half));
            Errno error = Posix.TryRead(descriptor, 0, new byte[1], out _);
            _ = Posix.Close(descriptor);
            return error;
        }));
    }

    [Fact]
    public async Task Many_opens_share_a_source_that_is_closed_after_the_last()
    {
        FakeImageSource source = new();
        await using TestMount mount = await TestMount.StartAsync(source);
        string file = mount.Scratch("disk");
        await File.WriteAllBytesAsync(file, new byte[5000], TestContext.Current.CancellationToken);
        MountedImage image = source.AddFile(file, FakeImageSource.Describe("x", 0));
        Client.Eventually(() => File.Exists(mount.ById(image)), "the image is there");
        int before = FileBytes.Open;

        Client.Running[] clients = [.. Enumerable.Range(0, 16).Select(_ => Client.Begin(() =>
        {
            for (int i = 0; i < 200; i++)
            {
                int descriptor = Posix.OpenOrThrow(mount.ById(image));
                Assert.Equal(5000, Posix.ReadAt(descriptor, 0, 6000).Length);
                Thread.Sleep(i % 40 == 39 ? 120 : 0);
                _ = Posix.Close(descriptor);
            }
        }))];
        foreach (Client.Running client in clients)
        {
            client.Join();
        }

        Assert.Equal(3200, mount.Mount.PassthroughOpens + mount.Mount.CopyOpens);
        Client.Eventually(() => FileBytes.Open == before, "nothing stays open");
        Assert.True(source.Opens < 200, $"{source.Opens} sources for 3200 opens");
    }

    [Fact]
    public async Task Holes_are_found_in_local_files()
    {
        const int Mega = 1 << 20;
        FakeImageSource source = new();
        await using TestMount mount = await TestMount.StartAsync(source);
        string file = mount.Scratch("sparse");
        using (FileStream stream = File.Create(file))
        {
            stream.SetLength(16 * Mega);
            stream.Position = 4 * Mega;
            stream.Write(ReadTests.Noise(Mega));
        }

        MountedImage image = source.AddFile(file, FakeImageSource.Describe("x", 0));
        Client.Eventually(() => File.Exists(mount.ById(image)), "the image is there");
        Assert.Equal($"{16 * Mega / 512}\n", Client.Succeed("stat", "-c", "%b", mount.ById(image)));

        int descriptor = Client.Run(() => Posix.OpenOrThrow(mount.ById(image)));
        CheckHoles(descriptor, 16 * Mega, 4 * Mega, 5 * Mega);
        Client.Run(() => Posix.Close(descriptor));

        // Once open, its space on the disk is known: that is the "disk size" of qemu-img.
        Assert.Equal(Client.Succeed("stat", "-c", "%b", file), Client.Succeed("stat", "-c", "%b", mount.ById(image)));
    }

    [Fact]
    public async Task Holes_are_found_by_extents_at_hand()
    {
        const int Mega = 1 << 20;
        FakeImageSource source = new();
        MountedImage image = source.AddMemory(new byte[16 * Mega], FakeImageSource.Describe("x", 0), bytes => bytes.Holes = [(0, 4 * Mega), (5 * Mega, 16 * Mega)]);
        MountedImage late = source.AddMemory(new byte[Mega], FakeImageSource.Describe("y", 0), bytes => (bytes.Holes, bytes.ExtentsAtHand) = ([(0, Mega)], false));
        await using TestMount mount = await TestMount.StartAsync(source);

        int descriptor = Client.Run(() => Posix.OpenOrThrow(mount.ById(image)));
        CheckHoles(descriptor, 16 * Mega, 4 * Mega, 5 * Mega);
        Client.Run(() => Posix.Close(descriptor));

        // Extents that come later are not waited for: all is data.
        descriptor = Client.Run(() => Posix.OpenOrThrow(mount.ById(late)));
        Assert.Equal((Errno.None, 0L), Seek(descriptor, 0, Posix.SeekData));
        Assert.Equal((Errno.None, (long)Mega), Seek(descriptor, 0, Posix.SeekHole));
        Client.Run(() => Posix.Close(descriptor));
    }

    private static void CheckHoles(int descriptor, long size, long dataStart, long dataEnd)
    {
        Assert.Equal((Errno.None, dataStart), Seek(descriptor, 0, Posix.SeekData));
        Assert.Equal((Errno.None, 0L), Seek(descriptor, 0, Posix.SeekHole));
        Assert.Equal((Errno.None, dataEnd), Seek(descriptor, dataStart, Posix.SeekHole));
        Assert.Equal((Errno.None, dataStart + 4096), Seek(descriptor, dataStart + 4096, Posix.SeekData));
        Assert.Equal((Errno.None, size - 1), Seek(descriptor, size - 1, Posix.SeekHole));
        Assert.Equal(Errno.ENXIO, Seek(descriptor, dataEnd, Posix.SeekData).Item1);
        Assert.Equal(Errno.ENXIO, Seek(descriptor, size, Posix.SeekData).Item1);
        Assert.Equal(Errno.ENXIO, Seek(descriptor, size + 1, Posix.SeekHole).Item1);
    }

    private static (Errno, long) Seek(int descriptor, long offset, int whence) => Client.Run(() => (Posix.TrySeek(descriptor, offset, whence, out long result), result));
}
