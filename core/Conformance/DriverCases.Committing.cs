using GlanceGateway.Abstractions;

namespace GlanceGateway.Conformance;

// When an image appears under its name, whose it is, and how it goes again.
internal sealed partial class DriverCases
{
    // Readers never see half an image, and a deleted name is free again.
    [DriverCase]
    public async Task Nothing_is_visible_before_the_commit()
    {
        NeedsWriting();
        var image = NewImage();
        var stored = await StoreAndSettleAsync(new Pattern(20), 1000, image);
        Assert.Equal(StoreOutcome.Ok, await Driver.DeleteAsync(stored.Location, Cancel));

        await using var writer = await BeginAsync(NewAttempt(image), 200_000);
        await AppendAsync(writer, new Pattern(21), 0, 200_000);
        await AssertAbsentAsync(stored.Location);
        var again = await CommitAsync(writer);

        await AssertHoldsAsync(again.Location, new Pattern(21), 200_000);
    }

    // The host repeats a commit whose answer it did not get.
    [DriverCase]
    public async Task Commit_twice_gives_the_same_result()
    {
        await using var writer = await BeginAsync(NewAttempt());
        await AppendAsync(writer, new Pattern(22), 0, 70_000);

        var first = await CommitAsync(writer);
        var second = await CommitAsync(writer);

        Assert.Equal(first.Location, second.Location);
        Assert.Equal(first.Size, second.Size);
        await AssertHoldsAsync(first.Location, new Pattern(22), 70_000);
    }

    // A driver that only reads says so at once.
    [DriverCase]
    public async Task Driver_that_only_reads_takes_nothing()
    {
        if (!Fixture.ReadOnly)
            Assert.Skip("The driver writes.");

        var begin = await Driver.BeginWriteAsync(new WriteRequest(NewAttempt(), 10, Fixture.ProjectId), Cancel);

        Assert.Equal(StoreOutcome.Denied, begin.Outcome);
        Assert.Empty(await ResidueAsync());
    }

    // An image that is there is never replaced.
    [DriverCase]
    public async Task Second_attempt_at_a_stored_image_is_a_duplicate()
    {
        NeedsWriting();
        var image = NewImage();
        var stored = await StoreAndSettleAsync(new Pattern(23), 5000, image);

        var attempt = NewAttempt(image);
        var begin = await Driver.BeginWriteAsync(new WriteRequest(attempt, 10, Fixture.ProjectId), Cancel);
        if (begin.IsOk)
        {
            await using var writer = begin.Value;
            await AppendAsync(writer, new Pattern(24), 0, 10);
            Assert.Equal(StoreOutcome.Duplicate, (await writer.CommitAsync(Cancel)).Outcome);
        }
        else
        {
            Assert.Equal(StoreOutcome.Duplicate, begin.Outcome);
        }

        await Driver.SettleAsync(attempt, keepCommitted: false, Cancel);
        await AssertHoldsAsync(stored.Location, new Pattern(23), 5000);
    }

    // Of two attempts that run at once, one wins and the other leaves without a trace.
    [DriverCase]
    public async Task Loser_of_a_race_does_no_harm_to_the_winner()
    {
        var image = NewImage();
        var (winner, loser) = (NewAttempt(image), NewAttempt(image));
        var losing = await BeginAsync(loser);
        await AppendAsync(losing, new Pattern(26), 0, 6000);
        var stored = await StoreAsync(winner, new Pattern(25), 5000);

        Assert.Equal(StoreOutcome.Duplicate, (await losing.CommitAsync(Cancel)).Outcome);
        await losing.DisposeAsync();
        await AssertHoldsAsync(stored.Location, new Pattern(25), 5000);
        await Driver.SettleAsync(loser, keepCommitted: false, Cancel);
        await Driver.SettleAsync(winner, keepCommitted: true, Cancel);

        await AssertHoldsAsync(stored.Location, new Pattern(25), 5000);
        Assert.Empty(await ResidueAsync());
    }

