using System.Diagnostics;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Conformance;

// The cases that every storage driver must pass, as plain methods: one instance for each case, over a backend of its own. Afterwards the
// attempts that the case began are settled, and residue of theirs fails it.
internal sealed partial class DriverCases(DriverFixture fixture, CancellationToken cancellationToken) : IAsyncDisposable
{
    private static readonly TimeSpan settling = TimeSpan.FromSeconds(15);

    private readonly List<WriteAttempt> begun = [];
    private readonly List<string> stored = [];
    private IStorageDriver? driver;
    private long? countAtStart;

    private CancellationToken Cancel => cancellationToken;

    private IStorageDriver Driver => driver!;

    private DriverFixture Fixture => fixture;

    // Starts the driver.
    public async ValueTask StartAsync()
    {
        driver = await fixture.OpenAsync(Cancel);
        countAtStart = await fixture.CountStoredAsync(Cancel);
    }

    // Settles what the case began and looks for what it left.
    public async ValueTask SettleAsync()
    {
        foreach (var attempt in begun)
            await Driver.SettleAsync(attempt, keepCommitted: false, CancellationToken.None);
        Assert.DoesNotContain(await ResidueAsync(), residue => begun.Contains(residue.Attempt));
        if (countAtStart is not { } start)
            return;

        foreach (var location in stored.Distinct())
            Assert.True(await Driver.DeleteAsync(location, CancellationToken.None) is StoreOutcome.Ok or StoreOutcome.Absent, $"What the case stored cannot be deleted: {location}");
        var count = await fixture.CountStoredAsync(CancellationToken.None);
        for (var waited = Stopwatch.StartNew(); count != start && waited.Elapsed < settling; count = await fixture.CountStoredAsync(CancellationToken.None))
            await Task.Delay(100, CancellationToken.None);
        Assert.True(count == start, $"Everything was deleted and settled, and the backend holds {count} where it held {start} before: what is no longer needed must go.");
    }

    public async ValueTask DisposeAsync()
    {
        if (driver is not null)
            await driver.DisposeAsync();
        await fixture.DisposeAsync();
    }

    private static string NewImage() => Guid.NewGuid().ToString("D");

    private WriteAttempt NewAttempt(string? imageId = null)
    {
        var attempt = new WriteAttempt(imageId ?? NewImage(), Guid.NewGuid().ToString("N"));
        lock (begun)
            begun.Add(attempt);
        return attempt;
    }

    private async ValueTask CrashAsync() => driver = await Fixture.ReopenAsync(Driver, Cancel);

    private void NeedsWriting()
    {
        if (Fixture.ReadOnly)
            Assert.Skip("The driver only reads.");
    }

    private async ValueTask<IStoreWriter> BeginAsync(WriteAttempt attempt, long? declared = null)
    {
        NeedsWriting();
        var begin = await Driver.BeginWriteAsync(new WriteRequest(attempt, declared, Fixture.ProjectId), Cancel);
        Assert.Equal(StoreOutcome.Ok, begin.Outcome);
        return begin.Value!;
    }

    // As the host writes: in the preferred size, from one buffer that is overwritten as soon as the call has ended.
    private async ValueTask AppendAsync(IStoreWriter writer, Pattern pattern, long offset, long length)
    {
        var buffer = new byte[writer.PreferredWriteSize];
        while (length > 0)
        {
            var count = (int)Math.Min(length, buffer.Length);
            pattern.Fill(offset, buffer.AsSpan(0, count));
            Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(buffer.AsMemory(0, count), Cancel));
            Array.Fill(buffer, (byte)0xEE);
            offset += count;
            length -= count;
        }
    }

    private async ValueTask<StoredObject> CommitAsync(IStoreWriter writer)
    {
        var commit = await writer.CommitAsync(Cancel);
        Assert.Equal(StoreOutcome.Ok, commit.Outcome);
        lock (stored)
            stored.Add(commit.Value!.Location);
        return commit.Value;
    }

    private async ValueTask<StoredObject> StoreAsync(WriteAttempt attempt, Pattern pattern, long length, bool declare = true)
    {
        await using var writer = await BeginAsync(attempt, declare ? length : null);
        await AppendAsync(writer, pattern, 0, length);
        return await CommitAsync(writer);
    }

    // Stored and recorded, as after a successful upload.
    private async ValueTask<StoredObject> StoreAndSettleAsync(Pattern pattern, long length, string? imageId = null)
    {
        if (Fixture.ReadOnly)
            return new StoredObject(await Fixture.PlaceAsync(pattern.Bytes(0, checked((int)length)), Cancel), length, new Dictionary<string, string>());
        var attempt = NewAttempt(imageId);
        var stored = await StoreAsync(attempt, pattern, length);
        await Driver.SettleAsync(attempt, keepCommitted: true, Cancel);
        return stored;
    }

    private async ValueTask<IByteSource> OpenAsync(string location)
    {
        var open = await Driver.OpenAsync(location, Cancel);
        Assert.Equal(StoreOutcome.Ok, open.Outcome);
        return open.Value!;
    }

    private async ValueTask AssertHoldsAsync(string location, Pattern pattern, long length)
    {
        await using var source = await OpenAsync(location);
        await AssertIsAsync(source, pattern, length);
    }

    private async ValueTask AssertIsAsync(IByteSource source, Pattern pattern, long length)
    {
        Assert.Equal(length, source.Length ?? length);
        await using var stream = await source.OpenRangeAsync(0, null, Cancel);
        Assert.Equal(pattern.Bytes(0, checked((int)length)), await DrainAsync(stream));
    }

    private async ValueTask AssertAbsentAsync(string location)
    {
        var open = await Driver.OpenAsync(location, Cancel);
        if (open.Value is { } unexpected)
            await unexpected.DisposeAsync();
        Assert.Equal(StoreOutcome.Absent, open.Outcome);
    }

    private async ValueTask<byte[]> DrainAsync(Stream stream)
    {
        using var all = new MemoryStream();
        await stream.CopyToAsync(all, Cancel);
        return all.ToArray();
    }

    private async ValueTask<List<Residue>> ResidueAsync()
    {
        var all = new List<Residue>();
        await foreach (var residue in Driver.ListResidueAsync(CancellationToken.None))
            all.Add(residue);
        return all;
    }

    // The call of a process that is taken for dead: it may end as it likes, but in time, and by nothing that would be reported as a bug.
    private static async ValueTask EndsAsync(Task call)
    {
        try
        {
            await call.WaitAsync(TimeSpan.FromMinutes(2), CancellationToken.None);
        }
        catch (Exception exception) when (exception is StoreException or OperationCanceledException)
        {
            // Refused, which is well.
        }
        catch (TimeoutException)
        {
            throw new ConformanceException("A call did not end within two minutes.");
        }
    }
}
