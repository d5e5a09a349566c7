using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.Sheepdog;
using GlanceGateway.Stores.Tests.Sheepdog;

namespace GlanceGateway.Stores.Tests;

/// <summary>What only the Sheepdog driver promises, over the stand-in: a strict server of the tests, not Sheepdog.</summary>
public sealed class SheepdogStandInDriverTests : IAsyncLifetime
{
    private const int ObjectSize = 4 << 20;

    private readonly ConcurrentQueue<string> log = new();
    private readonly List<IStorageDriver> drivers = [];
    private readonly StandInSheep sheep = StandInSheep.Start();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private IStorageDriver Driver => drivers[^1];

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var driver in drivers)
            await driver.DisposeAsync();
        await sheep.DisposeAsync();
        Assert.Empty(sheep.Violations);
        Assert.Equal(0, sheep.Cluster.Orphans);
    }

    [Fact]
    public async Task Locations_are_upstreams_and_its_older_form_is_read()
    {
        await OpenAsync();
        var location = await StoreAsync([1, 2, 3]);

        Assert.StartsWith($"sheepdog://127.0.0.1:{sheep.Port}:", location, StringComparison.Ordinal);
        await AssertHoldsAsync(location, [1, 2, 3]);
        await AssertHoldsAsync($"sheepdog://{location.Split(':')[^1]}", [1, 2, 3]);
    }

    [Fact]
    public async Task Other_nodes_are_asked_when_the_first_is_gone_and_locations_may_name_them()
    {
        await OpenAsync();
        var name = (await StoreAsync([7])).Split(':')[^1];

        await OpenAsync(("port", 1L), ("other_nodes", $"127.0.0.1:2, localhost:{sheep.Port}"));

        await AssertHoldsAsync($"sheepdog://127.0.0.1:1:{name}", [7]);
        await AssertHoldsAsync($"sheepdog://localhost:{sheep.Port}:{name}", [7]);
    }

    [Theory]
    [InlineData("host", "not a host")]
    [InlineData("port", 0L)]
    [InlineData("connections", 33L)]
    [InlineData("requests_in_flight", 0L)]
    [InlineData("other_nodes", "somewhere")]
    [InlineData("operation_timeout", "0s")]
    public async Task Bad_options_are_refused_by_name(string name, object value)
    {
        var fault = await Assert.ThrowsAsync<StoreException>(async () => await OpenAsync((name, value)));

        Assert.Equal(StoreError.Misconfigured, fault.Error);
        Assert.Contains(name, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unformatted_cluster_is_refused_with_the_remedy()
    {
        sheep.Refusal = (_, _) => 0x16;

        var fault = await Assert.ThrowsAsync<StoreException>(async () => await OpenAsync());

        Assert.Equal(StoreError.Misconfigured, fault.Error);
        Assert.Contains("dog cluster format", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Hyper_volume_is_refused_and_not_misread()
    {
        sheep.Cluster.CreateHyperVolume("huge");
        await OpenAsync();
        var location = $"sheepdog://127.0.0.1:{sheep.Port}:huge";

        Assert.Equal(StoreError.InvalidLocation, (await Assert.ThrowsAsync<StoreException>(async () => await Driver.OpenAsync(location, Cancel))).Error);
        Assert.Equal(StoreError.InvalidLocation, (await Assert.ThrowsAsync<StoreException>(async () => await Driver.DeleteAsync(location, Cancel))).Error);
        Assert.Contains("huge", sheep.Cluster.Names);
    }

    [Fact]
    public async Task Zeros_occupy_nothing_whether_they_are_announced_or_not()
    {
        await OpenAsync();
        var attempt = NewAttempt();
        await using var writer = await BeginAsync(attempt);
        var bytes = RandomNumberGenerator.GetBytes(1 << 20);
        await writer.WriteAsync(bytes, Cancel);
        for (var i = 0; i < 15; i++)
            await writer.WriteAsync(new byte[1 << 20], Cancel);
        await writer.WriteZerosAsync(3L << 30, Cancel);
        await writer.WriteAsync(bytes, Cancel);
        var stored = (await writer.CommitAsync(Cancel)).Value!;
        await Driver.SettleAsync(attempt, keepCommitted: true, Cancel);

        Assert.Equal((3L << 30) + (17 << 20), stored.Size);
        Assert.Equal(2, sheep.Cluster.DataObjects);
        await using var source = (await Driver.OpenAsync(stored.Location, Cancel)).Value!;
        var map = Assert.IsAssignableFrom<IExtentMap>(source);
        Assert.Equal(new Extent(ObjectSize, (3L << 30) + (12 << 20), true), await map.GetExtentAsync(ObjectSize, Cancel));
        var end = new byte[1 << 20];
        Assert.Equal(end.Length, await source.ReadAsync(stored.Size - end.Length, end, Cancel));
        Assert.Equal(bytes, end);
    }

    [Fact]
    public async Task Image_beyond_the_largest_vdi_is_full_at_once()
    {
        await OpenAsync();

        var begin = await Driver.BeginWriteAsync(new WriteRequest(NewAttempt(), (4L << 40) + 1, null), Cancel);

        Assert.Equal(StoreOutcome.Full, begin.Outcome);
        Assert.Empty(sheep.Cluster.Names);
    }

    [Fact]
    public async Task Cluster_without_room_is_full_and_nothing_stays()
    {
        sheep.Cluster.Room = 3;
        await OpenAsync();
        var outcome = StoreOutcome.Ok;
        await using (var writer = await BeginAsync(NewAttempt()))
        {
            for (var i = 0; i < 64 && outcome == StoreOutcome.Ok; i++)
                outcome = await writer.WriteAsync(RandomNumberGenerator.GetBytes(1 << 20), Cancel);
            Assert.Equal(StoreOutcome.Full, outcome);
        }

        Assert.Empty(sheep.Cluster.Names);
        Assert.Equal(0, sheep.Cluster.DataObjects);
    }

    [Fact]
    public async Task Halted_cluster_is_waited_for_and_then_unavailable()
    {
        await OpenAsync(("operation_timeout", "2s"));
        var refusals = 0;
        sheep.Refusal = (_, _) => Interlocked.Increment(ref refusals) <= 3 ? 0x19u : null;
        await StoreAsync([1]);
        Assert.True(refusals > 3);

        sheep.Refusal = (_, _) => 0x19;
        var fault = await Assert.ThrowsAsync<StoreException>(async () => await BeginAsync(NewAttempt()));
        Assert.Equal(StoreError.Unavailable, fault.Error);
        Assert.Contains("halted", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Silent_node_is_given_up_in_time()
    {
        await OpenAsync(("operation_timeout", "1s"));
        var location = await StoreAsync([1, 2, 3]);
        await using var source = (await Driver.OpenAsync(location, Cancel)).Value!;
        sheep.IsSilent = true;
        var watch = Stopwatch.StartNew();

        var fault = await Assert.ThrowsAsync<StoreException>(async () => await source.ReadAsync(0, new byte[3], Cancel));

        Assert.Equal(StoreError.TimedOut, fault.Error);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), $"it took {watch.Elapsed}");
        sheep.IsSilent = false;
        await AssertHoldsAsync(location, [1, 2, 3]);
    }

    [Fact]
    public async Task Objects_that_no_map_names_yet_go_with_their_attempt()
    {
        await OpenAsync();
        var attempt = NewAttempt();
        var writer = await BeginAsync(attempt);
        for (var i = 0; i < 12; i++)
            await writer.WriteAsync(RandomNumberGenerator.GetBytes(1 << 20), Cancel);
        await writer.WriteZerosAsync(2L << 30, Cancel);
        for (var i = 0; i < 12; i++)
            await writer.WriteAsync(RandomNumberGenerator.GetBytes(1 << 20), Cancel);
        // Data goes ahead of its map, and on a busy machine is still under way.
        while (sheep.Cluster.Orphans == 0)
            await Task.Delay(10, Cancel);
        await drivers[0].DisposeAsync();

        await OpenAsync();
        Assert.Equal(attempt, Assert.Single(await Driver.ListResidueAsync(Cancel).ToListAsync(Cancel)).Attempt);
        await Driver.SettleAsync(attempt, keepCommitted: false, Cancel);

        Assert.Equal(0, sheep.Cluster.DataObjects);
        Assert.Empty(sheep.Cluster.Names);
        await writer.DisposeAsync();
    }

    [Fact]
    public async Task Commit_whose_answer_was_lost_is_repeated_to_the_same_end()
    {
        await OpenAsync();
        var bytes = RandomNumberGenerator.GetBytes(6 << 20);
        var attempt = NewAttempt();
        await using var writer = await BeginAsync(attempt);
        await writer.WriteAsync(bytes, Cancel);
        sheep.Loss = (operation, origin) => operation == 0x11 && origin != 0;
        await Assert.ThrowsAsync<StoreException>(async () => await writer.CommitAsync(Cancel));
        sheep.Loss = null;

        var stored = (await writer.CommitAsync(Cancel)).Value!;
        await Driver.SettleAsync(attempt, keepCommitted: true, Cancel);

        await AssertHoldsAsync(stored.Location, bytes);
        Assert.Equal([attempt.ImageId], sheep.Cluster.Names);
    }

    [Fact]
    public async Task Lost_answer_to_a_data_write_ends_the_attempt()
    {
        await OpenAsync();
        var writer = await BeginAsync(NewAttempt());
        await writer.WriteAsync(RandomNumberGenerator.GetBytes(1 << 20), Cancel);
        sheep.Loss = (operation, _) => operation == 0x01;

        await Assert.ThrowsAsync<StoreException>(async () => await writer.CommitAsync(Cancel));
        sheep.Loss = null;
        await Assert.ThrowsAsync<StoreException>(async () => await writer.CommitAsync(Cancel));

        await writer.DisposeAsync();
        Assert.Empty(sheep.Cluster.Names);
        Assert.Equal(0, sheep.Cluster.DataObjects);
    }

    [Fact]
    public async Task Reader_of_a_deleted_image_gets_an_error_and_never_zeros()
    {
        await OpenAsync();
        var location = await StoreAsync(RandomNumberGenerator.GetBytes(9 << 20));
        await using var source = (await Driver.OpenAsync(location, Cancel)).Value!;
        await Driver.DeleteAsync(location, Cancel);

        var fault = await Assert.ThrowsAsync<StoreException>(async () => await source.ReadAsync(0, new byte[100], Cancel));

        Assert.Equal(StoreError.Changed, fault.Error);
        Assert.Equal(0, sheep.Cluster.DataObjects);
    }

    [Fact]
    public async Task Delete_that_broke_off_is_absent_for_readers_and_can_be_finished()
    {
        await OpenAsync();
        var location = await StoreAsync(RandomNumberGenerator.GetBytes(9 << 20));
        sheep.Refusal = (operation, _) => operation == 0x17 ? 6u : null;
        await Assert.ThrowsAsync<StoreException>(async () => await Driver.DeleteAsync(location, Cancel));
        sheep.Refusal = null;

        Assert.Equal(StoreOutcome.Absent, (await Driver.OpenAsync(location, Cancel)).Outcome);
        Assert.Equal(StoreOutcome.Ok, await Driver.DeleteAsync(location, Cancel));
        Assert.Equal(StoreOutcome.Absent, await Driver.DeleteAsync(location, Cancel));
        Assert.Empty(sheep.Cluster.Names);
    }

    [Fact]
    public async Task Image_of_several_windows_reads_back_with_one_request_an_object()
    {
        sheep.Shuffles = false;
        await OpenAsync(("requests_in_flight", 2L));
        var bytes = RandomNumberGenerator.GetBytes(1 << 20);
        var attempt = NewAttempt();
        await using var writer = await BeginAsync(attempt);
        for (var i = 0; i < 200; i++)
        {
            bytes[0] = (byte)i;
            await writer.WriteAsync(bytes, Cancel);
            await writer.WriteZerosAsync(ObjectSize - bytes.Length, Cancel);
        }

        var stored = (await writer.CommitAsync(Cancel)).Value!;
        await Driver.SettleAsync(attempt, keepCommitted: true, Cancel);
        await using var source = (await Driver.OpenAsync(stored.Location, Cancel)).Value!;
        var before = sheep.Requests[0x02];
        await using var stream = await source.OpenRangeAsync(0, null, Cancel);
        var buffer = new byte[ObjectSize];
        for (var i = 0; i < 200; i++)
        {
            await stream.ReadExactlyAsync(buffer, Cancel);
            bytes[0] = (byte)i;
            Assert.True(buffer.AsSpan(0, bytes.Length).SequenceEqual(bytes), $"object {i} differs");
            Assert.True(buffer.AsSpan(bytes.Length).IndexOfAnyExcept((byte)0) < 0);
        }

        Assert.Equal(0, await stream.ReadAsync(buffer, Cancel));
        Assert.InRange(sheep.Requests[0x02] - before, 1, 1 + (stored.Size / source.Hints.BestRequestSize));
    }

    [Fact]
    public async Task Many_readers_share_one_image_and_few_connections()
    {
        await OpenAsync(("connections", 2L));
        var bytes = RandomNumberGenerator.GetBytes(9 << 20);
        var location = await StoreAsync(bytes);

        await Task.WhenAll(Enumerable.Range(0, 10).Select(async reader =>
        {
            await using var source = (await Driver.OpenAsync(location, Cancel)).Value!;
            for (var i = 0; i < 20; i++)
            {
                var offset = Random.Shared.Next(bytes.Length - 300_000);
                var buffer = new byte[300_000];
                Assert.Equal(buffer.Length, await source.ReadAsync(offset, buffer, Cancel));
                Assert.True(buffer.AsSpan().SequenceEqual(bytes.AsSpan(offset, buffer.Length)));
            }
        }));
    }

    [Fact]
    public async Task Cancelled_read_gives_its_buffer_back()
    {
        await OpenAsync();
        var location = await StoreAsync(RandomNumberGenerator.GetBytes(8 << 20));
        await using var source = (await Driver.OpenAsync(location, Cancel)).Value!;

        for (var i = 0; i < 20; i++)
        {
            using var cancel = new CancellationTokenSource();
            var buffer = new byte[8 << 20];
            var read = source.ReadAsync(0, buffer, cancel.Token).AsTask();
            await Task.Delay(i % 5, Cancel);
            await cancel.CancelAsync();
            await ((Task)read).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            buffer.AsSpan().Clear();
            await Task.Delay(5, Cancel);
            Assert.True(buffer.AsSpan().IndexOfAnyExcept((byte)0) < 0, "bytes came after the read had ended");
        }

        Assert.Equal(100, await source.ReadAsync(0, new byte[100], Cancel));
    }

    [Fact]
    public async Task Node_killed_in_the_middle_fails_the_upload_and_serves_again_after_its_restart()
    {
        await OpenAsync(("operation_timeout", "5s"), ("connect_timeout", "2s"));
        var bytes = RandomNumberGenerator.GetBytes(5 << 20);
        var location = await StoreAsync(bytes);
        await using var source = (await Driver.OpenAsync(location, Cancel)).Value!;
        var attempt = NewAttempt();
        var writer = await BeginAsync(attempt);
        await writer.WriteAsync(RandomNumberGenerator.GetBytes(5 << 20), Cancel);

        await sheep.KillAsync();

        await Assert.ThrowsAsync<StoreException>(async () =>
        {
            for (var i = 0; i < 100; i++)
                await writer.WriteAsync(RandomNumberGenerator.GetBytes(1 << 20), Cancel);
        });
        await Assert.ThrowsAsync<StoreException>(async () => await writer.CommitAsync(Cancel));
        Assert.Equal(StoreError.Unavailable, (await Assert.ThrowsAsync<StoreException>(async () => await source.ReadAsync(0, new byte[10], Cancel))).Error);
        await writer.DisposeAsync();
        Assert.Contains(log, line => line.Contains("left as residue", StringComparison.Ordinal));

        sheep.StartAgain();

        var buffer = new byte[bytes.Length];
        Assert.Equal(bytes.Length, await source.ReadAsync(0, buffer, Cancel));
        Assert.Equal(bytes, buffer);
        Assert.Equal(attempt, Assert.Single(await Driver.ListResidueAsync(Cancel).ToListAsync(Cancel)).Attempt);
        await Driver.SettleAsync(attempt, keepCommitted: false, Cancel);
        Assert.Empty(await Driver.ListResidueAsync(Cancel).ToListAsync(Cancel));
        await StoreAsync([1, 2, 3]);
    }

    private static WriteAttempt NewAttempt() => new(Guid.NewGuid().ToString("D"), Guid.NewGuid().ToString("N"));

    private async Task OpenAsync(params (string Name, object Value)[] changes)
    {
        var options = new Dictionary<string, object?> { ["host"] = "127.0.0.1", ["port"] = (long)sheep.Port };
        foreach (var (name, value) in changes)
            options[name] = value;
        var factory = new SheepdogDriverFactory();
        drivers.Add(await factory.CreateAsync(OptionReader.Read(factory.Options, options), new Context(log), Cancel));
    }

    private async Task<IStoreWriter> BeginAsync(WriteAttempt attempt) => (await Driver.BeginWriteAsync(new WriteRequest(attempt, null, null), Cancel)).Value!;

    private async Task<string> StoreAsync(byte[] bytes)
    {
        var attempt = NewAttempt();
        await using var writer = await BeginAsync(attempt);
        Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(bytes, Cancel));
        var stored = (await writer.CommitAsync(Cancel)).Value!;
        await Driver.SettleAsync(attempt, keepCommitted: true, Cancel);
        return stored.Location;
    }

    private async Task AssertHoldsAsync(string location, byte[] bytes)
    {
        await using var source = (await Driver.OpenAsync(location, Cancel)).Value!;
        var buffer = new byte[bytes.Length + 1];
        Assert.Equal(bytes.Length, await source.ReadAsync(0, buffer, Cancel));
        Assert.Equal(bytes, buffer[..bytes.Length]);
    }

    private sealed class Context(ConcurrentQueue<string> log) : IStoreContext
    {
        public string StoreId => "tested";

        public TimeProvider Time => TimeProvider.System;

        public string ScratchDirectory => "";

        public IOutboundConnector Connector { get; } = new GuardedConnector(new OutboundRules(), TimeProvider.System);

        public void Log(StoreLogLevel level, string message, Exception? exception = null) => log.Enqueue($"{level} {message} {exception}");
    }
}
