using GlanceGateway.Abstractions;

namespace GlanceGateway.Conformance;

// What is written is what is read.
internal sealed partial class DriverCases
{
    // The host sizes its buffers by it.
    [DriverCase]
    public async Task Preferred_write_size_is_a_power_of_two_within_bounds()
    {
        await using var writer = await BeginAsync(NewAttempt());

        Assert.InRange(writer.PreferredWriteSize, 64 * 1024, 8 * 1024 * 1024);
        Assert.True(int.IsPow2(writer.PreferredWriteSize));
    }

    // Lengths around every boundary, announced and not.
    [DriverCase(true)]
    [DriverCase(false)]
    public async Task Every_length_reads_back(bool declared)
    {
        int chunk;
        await using (var probe = await BeginAsync(NewAttempt()))
            chunk = probe.PreferredWriteSize;

        foreach (var length in (long[])[0, 1, 4095, chunk - 1, chunk, chunk + 1, (2 * chunk) + 1])
        {
            var pattern = new Pattern((ulong)length);
            var stored = await StoreAsync(NewAttempt(), pattern, length, declared);

            Assert.Equal(length, stored.Size);
            Assert.Contains("://", stored.Location, StringComparison.Ordinal);
            await AssertHoldsAsync(stored.Location, pattern, length);
        }
    }

    // Zeros at the start, at the end, unaligned, and alone.
    [DriverCase]
    public async Task Zero_runs_read_back_wherever_they_are()
    {
        var pattern = new Pattern(7);
        foreach (var runs in (long[][])[[-1], [-5000], [-70_000, 1], [1, -70_000], [100, -1, 100, -300_000, 65_536, -4096, 3], [-10, -10, 5, -10, -10]])
        {
            var expected = new List<byte>();
            await using var writer = await BeginAsync(NewAttempt());
            foreach (var run in runs)
            {
                if (run > 0)
                {
                    await AppendAsync(writer, pattern, expected.Count, run);
                    expected.AddRange(pattern.Bytes(expected.Count, (int)run));
                }
                else
                {
                    Assert.Equal(StoreOutcome.Ok, await writer.WriteZerosAsync(-run, Cancel));
                    expected.AddRange(new byte[-run]);
                }
            }

            var stored = await CommitAsync(writer);

            Assert.Equal(expected.Count, stored.Size);
            await using var source = await OpenAsync(stored.Location);
            await using var stream = await source.OpenRangeAsync(0, null, Cancel);
            Assert.Equal(expected.ToArray(), await DrainAsync(stream));
        }
    }

    // Offsets beyond 32 bits, where zeros cost nothing.
    [DriverCase]
    public async Task Sparse_image_of_five_gib_reads_back()
    {
        if (!Fixture.CheapZeros)
            Assert.Skip("The driver's zeros are not free.");

        const long Gap = 5L << 30;
        var pattern = new Pattern(5);
        await using var writer = await BeginAsync(NewAttempt());
        await AppendAsync(writer, pattern, 0, 1000);
        Assert.Equal(StoreOutcome.Ok, await writer.WriteZerosAsync(Gap, Cancel));
        await AppendAsync(writer, pattern, 1000 + Gap, 1000);
        var stored = await CommitAsync(writer);

        Assert.Equal(Gap + 2000, stored.Size);
        await using var source = await OpenAsync(stored.Location);
        Assert.Equal(Gap + 2000, source.Length);
        var buffer = new byte[3000];
        Assert.Equal(3000, await source.ReadAsync(0, buffer, Cancel));
        Assert.Equal([.. pattern.Bytes(0, 1000), .. new byte[2000]], buffer);
        Assert.Equal(3000, await source.ReadAsync((1L << 32) - 1500, buffer, Cancel));
        Assert.Equal(new byte[3000], buffer);
        Assert.Equal(2000, await source.ReadAsync(Gap, buffer, Cancel));
        Assert.Equal([.. new byte[1000], .. pattern.Bytes(1000 + Gap, 1000)], buffer[..2000]);
    }

    // One driver serves all transfers of a store.
    [DriverCase]
    public async Task Images_are_written_side_by_side()
    {
        var stored = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(async seed => (seed, await StoreAsync(NewAttempt(), new Pattern((ulong)seed), 300_000 + seed, declare: seed % 2 == 0))));

        Assert.Equal(8, stored.Select(pair => pair.Item2.Location).Distinct().Count());
        foreach (var (seed, image) in stored)
            await AssertHoldsAsync(image.Location, new Pattern((ulong)seed), 300_000 + seed);
    }
}