    // After the registry has the location, only the traces go.
    [DriverCase]
    public async Task Settle_keeping_the_object_removes_only_traces()
    {
        var attempt = NewAttempt();
        var stored = await StoreAsync(attempt, new Pattern(27), 5000);

        await Driver.SettleAsync(attempt, keepCommitted: true, Cancel);
        await Driver.SettleAsync(attempt, keepCommitted: true, Cancel);

        await AssertHoldsAsync(stored.Location, new Pattern(27), 5000);
        Assert.DoesNotContain(await ResidueAsync(), residue => residue.Attempt == attempt);
    }

    // When the registry never got the location, the object goes too.
    [DriverCase]
    public async Task Settle_not_keeping_removes_the_attempts_own_object()
    {
        var attempt = NewAttempt();
        var stored = await StoreAsync(attempt, new Pattern(28), 5000);

        await Driver.SettleAsync(attempt, keepCommitted: false, Cancel);
        await Driver.SettleAsync(attempt, keepCommitted: false, Cancel);

        await AssertAbsentAsync(stored.Location);
        Assert.Empty(await ResidueAsync());
        await StoreAsync(NewAttempt(attempt.ImageId), new Pattern(29), 10);
    }

    // The intent is older than the first byte, so an attempt may be settled that never was.
    [DriverCase]
    public async Task Settle_of_an_attempt_that_left_nothing_is_done_at_once()
    {
        var image = NewImage();
        var stored = await StoreAndSettleAsync(new Pattern(30), 5000, image);

        await Driver.SettleAsync(NewAttempt(image), keepCommitted: false, Cancel);
        await Driver.SettleAsync(NewAttempt(image), keepCommitted: true, Cancel);

        await AssertHoldsAsync(stored.Location, new Pattern(30), 5000);
    }

    // Deleting is idempotent.
    [DriverCase]
    public async Task Delete_twice_is_absent_the_second_time()
    {
        NeedsWriting();
        var stored = await StoreAndSettleAsync(new Pattern(31), 5000);

        Assert.Equal(StoreOutcome.Ok, await Driver.DeleteAsync(stored.Location, Cancel));
        Assert.Equal(StoreOutcome.Absent, await Driver.DeleteAsync(stored.Location, Cancel));
        await AssertAbsentAsync(stored.Location);
    }

    // Users repeat themselves, and gateways share a backend.
    [DriverCase]
    public async Task Deletes_at_once_are_done_or_absent()
    {
        NeedsWriting();
        for (var round = 0; round < 3; round++)
        {
            var stored = await StoreAndSettleAsync(new Pattern(33), 300_000);

            var outcomes = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(async () => await Driver.DeleteAsync(stored.Location, Cancel), Cancel)));

            Assert.All(outcomes, outcome => Assert.True(outcome is StoreOutcome.Ok or StoreOutcome.Absent, $"One of two deletes at once ended with {outcome}."));
            Assert.True(outcomes.Contains(StoreOutcome.Ok), "Of two deletes at once none says that it deleted.");
            await AssertAbsentAsync(stored.Location);
        }
    }

    // A location is not a path to anywhere else.
    [DriverCase]
    public async Task Locations_of_elsewhere_are_invalid()
    {
        NeedsWriting();
        var stored = await StoreAndSettleAsync(new Pattern(32), 100);
        var location = stored.Location;
        var scheme = location[..location.IndexOf("://", StringComparison.Ordinal)];
        string[] odd =
        [
            "", "x", "://", $"{scheme}://", $"{scheme}:///", "glance-conformance://host/name", $"{scheme}x{location[scheme.Length..]}",
            $"{location}/..", $"{location}/../{NewImage()}", $"{location}\0", $"{location}\n",
        ];

        foreach (var bad in odd.Concat(Fixture.ForeignLocations(location)))
        {
            var open = await Assert.ThrowsAsync<StoreException>(async () => await Driver.OpenAsync(bad, Cancel));
            Assert.Equal(StoreError.InvalidLocation, open.Error);
            var delete = await Assert.ThrowsAsync<StoreException>(async () => await Driver.DeleteAsync(bad, Cancel));
            Assert.Equal(StoreError.InvalidLocation, delete.Error);
        }

        await AssertHoldsAsync(location, new Pattern(32), 100);
    }
}
