using GlanceGateway.Abstractions;

namespace GlanceGateway.Conformance;

// Calls whose token was cancelled before: each ends itself with an OperationCanceledException, and nothing else.
internal sealed partial class DriverCases
{
    // The members of a writer that take a token.
    public enum WriterCall
    {
        Write,
        Zeros,
        Commit,
    }

    private static CancellationToken Cancelled { get; } = new(canceled: true);

    // What the driver itself is asked.
    [DriverCase]
    public async Task Cancelled_calls_leave_the_driver_usable()
    {
        var pattern = new Pattern(1);
        var stored = await StoreAndSettleAsync(pattern, 1000);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await Driver.BeginWriteAsync(new WriteRequest(NewAttempt(), 1, Fixture.ProjectId), Cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Driver.OpenAsync(stored.Location, Cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Driver.DeleteAsync(stored.Location, Cancelled));
        if (Driver is IStoreCapacity room)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await room.GetCapacityAsync(Cancelled));

        await AssertHoldsAsync(stored.Location, pattern, 1000);
    }

    // The upkeep of attempts ends when the host does.
    [DriverCase]
    public async Task Cancelled_upkeep_can_be_called_again()
    {
        var attempt = NewAttempt();
        await using var writer = await BeginAsync(attempt);
        await AppendAsync(writer, new Pattern(49), 0, writer.PreferredWriteSize + 10L);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Driver.SettleAsync(attempt, keepCommitted: false, Cancelled));
        var listed = 0;
        try
        {
            await foreach (var residue in Driver.ListResidueAsync(Cancelled))
                listed++;
            Assert.Equal(0, listed);
        }
        catch (OperationCanceledException)
        {
            // What was asked for; an empty list may end before the token is looked at.
            Assert.Equal(0, listed);
        }

        await AssertForgottenAsync(attempt);
    }

    // Readers come and go while others stay.
    [DriverCase]
    public async Task Cancelled_reads_leave_the_source_usable()
    {
        var pattern = new Pattern(2);
        var stored = await StoreAndSettleAsync(pattern, 100_000);
        await using var source = await OpenAsync(stored.Location);
        var buffer = new byte[1000];

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await source.ReadAsync(5000, buffer, Cancelled));

        // One that asks for nothing before its first byte may say so then.
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await using var stream = await source.OpenRangeAsync(5000, null, Cancelled);
            await stream.ReadExactlyAsync(buffer, Cancelled);
        });
        if (source is IExtentMap map)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await map.GetExtentAsync(0, Cancelled));

            // Also where the answer is remembered.
            await map.GetExtentAsync(0, Cancel);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await map.GetExtentAsync(0, Cancelled));
        }

        await AssertIsAsync(source, pattern, 100_000);
    }

    // A client that goes away ends its own upload.
    [DriverCase(WriterCall.Write)]
    [DriverCase(WriterCall.Zeros)]
    [DriverCase(WriterCall.Commit)]
    public async Task Cancelled_call_ends_the_attempt(WriterCall call)
    {
        var attempt = NewAttempt();
        await using (var writer = await BeginAsync(attempt))
        {
            await AppendAsync(writer, new Pattern(3), 0, 70_000);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => CallAsync(writer, call), call.ToString());
        }

        await AssertForgottenAsync(attempt);
    }

    private static async Task CallAsync(IStoreWriter writer, WriterCall call)
    {
        if (call == WriterCall.Write)
            await writer.WriteAsync(new byte[writer.PreferredWriteSize], Cancelled);
        else if (call == WriterCall.Zeros)
            await writer.WriteZerosAsync(1_000_000, Cancelled);
        else
            await writer.CommitAsync(Cancelled);
    }
}
