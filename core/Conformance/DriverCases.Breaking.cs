using GlanceGateway.Abstractions;

namespace GlanceGateway.Conformance;

// A backend that goes away: every call ends in time with a StoreException, whatever the library below throws, and once it is back all is as it was.
internal sealed partial class DriverCases
{
    // Enough for the read below, and some parts of the drivers that have parts: the case is about the outage.
    private const int BreakLength = 1_200_000;

    // What is under way when the backend goes.
    public enum Moment
    {
        Open,
        Read,
        Write,
        Commit,
        Delete,
        List,
    }

    // Absent would be a lie that the host believes, and any other exception is a bug.
    [DriverCase(Moment.Open)]
    [DriverCase(Moment.Read)]
    [DriverCase(Moment.Write)]
    [DriverCase(Moment.Commit)]
    [DriverCase(Moment.Delete)]
    [DriverCase(Moment.List)]
    public async Task Broken_backend_is_a_fault_of_the_store(Moment moment)
    {
        if (!Fixture.CanBreak)
            Assert.Skip("The fixture cannot break its backend.");
        if (moment is not (Moment.Open or Moment.Read))
            NeedsWriting();

        var pattern = new Pattern(50);
        var stored = await StoreAndSettleAsync(pattern, BreakLength);
        var attempt = NewAttempt();
        var source = moment == Moment.Read ? await OpenAsync(stored.Location) : null;
        var writer = moment is Moment.Write or Moment.Commit ? await BeginAsync(attempt) : null;
        if (moment == Moment.Commit)
            await AppendAsync(writer!, pattern, 0, writer!.PreferredWriteSize + 10L);

        await Fixture.BreakAsync(Cancel);
        try
        {
            await Assert.ThrowsAsync<StoreException>(() => MeetAsync(moment, stored.Location, source, writer).WaitAsync(TimeSpan.FromMinutes(2), Cancel), moment.ToString());
            if (writer is not null)
                await EndsAsync(writer.DisposeAsync().AsTask());
            if (source is not null)
                await EndsAsync(source.DisposeAsync().AsTask());
        }
        finally
        {
            await Fixture.MendAsync(Cancel);
        }

        // A connection that died may be met once more.
        await RepeatAsync(() => AssertHoldsAsync(stored.Location, pattern, BreakLength));
        if (writer is not null)
            await RepeatAsync(() => AssertForgottenAsync(attempt));
    }

    private async Task MeetAsync(Moment moment, string location, IByteSource? source, IStoreWriter? writer)
    {
        switch (moment)
        {
            case Moment.Open:
                // A driver may leave the first look at the object to the first read.
                await using (var opened = await OpenAsync(location))
                    await opened.ReadAsync(0, new byte[1000], Cancel);
                break;
            case Moment.Read:
                await source!.ReadAsync(1_000_000, new byte[100_000], Cancel);
                break;
            case Moment.Write:
                // A driver with parts in flight tells from a later call.
                await AppendAsync(writer!, new Pattern(51), 0, 4L * writer!.PreferredWriteSize);
                await writer.CommitAsync(Cancel);
                break;
            case Moment.Commit:
                await writer!.CommitAsync(Cancel);
                break;
            case Moment.Delete:
                Assert.Equal(StoreOutcome.Ok, await Driver.DeleteAsync(location, Cancel));
                break;
            default:
                await ResidueAsync();
                break;
        }
    }

    private async ValueTask RepeatAsync(Func<ValueTask> call)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                await call();
                return;
            }
            catch (StoreException) when (tries < 20)
            {
                await Task.Delay(250, Cancel);
            }
        }
    }
}
