using System.Diagnostics;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Conformance;

// Attempts that end early: by dispose, by cancellation, by the death of the process.
internal sealed partial class DriverCases
{
    // Where an attempt ends.
    public enum Stage
    {
        // Before the first byte.
        Begun,

        // After some bytes.
        Written,

        // After a run of zeros.
        Zeros,

        // By a cancelled write.
        Cancelled,
    }

    // An abort leaves no image; what it leaves otherwise is listed and can be settled.
    [DriverCase(Stage.Begun)]
    [DriverCase(Stage.Written)]
    [DriverCase(Stage.Zeros)]
    [DriverCase(Stage.Cancelled)]
    public async Task Abort_leaves_no_image(Stage stage)
    {
        var attempt = NewAttempt();
        var writer = await BeginAsync(attempt, 5_000_000);
        await AdvanceAsync(writer, stage);

        await writer.DisposeAsync();
        await writer.DisposeAsync();

        await AssertForgottenAsync(attempt);
    }

    // A killed process cannot clean up; its successor can.
    [DriverCase(Stage.Begun)]
    [DriverCase(Stage.Written)]
    [DriverCase(Stage.Zeros)]
    public async Task Death_in_the_middle_leaves_residue_that_can_be_settled(Stage stage)
    {
        var attempt = NewAttempt();
        var writer = await BeginAsync(attempt, 5_000_000);
        await AdvanceAsync(writer, stage);

        await CrashAsync();

        var residue = await ResidueAsync();

        // A real death lets nothing arrive later; here what the driver had on its way still does.
        for (var waited = Stopwatch.StartNew(); stage == Stage.Written && Fixture.WritesLeaveResidue && residue.Count == 0;)
        {
            Assert.True(waited.Elapsed < settling, "An attempt that wrote and died is not listed: its bytes would stay for ever.");
            await Task.Delay(100, Cancel);
            residue = await ResidueAsync();
        }

        Assert.All(residue, left => Assert.Equal(attempt, left.Attempt));
        Assert.All(residue, left => Assert.NotEmpty(left.Name));
        await AssertForgottenAsync(attempt);
        GC.KeepAlive(writer);
    }

    // Taken for dead in the middle of a write, and only slow: what arrives late harms nobody, is listed and can be settled.
    [DriverCase]
    public async Task Death_with_a_write_on_its_way_leaves_nothing_that_cannot_be_settled()
    {
        var attempt = NewAttempt();
        var writer = await BeginAsync(attempt, 5_000_000);
        await AppendAsync(writer, new Pattern(47), 0, writer.PreferredWriteSize);
        var late = writer.WriteAsync(new Pattern(47).Bytes(writer.PreferredWriteSize, writer.PreferredWriteSize), Cancel).AsTask();

        await CrashAsync();

        await Driver.SettleAsync(attempt, keepCommitted: false, Cancel);
        var next = await StoreAsync(NewAttempt(attempt.ImageId), new Pattern(48), 300_000);
        await EndsAsync(late);
        await EndsAsync(writer.DisposeAsync().AsTask());
        await Driver.SettleAsync(attempt, keepCommitted: false, Cancel);
        Assert.DoesNotContain(await ResidueAsync(), residue => residue.Attempt == attempt);
        await AssertHoldsAsync(next.Location, new Pattern(48), 300_000);
    }

    // The registry recorded the location, then the process died: the image stays.
    [DriverCase]
    public async Task Death_after_the_commit_keeps_a_recorded_image()
    {
        var attempt = NewAttempt();
        var writer = await BeginAsync(attempt);
        await AppendAsync(writer, new Pattern(40), 0, 100_000);
        var stored = await CommitAsync(writer);

        await CrashAsync();

        await AssertHoldsAsync(stored.Location, new Pattern(40), 100_000);
        await Driver.SettleAsync(attempt, keepCommitted: true, Cancel);
        await AssertHoldsAsync(stored.Location, new Pattern(40), 100_000);
        Assert.DoesNotContain(await ResidueAsync(), residue => residue.Attempt == attempt);
        GC.KeepAlive(writer);
    }

