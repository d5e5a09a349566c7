using CsCheck;

namespace GlanceGateway.Formats;

/// <summary>The result depends on the bytes, not on the pieces they come in.</summary>
public sealed class ChunkingTests
{
    private static readonly Gen<int> pieceLengths =
        Gen.Frequency((3, Gen.Int[0, 20]), (3, Gen.Int[400, 600]), (2, Gen.Int[1000, 70_000]), (1, Gen.Const(512)), (1, Gen.Const(1536)));

    [Fact]
    public void Pieces_of_any_lengths_give_the_same_result()
    {
        var gen = Gen.Select(Gen.Int[0, CraftedImages.All.Count - 1], pieceLengths.Array[1, 40], Gen.Int[0, 2000]);
        gen.Sample((which, lengths, cut) =>
        {
            var bytes = CraftedImages.All[which].Bytes.AsSpan();
            bytes = bytes[..Math.Max(0, bytes.Length - (cut % 4 == 0 ? cut : 0))];
            var inspector = new FormatInspector();
            var at = 0;
            for (var i = 0; at < bytes.Length; i++)
            {
                // Where the drawn lengths end, larger ones follow, so that large images end soon.
                var length = Math.Min(i < lengths.Length ? lengths[i] : 1 + (lengths[i % lengths.Length] * 10), bytes.Length - at);
                inspector.Append(bytes.Slice(at, length));
                at += length;
            }

            return inspector.Complete().Text() == Inspections.Stream(bytes, int.MaxValue).Text();
        });
    }

    [Fact]
    public void Single_bytes_give_the_same_result()
    {
        foreach (var (_, bytes, _) in CraftedImages.All)
        {
            Assert.Equal(Inspections.Stream(bytes, int.MaxValue).Text(), Inspections.Stream(bytes, 1).Text());
        }
    }

    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(100)]
    [InlineData(4096)]
    public async Task Reads_at_random_give_the_same_result_and_are_few(int mostPerRead)
    {
        foreach (var (_, bytes, _) in CraftedImages.All)
        {
            var read = 0;
            Assert.Equal(Inspections.Stream(bytes).Text(), (await Inspections.RandomAsync(bytes, mostPerRead, n => read += n)).Text());
            Assert.InRange(read, 0, 56 * 1024);
        }
    }

    [Fact]
    public async Task A_source_that_is_shorter_than_it_said_is_cut_off()
    {
        var bytes = CraftedImages.Vhdx();
        var result = await FormatInspector.InspectAsync((_, _, _) => ValueTask.FromResult(0), bytes.Length, TestContext.Current.CancellationToken);
        Assert.True(result.IsRaw);
        var readable = 200_000;
        result = await FormatInspector.InspectAsync(
            (offset, memory, _) =>
            {
                var n = (int)Math.Clamp(readable - offset, 0, memory.Length);
                bytes.AsSpan((int)Math.Min(offset, readable), n).CopyTo(memory.Span);
                return ValueTask.FromResult(n);
            },
            bytes.Length,
            TestContext.Current.CancellationToken);
        Assert.Equal(["vhdx:header"], result.Failed());
    }

    [Fact]
    public void A_complete_inspection_stays_as_it_is()
    {
        var inspector = new FormatInspector();
        inspector.Append(CraftedImages.Qcow2(3));
        Assert.Same(inspector.Complete(), inspector.Complete());
        Assert.Equal(512, inspector.TotalBytes);
        Assert.Throws<InvalidOperationException>(() => inspector.Append([1]));
    }
}
