using GlanceGateway.Abstractions;

namespace GlanceGateway.Conformance;

// Random access, forward ranges, and what a source says of itself.
internal sealed partial class DriverCases
{
    private const int ReadLength = (3 * 1024 * 1024) + 321;

    // Many readers share one source.
    [DriverCase]
    public async Task Random_ranges_are_read_by_many_at_once()
    {
        var pattern = new Pattern(11);
        var stored = await StoreAndSettleAsync(pattern, ReadLength);
        await using var source = await OpenAsync(stored.Location);

        await Task.WhenAll(Enumerable.Range(0, 8).Select(async reader =>
        {
            var random = new Random(reader);
            for (var i = 0; i < 12; i++)
            {
                var buffer = new byte[random.Next(1, 400_000)];
                var offset = random.NextInt64(ReadLength);
                var expected = (int)Math.Min(buffer.Length, ReadLength - offset);
                Assert.Equal(expected, await source.ReadAsync(offset, buffer, Cancel));
                Assert.True(buffer.AsSpan(0, expected).SequenceEqual(pattern.Bytes(offset, expected)), $"{expected} bytes at {offset} differ");
            }
        }));
    }

    // The end of a source is not an error.
    [DriverCase]
    public async Task Reads_at_and_past_the_end_are_short_or_empty()
    {
        var pattern = new Pattern(12);
        var stored = await StoreAndSettleAsync(pattern, 10_000);
        await using var source = await OpenAsync(stored.Location);
        var buffer = new byte[4096];

        Assert.Equal(10_000, source.Length ?? 10_000);
        Assert.Equal(96, await source.ReadAsync(9904, buffer, Cancel));
        Assert.Equal(pattern.Bytes(9904, 96), buffer[..96]);
        Assert.Equal(0, await source.ReadAsync(10_000, buffer, Cancel));
        Assert.Equal(0, await source.ReadAsync(1L << 40, buffer, Cancel));
        Assert.Equal(0, await source.ReadAsync(0, Memory<byte>.Empty, Cancel));
    }

    // An empty image is an image.
    [DriverCase]
    public async Task Empty_image_has_no_bytes()
    {
        var stored = await StoreAndSettleAsync(new Pattern(0), 0);
        await using var source = await OpenAsync(stored.Location);

        Assert.Equal(0, await source.ReadAsync(0, new byte[10], Cancel));
        await using var stream = await source.OpenRangeAsync(0, null, Cancel);
        Assert.Empty(await DrainAsync(stream));
    }

    // What a download and its Range header need.
    [DriverCase(0, null, ReadLength)]
    [DriverCase(0, 1L, 1)]
    [DriverCase(1, 65_536L, 65_536)]
    [DriverCase(1_048_575, 2L, 2)]
    [DriverCase(ReadLength - 5, null, 5)]
    [DriverCase(ReadLength - 5, 100L, 5)]
    [DriverCase(ReadLength, null, 0)]
    [DriverCase(77, 0L, 0)]
    public async Task Forward_range_gives_exactly_its_bytes(long offset, long? length, int expected)
    {
        var pattern = new Pattern(13);
        var stored = await StoreAndSettleAsync(pattern, ReadLength);
        await using var source = await OpenAsync(stored.Location);

        await using var stream = await source.OpenRangeAsync(offset, length, Cancel);
        var bytes = await DrainAsync(stream);

        Assert.Equal(expected, bytes.Length);
        Assert.True(bytes.AsSpan().SequenceEqual(pattern.Bytes(offset, expected)));
    }

    // Downloads of one image share its source.
    [DriverCase]
    public async Task Forward_ranges_run_side_by_side()
    {
        var pattern = new Pattern(14);
        var stored = await StoreAndSettleAsync(pattern, ReadLength);
        await using var source = await OpenAsync(stored.Location);

        await Task.WhenAll(Enumerable.Range(0, 6).Select(async i =>
        {
            await using var stream = await source.OpenRangeAsync(i * 1000, 500_000, Cancel);
            Assert.True((await DrainAsync(stream)).AsSpan().SequenceEqual(pattern.Bytes(i * 1000, 500_000)));
        }));
    }

    // The host plans requests by the hints and compares validators.
    [DriverCase]
    public async Task Source_describes_itself_the_same_way_each_time()
    {
        var stored = await StoreAndSettleAsync(new Pattern(15), 1000);
        await using var one = await OpenAsync(stored.Location);
        await using var two = await OpenAsync(stored.Location);

        Assert.Equal(one.Validator, two.Validator);
        Assert.Equal(one.Hints, two.Hints);
        Assert.True(one.Hints.BestRequestSize > 0);
        Assert.True(one.Hints.Parallelism > 0);
    }

