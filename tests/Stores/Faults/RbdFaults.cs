using System.Diagnostics;
using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.Rbd;
using GlanceGateway.Stores.Tests.Conformance;
using GlanceGateway.Testing;
using static GlanceGateway.Stores.Tests.Faults.FaultCalls;

namespace GlanceGateway.Stores.Tests.Faults;

/// <summary>
/// The RBD driver on a network that fails. Nothing can stand between librados and the daemons, whose addresses it takes from the cluster's map; so
/// librados breaks its own connections, by the options with which Ceph tests itself, and the daemons are halted. What must hold is what
/// <see cref="DriverFaults"/> says of the others. With a cluster of its own, because others would notice.
/// </summary>
public sealed class RbdFaults(RbdFaults.Cluster cluster) : IClassFixture<RbdFaults.Cluster>, IAsyncDisposable
{
    private const int ImageLength = (6 * 1024 * 1024) + 77;
    private const string Pool = "images";

    // Of the driver under test: 2 s for a request, and each call is a handful of them.
    private static readonly TimeSpan longest = TimeSpan.FromSeconds(60);

    // osd_client_watch_timeout and what a busy machine adds.
    private static readonly TimeSpan longestWatch = TimeSpan.FromSeconds(50);

    private readonly TempDirectory root = new();
    private readonly List<IStorageDriver> drivers = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string ClientLog => root["client.log"];

    private CephServer Server => cluster.Server;

    /// <summary>What librados does to its connections, and how many images pass under it: one in so many reads and writes of a socket fails.</summary>
    public static TheoryData<string, int> Injections { get; } = Requires.FullCounts
        ? new() { { "ms_inject_socket_failures = 500", 40 }, { "ms_inject_socket_failures = 100", 40 }, { "ms_inject_socket_failures = 30", 20 }, { Delays, 10 } }
        : new() { { "ms_inject_socket_failures = 100", 2 } };

    /// <summary>During what a daemon stands still.</summary>
    public static TheoryData<string, string> Halts { get; } = Requires.FullCounts
        ? new(from daemon in (string[])["osd.0", "mon.a"] from step in (string[])["write", "commit", "read", "delete"] select (daemon, step))
        : new() { { "osd.0", "commit" }, { "osd.0", "delete" } };

    private static string Delays => "ms_inject_delay_type = osd mon client\nms_inject_delay_probability = 0.2\nms_inject_delay_max = 0.2";

    public async ValueTask DisposeAsync()
    {
        foreach (var driver in drivers)
            await driver.DisposeAsync();
        root.Dispose();
    }

