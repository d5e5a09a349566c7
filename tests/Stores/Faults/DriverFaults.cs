using GlanceGateway.Abstractions;
using GlanceGateway.Conformance;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests.Faults;

/// <summary>
/// What every driver over a network must do while the network fails: each call ends in bounded time with an outcome or a
/// <see cref="StoreException"/>, no wrong byte is ever given out, what an upload leaves can be settled, and afterwards the same driver works again.
/// </summary>
public abstract class DriverFaults : IAsyncLifetime
{
    private const int ImageLength = (6 * 1024 * 1024) + 77;

    // Far beyond the time-outs of the fixture's driver and its retries, for a loaded machine.
    private static readonly TimeSpan limit = TimeSpan.FromSeconds(90);

    private NetworkedFixture? fixture;
    private FaultProxy? proxy;
    private IStorageDriver? driver;

    /// <summary>The faults of an upload: those of the way there, unless all counts are wanted.</summary>
    public static TheoryData<NetworkFault, long> UploadFaults { get; } = Choose(NetworkFault.Reset, NetworkFault.LostRequestBytes, NetworkFault.Refusal);

    /// <summary>The faults of a download: those of the way back.</summary>
    public static TheoryData<NetworkFault, long> DownloadFaults { get; } = Choose(NetworkFault.Close, NetworkFault.Silence, NetworkFault.LostAnswerBytes);

    /// <summary>The faults of short calls.</summary>
    public static TheoryData<NetworkFault, long> ShortFaults { get; } = Choose(NetworkFault.Delay);