    // The process died before the registry recorded the location: the image goes.
    [DriverCase]
    public async Task Death_after_the_commit_lets_an_unrecorded_image_go()
    {
        var attempt = NewAttempt();
        var writer = await BeginAsync(attempt);
        await AppendAsync(writer, new Pattern(41), 0, 100_000);
        var stored = await CommitAsync(writer);

        await CrashAsync();

        await Driver.SettleAsync(attempt, keepCommitted: false, Cancel);
        await AssertAbsentAsync(stored.Location);
        await AssertForgottenAsync(attempt);
        GC.KeepAlive(writer);
    }

    // An attempt that lost and then died must not take the winner's image along.
    [DriverCase]
    public async Task Death_of_a_loser_leaves_the_winners_image()
    {
        var image = NewImage();
        var (winner, loser) = (NewAttempt(image), NewAttempt(image));
        var losing = await BeginAsync(loser);
        await AppendAsync(losing, new Pattern(43), 0, 100);
        var stored = await StoreAsync(winner, new Pattern(42), 5000);
        Assert.Equal(StoreOutcome.Duplicate, (await losing.CommitAsync(Cancel)).Outcome);

        await CrashAsync();

        await Driver.SettleAsync(loser, keepCommitted: false, Cancel);
        await AssertHoldsAsync(stored.Location, new Pattern(42), 5000);
        await Driver.SettleAsync(winner, keepCommitted: true, Cancel);
        await AssertHoldsAsync(stored.Location, new Pattern(42), 5000);
        GC.KeepAlive(losing);
    }

    // Another gateway may take this one for dead and settle its attempt; the name then stays free of it, unless the driver cannot tell.
    [DriverCase]
    public async Task Attempt_that_was_settled_meanwhile_cannot_commit()
    {
        if (!Fixture.SettledAttemptsCannotCommit)
            Assert.Skip("The backend cannot refuse the commit of a settled attempt.");

        var attempt = NewAttempt();
        await using var writer = await BeginAsync(attempt);
        await AppendAsync(writer, new Pattern(46), 0, 1000);
        await Driver.SettleAsync(attempt, keepCommitted: false, Cancel);

        await Assert.ThrowsAsync<StoreException>(async () => await writer.CommitAsync(Cancel));

        await AssertForgottenAsync(attempt);
    }

    private async ValueTask AdvanceAsync(IStoreWriter writer, Stage stage)
    {
        if (stage is Stage.Written or Stage.Cancelled)
            await AppendAsync(writer, new Pattern(44), 0, writer.PreferredWriteSize + 10L);
        if (stage == Stage.Zeros)
            Assert.Equal(StoreOutcome.Ok, await writer.WriteZerosAsync(1_000_000, Cancel));
        if (stage != Stage.Cancelled)
            return;

        // The cancellation may win or lose against the write; either way only dispose follows.
        using var cancel = new CancellationTokenSource();
        var write = writer.WriteAsync(new byte[writer.PreferredWriteSize], cancel.Token).AsTask();
        await cancel.CancelAsync();
        try
        {
            await write;
        }
        catch (OperationCanceledException)
        {
            // What was asked for.
        }
    }

    // No trace after settling, and the name is free: an image stored under it is the new one.
    private async ValueTask AssertForgottenAsync(WriteAttempt attempt)
    {
        await Driver.SettleAsync(attempt, keepCommitted: false, Cancel);
        await Driver.SettleAsync(attempt, keepCommitted: false, Cancel);
        Assert.Empty(await ResidueAsync());

        var again = NewAttempt(attempt.ImageId);
        var stored = await StoreAsync(again, new Pattern(45), 77);
        await AssertHoldsAsync(stored.Location, new Pattern(45), 77);
    }
}
