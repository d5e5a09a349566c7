using GlanceGateway.Abstractions;
using GlanceGateway.Testing;
using static GlanceGateway.Stores.Tests.Faults.FaultCalls;

namespace GlanceGateway.Stores.Tests.Faults;

/// <summary>
/// What every driver over a network must do while the network fails: each call ends in bounded time with an outcome or a
/// <see cref="StoreException"/>, no wrong byte is ever given out, what an upload leaves can be settled, and afterwards the same driver works again.
/// </summary>
public abstract class DriverFaults : DownloadFaults
{
    /// <summary>The faults of an upload: those of the way there, unless all counts are wanted.</summary>
    public static TheoryData<NetworkFault, long> UploadFaults { get; } = Choose(NetworkFault.Reset, NetworkFault.LostRequestBytes, NetworkFault.Refusal);

    /// <summary>The faults of short calls.</summary>
    public static TheoryData<NetworkFault, long> ShortFaults { get; } = Choose(NetworkFault.Delay);

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
        Proxy.Begin(fault, afterBytes);

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
        Proxy.End();

        if (stored is not null)
            await AssertHoldsAsync(stored.Location, content);
        await RepeatAsync(async () => await Driver.SettleAsync(attempt, keepCommitted: stored is not null, Cancel));
        Assert.DoesNotContain(await Driver.ListResidueAsync(Cancel).ToListAsync(Cancel), residue => residue.Attempt == attempt);
        if (stored is not null)
            await AssertHoldsAsync(stored.Location, content);
        else
            await StoreAsync(NewAttempt(attempt.ImageId), content);
    }

    /// <summary>Short calls under a fault end too, and the image is whole or gone afterwards.</summary>
    [Theory]
    [MemberData(nameof(ShortFaults))]
    public async Task Short_calls_under_a_fault_end(NetworkFault fault, long afterBytes)
    {
        var content = ContentOf(62);
        var stored = await StoreAsync(NewAttempt(), content);
        var attempt = NewAttempt();
        Proxy.Begin(fault, afterBytes / 1000);

        await EndsAsync(async () => await ((await Driver.OpenAsync(stored.Location, Cancel)).Value?.DisposeAsync() ?? ValueTask.CompletedTask));
        await EndsAsync(async () => await ((await Driver.BeginWriteAsync(new WriteRequest(attempt, 10, null), Cancel)).Value?.DisposeAsync() ?? ValueTask.CompletedTask));
        await EndsAsync(async () => await Driver.ListResidueAsync(Cancel).ToListAsync(Cancel));
        var deleted = false;
        await EndsAsync(async () => deleted = await Driver.DeleteAsync(stored.Location, Cancel) == StoreOutcome.Ok);
        Proxy.End();

        await RepeatAsync(async () => await Driver.SettleAsync(attempt, keepCommitted: false, Cancel));
        await RepeatAsync(async () => Assert.Contains(await Driver.DeleteAsync(stored.Location, Cancel), new[] { StoreOutcome.Absent, deleted ? StoreOutcome.Absent : StoreOutcome.Ok }));
        Assert.Equal(StoreOutcome.Absent, (await Driver.OpenAsync(stored.Location, Cancel)).Outcome);
        Assert.DoesNotContain(await Driver.ListResidueAsync(Cancel).ToListAsync(Cancel), residue => residue.Attempt == attempt);
    }
}