    /// <summary>Makes the fixture of the driver under test.</summary>
    public abstract NetworkedFixture CreateFixture();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private IStorageDriver Driver => driver!;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        fixture = CreateFixture();
        proxy = new FaultProxy(await fixture.StartAsync(Cancel));
        driver = await fixture.OpenAsync(proxy.Port, Cancel);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (driver is not null)
            await driver.DisposeAsync();
        if (proxy is not null)
            await proxy.DisposeAsync();
        if (fixture is not null)
            await fixture.DisposeAsync();
    }

    /// <summary>An upload under a fault is whole or not there.</summary>
    [Theory]
    [MemberData(nameof(UploadFaults))]
    public async Task Upload_under_a_fault_is_whole_or_leaves_only_what_can_be_settled(NetworkFault fault, long afterBytes)
    {
        var attempt = NewAttempt();
        var content = ContentOf(60);
        var begin = await Driver.BeginWriteAsync(new WriteRequest(attempt, ImageLength, ProjectId: null), Cancel);
        Assert.Equal(StoreOutcome.Ok, begin.Outcome);
        var writer = begin.Value!;
        proxy!.Begin(fault, afterBytes);

        StoredObject? stored = null;
        await EndsAsync(async () =>
        {
            var buffer = new byte[writer.PreferredWriteSize];
            for (var offset = 0; offset < ImageLength; offset += buffer.Length)
            {
                var count = Math.Min(buffer.Length, ImageLength - offset);
                content.AsSpan(offset, count).CopyTo(buffer);
                if (await writer.WriteAsync(buffer.AsMemory(0, count), Cancel) != StoreOutcome.Ok)
                    return;
            }

            stored = (await writer.CommitAsync(Cancel)).Value;
        });
        await EndsAsync(async () => await writer.DisposeAsync());
        proxy.End();

        if (stored is not null)
            await AssertHoldsAsync(stored.Location, content);
        await RepeatAsync(async () => await Driver.SettleAsync(attempt, keepCommitted: stored is not null, Cancel));
        Assert.DoesNotContain(await Driver.ListResidueAsync(Cancel).ToListAsync(Cancel), residue => residue.Attempt == attempt);
        if (stored is not null)
            await AssertHoldsAsync(stored.Location, content);
        else
            await StoreAsync(NewAttempt(attempt.ImageId), content);
    }

    /// <summary>A download under a fault gives the image's bytes or an error.</summary>
    [Theory]
    [MemberData(nameof(DownloadFaults))]
    public async Task Download_under_a_fault_gives_no_wrong_byte(NetworkFault fault, long afterBytes)
    {
        Assert.SkipWhen(fault == NetworkFault.LostAnswerBytes && !fixture!.NoticesLostBytes, "HTTP without TLS has no checksum over a range.");
        var content = ContentOf(61);
        var stored = await StoreAsync(NewAttempt(), content);
        await using var source = (await Driver.OpenAsync(stored.Location, Cancel)).Value!;
        proxy!.Begin(fault, afterBytes);

        await EndsAsync(async () =>
        {
            await using var stream = await source.OpenRangeAsync(0, null, Cancel);
            var buffer = new byte[100_000];
            for (var offset = 0L; offset < ImageLength;)
            {
                var count = await stream.ReadAsync(buffer, Cancel);
                Assert.True(count > 0, $"the stream ended at {offset} without an error");
                Assert.True(buffer.AsSpan(0, count).SequenceEqual(content.AsSpan((int)offset, count)), $"wrong bytes at {offset}");
                offset += count;
            }
        });
        await EndsAsync(async () =>
        {
            var buffer = new byte[300_000];
            Assert.Equal(buffer.Length, await source.ReadAsync(4_100_000, buffer, Cancel));
            Assert.True(buffer.AsSpan().SequenceEqual(content.AsSpan(4_100_000, buffer.Length)), "wrong bytes");
        });
        proxy.End();

        await AssertHoldsAsync(stored.Location, content);
    }

    /// <summary>Short calls under a fault end too, and the image is whole or gone afterwards.</summary>
    [Theory]
    [MemberData(nameof(ShortFaults))]
    public async Task Short_calls_under_a_fault_end(NetworkFault fault, long afterBytes)
    {
        var content = ContentOf(62);
        var stored = await StoreAsync(NewAttempt(), content);
        var attempt = NewAttempt();
        proxy!.Begin(fault, afterBytes / 1000);

        await EndsAsync(async () => await ((await Driver.OpenAsync(stored.Location, Cancel)).Value?.DisposeAsync() ?? ValueTask.CompletedTask));
        await EndsAsync(async () => await ((await Driver.BeginWriteAsync(new WriteRequest(attempt, 10, null), Cancel)).Value?.DisposeAsync() ?? ValueTask.CompletedTask));
        await EndsAsync(async () => await Driver.ListResidueAsync(Cancel).ToListAsync(Cancel));
        var deleted = false;
        await EndsAsync(async () => deleted = await Driver.DeleteAsync(stored.Location, Cancel) == StoreOutcome.Ok);
        proxy.End();

        await RepeatAsync(async () => await Driver.SettleAsync(attempt, keepCommitted: false, Cancel));
        await RepeatAsync(async () => Assert.Contains(await Driver.DeleteAsync(stored.Location, Cancel), new[] { StoreOutcome.Absent, deleted ? StoreOutcome.Absent : StoreOutcome.Ok }));
        Assert.Equal(StoreOutcome.Absent, (await Driver.OpenAsync(stored.Location, Cancel)).Outcome);
        Assert.DoesNotContain(await Driver.ListResidueAsync(Cancel).ToListAsync(Cancel), residue => residue.Attempt == attempt);
    }

    // Each fault in the middle of one kind of call; with full counts each in every kind, at once and in the middle.
    private static TheoryData<NetworkFault, long> Choose(params NetworkFault[] few) => new(
        from fault in Requires.FullCounts ? Enum.GetValues<NetworkFault>().Where(fault => fault != NetworkFault.None) : few
        from bytes in fault is NetworkFault.Delay or NetworkFault.Refusal ? (long[])[0] : Requires.FullCounts ? [0, 700_000] : [700_000]
        select (fault, bytes));

    private static byte[] ContentOf(int seed)
    {
        var bytes = new byte[ImageLength];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static WriteAttempt NewAttempt(string? imageId = null) => new(imageId ?? Guid.NewGuid().ToString("D"), Guid.NewGuid().ToString("N"));

    // With any outcome, or a StoreException, and in time.
    private static async Task EndsAsync(Func<Task> call)
    {
        try
        {
            await call().WaitAsync(limit, Cancel);
        }
        catch (StoreException)
        {
            // What a fault is for.
        }
    }

    // The network is back, but a connection that died of the fault may be met once more by what changes something.
    private static async Task RepeatAsync(Func<Task> call)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                await call().WaitAsync(limit, Cancel);
                return;
            }
            catch (StoreException) when (tries < 5)
            {
                await Task.Delay(200 * tries, Cancel);
            }
        }
    }

    private async Task<StoredObject> StoreAsync(WriteAttempt attempt, byte[] content)
    {
        StoredObject? stored = null;
        await RepeatAsync(async () =>
        {
            await Driver.SettleAsync(attempt, keepCommitted: false, Cancel);
            var begin = await Driver.BeginWriteAsync(new WriteRequest(attempt, ImageLength, ProjectId: null), Cancel);
            Assert.Equal(StoreOutcome.Ok, begin.Outcome);
            await using var writer = begin.Value!;
            Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(content, Cancel));
            stored = (await writer.CommitAsync(Cancel)).Value!;
            await Driver.SettleAsync(attempt, keepCommitted: true, Cancel);
        });
        return stored!;
    }

    private Task AssertHoldsAsync(string location, byte[] content) => RepeatAsync(async () =>
    {
        await using var source = (await Driver.OpenAsync(location, Cancel)).Value!;
        await using var stream = await source.OpenRangeAsync(0, null, Cancel);
        using var all = new MemoryStream();
        await stream.CopyToAsync(all, Cancel);
        Assert.True(all.ToArray().AsSpan().SequenceEqual(content), "the image differs");
    });
}