    // A source that was closed under a reader says so, and nothing else.
    [DriverCase]
    public async Task Disposed_source_refuses_reads()
    {
        var stored = await StoreAndSettleAsync(new Pattern(16), 1000);
        var source = await OpenAsync(stored.Location);
        await source.DisposeAsync();
        await source.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await source.ReadAsync(0, new byte[10], Cancel));
    }

    // Extents cover the image once, and what they call a hole reads as zeros.
    [DriverCase]
    public async Task Extents_agree_with_the_content()
    {
        const int Data = 1 << 20;
        const int Hole = 4 << 20;
        var pattern = new Pattern(17);
        await using var writer = await BeginAsync(NewAttempt());
        await AppendAsync(writer, pattern, 0, Data);
        Assert.Equal(StoreOutcome.Ok, await writer.WriteZerosAsync(Hole, Cancel));
        await AppendAsync(writer, pattern, Data + Hole, Data);
        Assert.Equal(StoreOutcome.Ok, await writer.WriteZerosAsync(Hole, Cancel));
        var stored = await CommitAsync(writer);
        await using var source = await OpenAsync(stored.Location);
        if (source is not IExtentMap map)
        {
            Assert.Skip("The source does not know its holes.");
            return;
        }

        var offset = 0L;
        while (offset < stored.Size)
        {
            var extent = await map.GetExtentAsync(offset, Cancel);
            Assert.Equal(offset, extent.Offset);
            Assert.InRange(extent.Length, 1, stored.Size - offset);
            if (extent.IsHole)
            {
                var bytes = new byte[extent.Length];
                Assert.Equal(bytes.Length, await source.ReadAsync(offset, bytes, Cancel));
                Assert.True(bytes.AsSpan().IndexOfAnyExcept((byte)0) < 0, $"the hole at {offset} holds data");
            }

            offset += extent.Length;
        }

        var inside = await map.GetExtentAsync(123, Cancel);
        Assert.False(inside.IsHole);
        Assert.Equal(123, inside.Offset);
    }

    // sendfile and passthrough read the descriptor without the driver.
    [DriverCase]
    public async Task Local_file_is_the_plain_bytes_and_outlives_its_name()
    {
        var pattern = new Pattern(18);
        var stored = await StoreAndSettleAsync(pattern, 100_000);
        await using var source = await OpenAsync(stored.Location);
        if (source is not ILocalFile file)
        {
            Assert.Skip("The source is not a local file.");
            return;
        }

        Assert.Equal(StoreOutcome.Ok, await Driver.DeleteAsync(stored.Location, Cancel));

        var buffer = new byte[100_001];
        Assert.Equal(100_000, RandomAccess.Read(file.Handle, buffer, 0));
        Assert.Equal(pattern.Bytes(0, 100_000), buffer[..100_000]);
        await AssertIsAsync(source, pattern, 100_000);
    }

    // Names are used again: whoever still reads the old image must not get the new one.
    [DriverCase]
    public async Task Open_source_never_gives_bytes_of_a_later_image()
    {
        NeedsWriting();
        var image = NewImage();
        var (old, later) = (new Pattern(19), new Pattern(190));
        var stored = await StoreAndSettleAsync(old, ReadLength, image);
        await using var source = await OpenAsync(stored.Location);
        await using var stream = await source.OpenRangeAsync(0, null, Cancel);
        var begin = new byte[1000];
        await stream.ReadExactlyAsync(begin, Cancel);
        Assert.Equal(old.Bytes(0, begin.Length), begin);

        var deleted = await Driver.DeleteAsync(stored.Location, Cancel);
        if (deleted == StoreOutcome.InUse)
            Assert.Skip("The backend does not delete what is being read.");
        Assert.Equal(StoreOutcome.Ok, deleted);
        var again = await StoreAndSettleAsync(later, ReadLength, image);

        foreach (var offset in (int[])[0, 1_048_000, ReadLength - 5000])
            await AssertOldOrChangedAsync(source, old, offset, 5000);
        await AssertOldOrChangedAsync(stream, old, begin.Length);
        await AssertHoldsAsync(again.Location, later, ReadLength);
    }

    private async ValueTask AssertOldOrChangedAsync(IByteSource source, Pattern old, int offset, int count)
    {
        var buffer = new byte[count];
        try
        {
            Assert.Equal(count, await source.ReadAsync(offset, buffer, Cancel));
        }
        catch (StoreException exception) when (exception.Error == StoreError.Changed)
        {
            return;
        }

        Assert.True(buffer.AsSpan().SequenceEqual(old.Bytes(offset, count)), $"A source that was opened before the delete gave other bytes at {offset}.");
    }

    private async ValueTask AssertOldOrChangedAsync(Stream stream, Pattern old, int offset)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (await stream.ReadAsync(buffer, Cancel) is > 0 and var read)
            {
                Assert.True(buffer.AsSpan(0, read).SequenceEqual(old.Bytes(offset, read)), $"A stream that was opened before the delete gave other bytes at {offset}.");
                offset += read;
            }

            Assert.Equal(ReadLength, offset);
        }
        catch (StoreException exception) when (exception.Error == StoreError.Changed)
        {
            // Said in time.
        }
    }
}