    [Theory]
    [MemberData(nameof(Injections))]
    public async Task Images_stay_whole_while_connections_break(string injection, int images)
    {
        var sound = await OpenAsync();
        IStorageDriver? opened = null;
        await RepeatAsync(async () => opened = await OpenAsync(injection));
        var driver = opened!;
        var complete = 0;
        for (var image = 0; image < images; image++)
        {
            var attempt = NewAttempt();
            var content = ContentOf(image);
            StoredObject? stored = null;
            await EndsAsync(async () => stored = await StoreAsync(driver, attempt, content));
            await AssertResidueIsListedAsync(sound);
            await EndsAsync(async () => await driver.SettleAsync(attempt, keepCommitted: stored is not null, Cancel));
            if (stored is null)
            {
                await AssertGoneAsync(sound, attempt);
                continue;
            }

            await EndsAsync(() => AssertReadsAsync(driver, stored.Location, content));
            await AssertReadsAsync(sound, stored.Location, content);
            var deleted = StoreOutcome.InUse;
            await EndsAsync(async () => deleted = await driver.DeleteAsync(stored.Location, Cancel));
            Assert.Contains(await DeleteWhenForgottenAsync(sound, stored.Location), new[] { StoreOutcome.Absent, deleted == StoreOutcome.Ok ? StoreOutcome.Absent : StoreOutcome.Ok });
            await AssertGoneAsync(sound, attempt);
            complete++;
        }

        // Ceph sends again what a broken connection lost, so that most calls know of nothing.
        Assert.True(complete > 0, "no image came through");
        if (injection != Delays)
            Assert.Contains("injecting socket failure", await File.ReadAllTextAsync(ClientLog, Cancel), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Halts))]
    public async Task Daemon_that_stands_still_holds_nobody_up_for_ever(string daemon, string step)
    {
        var driver = await OpenAsync();
        var content = ContentOf(7);
        var attempt = NewAttempt();
        var earlier = (await StoreAsync(driver, NewAttempt(), content))!;
        await using var source = (await driver.OpenAsync(earlier.Location, Cancel)).Value!;
        var writer = (await driver.BeginWriteAsync(new WriteRequest(attempt, ImageLength, ProjectId: null), Cancel)).Value!;

        // With one write under way at a time the first has ended when the second travels, so that the lock is taken.
        if (step == "commit")
            await writer.WriteAsync(content, Cancel);

        StoredObject? stored = null;
        var deleted = StoreOutcome.InUse;
        StoreException? failure;
        var watch = Stopwatch.StartNew();
        await Server.SignalAsync(daemon, "STOP");
        try
        {
            failure = await EndsAsync(async () =>
            {
                switch (step)
                {
                    case "read":
                        await AssertReadsAsync(source, content);
                        break;
                    case "delete":
                        deleted = await driver.DeleteAsync(earlier.Location, Cancel);
                        break;
                    default:
                        if (step == "write")
                            await writer.WriteAsync(content, Cancel);
                        stored = (await writer.CommitAsync(Cancel)).Value;
                        break;
                }
            });
            await EndsAsync(async () => await writer.DisposeAsync());
            Assert.InRange(watch.Elapsed, TimeSpan.Zero, longest);
        }
        finally
        {
            await Server.SignalAsync(daemon, "CONT");
        }

        // The monitor is asked for maps and room, but stands in no way of a byte.
        if (daemon == "osd.0")
            Assert.Contains(failure?.Error, new StoreError?[] { StoreError.TimedOut, StoreError.Unavailable });
        var sound = await OpenWhenItAnswersAsync();
        await RepeatAsync(() => AssertResidueIsListedAsync(sound));
        await RepeatAsync(async () => await driver.SettleAsync(attempt, keepCommitted: stored is not null, Cancel));
        if (stored is null)
            await AssertGoneAsync(sound, attempt);
        else
            await RepeatAsync(() => AssertReadsAsync(driver, stored.Location, content));
        if (step == "delete")
            Assert.Contains(await DeleteWhenForgottenAsync(driver, earlier.Location), new[] { StoreOutcome.Absent, deleted == StoreOutcome.Ok ? StoreOutcome.Absent : StoreOutcome.Ok });
        else
            await RepeatAsync(() => AssertReadsAsync(driver, earlier.Location, content));
    }

    /// <summary>
    /// librbd takes an image's lock before its first write, and what an OSD leaves half done of that librbd may wait for in a commit or in closing the image,
    /// without any limit: 8 uploads of 88 did.
    /// </summary>
    [Fact]
    public async Task Osd_that_stands_still_while_locks_are_taken_holds_no_upload_up_for_ever()
    {
        var (rounds, uploads) = Requires.FullCounts ? (6, 8) : (1, 3);
        var random = new Random(1);
        var content = ContentOf(7);
        var driver = await OpenAsync();
        for (var round = 0; round < rounds; round++)
        {
            var writers = new List<(WriteAttempt Attempt, IStoreWriter Writer)>();
            while (writers.Count < uploads)
            {
                var attempt = NewAttempt();
                await RepeatAsync(async () => writers.Add((attempt, (await driver.BeginWriteAsync(new WriteRequest(attempt, ImageLength, ProjectId: null), Cancel)).Value!)));
            }

            var watch = Stopwatch.StartNew();
            var calls = writers.Select((one, index) => Task.Run(() => UploadAsync(one.Writer, TimeSpan.FromMilliseconds(index * 7)))).ToList();
            await Task.Delay(random.Next(60), Cancel);
            await Server.SignalAsync("osd.0", "STOP");
            StoredObject?[] stored;
            try
            {
                stored = await Task.WhenAll(calls);
                Assert.InRange(watch.Elapsed, TimeSpan.Zero, longest);
            }
            finally
            {
                await Server.SignalAsync("osd.0", "CONT");
            }

            var sound = await OpenWhenItAnswersAsync();
            await RepeatAsync(() => AssertResidueIsListedAsync(sound));
            foreach (var ((attempt, _), done) in writers.Zip(stored))
            {
                if (done is null)
                {
                    await AssertGoneAsync(sound, attempt);
                    continue;
                }

                await RepeatAsync(async () => await driver.SettleAsync(attempt, keepCommitted: true, Cancel));
                await RepeatAsync(() => AssertReadsAsync(driver, done.Location, content));
            }
        }

        async Task<StoredObject?> UploadAsync(IStoreWriter writer, TimeSpan after)
        {
            StoredObject? done = null;
            await Task.Delay(after, Cancel);
            await EndsAsync(async () =>
            {
                await writer.WriteAsync(content, Cancel);
                done = (await writer.CommitAsync(Cancel)).Value;
            });
            await EndsAsync(async () => await writer.DisposeAsync());
            return done;
        }
    }

    private static byte[] ContentOf(int seed)
    {
        var bytes = new byte[ImageLength];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static WriteAttempt NewAttempt() => new(Guid.NewGuid().ToString("D"), Guid.NewGuid().ToString("N"));

    private static async Task<StoredObject?> StoreAsync(IStorageDriver driver, WriteAttempt attempt, ReadOnlyMemory<byte> content)
    {
        await using var writer = (await driver.BeginWriteAsync(new WriteRequest(attempt, content.Length, ProjectId: null), Cancel)).Value!;
        for (var rest = content; !rest.IsEmpty; rest = rest[Math.Min(writer.PreferredWriteSize, rest.Length)..])
            Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(rest[..Math.Min(writer.PreferredWriteSize, rest.Length)], Cancel));
        var stored = (await writer.CommitAsync(Cancel)).Value;
        Assert.Equal(content.Length, stored?.Size);
        return stored;
    }

    private static async Task AssertReadsAsync(IStorageDriver driver, string location, byte[] content)
    {
        await using var source = (await driver.OpenAsync(location, Cancel)).Value!;
        await AssertReadsAsync(source, content);
    }

    // Whole, and in ranges. What is given is right, whatever becomes of the rest.
    private static async Task AssertReadsAsync(IByteSource source, byte[] content)
    {
        var buffer = new byte[300_000];
        foreach (var offset in (int[])[0, 4_100_000, ImageLength - 1000])
        {
            var count = await source.ReadAsync(offset, buffer, Cancel);
            Assert.Equal(Math.Min(buffer.Length, ImageLength - offset), count);
            Assert.True(buffer.AsSpan(0, count).SequenceEqual(content.AsSpan(offset, count)), $"wrong bytes at {offset}");
        }

        await using var stream = await source.OpenRangeAsync(0, null, Cancel);
        for (var offset = 0; offset < ImageLength;)
        {
            var count = await stream.ReadAsync(buffer, Cancel);
            Assert.True(count > 0, $"the stream ended at {offset} without an error");
            Assert.True(buffer.AsSpan(0, count).SequenceEqual(content.AsSpan(offset, count)), $"wrong bytes at {offset}");
            offset += count;
        }
    }

    // Whatever lies in the pool under the name of an attempt, the driver tells.
    private async Task AssertResidueIsListedAsync(IStorageDriver driver)
    {
        var there = (await Server.MustAsync("rbd", "ls", Pool)).Split('\n').Where(name => name.StartsWith(RbdNames.AttemptPrefix, StringComparison.Ordinal));
        var listed = (await driver.ListResidueAsync(Cancel).ToListAsync(Cancel)).Select(residue => RbdNames.NameOf(residue.Attempt));
        Assert.Subset(listed.ToHashSet(), there.ToHashSet());
    }

    // The client that broke may still be named as a watcher for half a minute: then the driver says so and the host comes again.
    private async Task AssertGoneAsync(IStorageDriver driver, WriteAttempt attempt)
    {
        await Server.ShutOutWritersAsync(Pool);
        await RepeatAsync(async () => await driver.SettleAsync(attempt, keepCommitted: false, Cancel));
        Assert.DoesNotContain(await driver.ListResidueAsync(Cancel).ToListAsync(Cancel), residue => residue.Attempt == attempt);
        Assert.DoesNotContain(attempt.ImageId, await Server.MustAsync("rbd", "ls", Pool), StringComparison.Ordinal);
    }

    // A delete that ran out of time may have lost the request that ends its watch of the image. The cluster forgets that 30 s later, and until then the
    // image is in use, or unavailable to the driver whose watch it was. One that stays is of an image that a driver left open.
    private static async Task<StoreOutcome> DeleteWhenForgottenAsync(IStorageDriver driver, string location)
    {
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(1000, Cancel))
        {
            try
            {
                var outcome = await driver.DeleteAsync(location, Cancel);
                if (outcome != StoreOutcome.InUse || waited.Elapsed > longestWatch)
                    return outcome;
            }
            catch (StoreException) when (waited.Elapsed < longestWatch)
            {
                // Asked again.
            }
        }
    }

    // A daemon that goes on has much to make up for, and 2 s are little on a busy machine.
    private async Task<IStorageDriver> OpenWhenItAnswersAsync()
    {
        IStorageDriver? opened = null;
        await RepeatAsync(async () => opened = await OpenAsync());
        return opened!;
    }

    // With the client's own settings added to the cluster's.
    private async Task<IStorageDriver> OpenAsync(string injection = "")
    {
        var conf = root[$"{drivers.Count}.conf"];
        await File.WriteAllTextAsync(conf, $"{await File.ReadAllTextAsync(Server.Conf, Cancel)}\n[client]\n{(injection.Length > 0 ? $"log_file = {ClientLog}\nadmin_socket =\n{injection}\n" : "")}", Cancel);
        var factory = new RbdDriverFactory();
        var options = new Dictionary<string, object?>
        {
            ["pool"] = Pool,
            ["user"] = Server.User,
            ["ceph_conf"] = conf,
            ["keyring"] = Server.Keyring,
            ["connect_timeout"] = "10s",
            ["operation_timeout"] = "2s",
            ["writes_in_flight"] = 1L,
        };
        var driver = await factory.CreateAsync(OptionReader.Read(factory.Options, options), new StoreContext("tested", root.Path, TimeProvider.System, Quiet.Logger), Cancel);
        drivers.Add(driver);
        return driver;
    }

    /// <summary>The cluster of these tests.</summary>
    public sealed class Cluster : IAsyncLifetime
    {
        private CephServer? server;

        internal CephServer Server => server!;

        public async ValueTask InitializeAsync() => server = await CephServer.StartAsync();

        public async ValueTask DisposeAsync()
        {
            if (server is not null)
                await server.DisposeAsync();
        }
    }
}
