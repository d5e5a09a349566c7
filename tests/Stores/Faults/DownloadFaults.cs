using GlanceGateway.Abstractions;
using GlanceGateway.Testing;
using static GlanceGateway.Stores.Tests.Faults.FaultCalls;

namespace GlanceGateway.Stores.Tests.Faults;

/// <summary>What a driver must do while the network fails under a download.</summary>
public abstract class DownloadFaults : BehindFaults
{
    /// <summary>The faults of a download: those of the way back.</summary>
    public static TheoryData<NetworkFault, long> AnswerFaults { get; } = Choose(NetworkFault.Close, NetworkFault.Silence, NetworkFault.LostAnswerBytes);

    /// <summary>A download under a fault gives the image's bytes or an error.</summary>
    [Theory]
    [MemberData(nameof(AnswerFaults))]
    public async Task Download_under_a_fault_gives_no_wrong_byte(NetworkFault fault, long afterBytes)
    {
        var content = ContentOf(61);
        var location = await PlaceAsync(content);
        await using var source = (await Driver.OpenAsync(location, Cancel)).Value!;
        Proxy.Begin(fault, afterBytes);

        // HTTP without TLS has no checksum over a range: only its length tells that bytes are missing, at the end.
        var noticed = fault != NetworkFault.LostAnswerBytes || Server.NoticesLostBytes;

        // What is lost of a head may do no harm.
        var isRight = true;
        var failure = await EndsAsync(async () =>
        {
            await using var stream = await source.OpenRangeAsync(0, null, Cancel);
            var buffer = new byte[100_000];
            for (var offset = 0L; offset < ImageLength;)
            {
                var count = await stream.ReadAsync(buffer, Cancel);
                Assert.True(count > 0, $"the stream ended at {offset} without an error");
                isRight &= buffer.AsSpan(0, count).SequenceEqual(content.AsSpan((int)offset, count));
                Assert.True(isRight || !noticed, $"wrong bytes at {offset}");
                offset += count;
            }
        });
        Assert.True(isRight || failure is not null, "bytes were missing and nobody noticed");
        failure = await EndsAsync(async () =>
        {
            var buffer = new byte[300_000];
            Assert.Equal(buffer.Length, await source.ReadAsync(4_100_000, buffer, Cancel));
            isRight = buffer.AsSpan().SequenceEqual(content.AsSpan(4_100_000, buffer.Length));
            Assert.True(isRight || !noticed, "wrong bytes");
        });
        Assert.True(isRight || failure is not null, "bytes were missing and nobody noticed");
        Proxy.End();

        await AssertHoldsAsync(location, content);
    }

    /// <summary>Each fault in the middle of one kind of call; with full counts each in every kind, at once and in the middle.</summary>
    protected static TheoryData<NetworkFault, long> Choose(params NetworkFault[] few) => new(
        from fault in Requires.FullCounts ? Enum.GetValues<NetworkFault>().Where(fault => fault != NetworkFault.None) : few
        from bytes in fault is NetworkFault.Delay or NetworkFault.Refusal ? (long[])[0] : Requires.FullCounts ? [0, 700_000] : [700_000]
        select (fault, bytes));
}
