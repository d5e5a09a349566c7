using System.Diagnostics;

namespace GlanceGateway.Formats;

/// <summary>What an inspection costs an upload, whose hashes take seconds of CPU per GiB.</summary>
public sealed class CostTests
{
    private const int Piece = 64 * 1024;
    private const int PiecesPerGiB = (1 << 30) / Piece;

    /// <summary>Measured: 1 to 7 ms and 13 to 26 KB. The bound on time leaves room for busy machines.</summary>
    [Theory]
    [InlineData("nothing")]
    [InlineData("qcow2")]
    [InlineData("vmdk with a footer")]
    [InlineData("iso")]
    public void A_GiB_costs_next_to_nothing(string image)
    {
        var front = CraftedImages.All.Single(crafted => crafted.Name == image).Bytes;
        var piece = new byte[Piece];
        new Random(1).NextBytes(piece);
        Inspections.Stream(front);

        var before = GC.GetAllocatedBytesForCurrentThread();
        var cpu = Process.GetCurrentProcess().TotalProcessorTime;
        var inspector = new FormatInspector();
        inspector.Append(front);
        for (var i = 0; i < PiecesPerGiB; i++)
        {
            inspector.Append(piece);
        }

        inspector.Complete();
        cpu = Process.GetCurrentProcess().TotalProcessorTime - cpu;
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        TestContext.Current.TestOutputHelper!.WriteLine($"{cpu.TotalMilliseconds:N1} ms of CPU, {allocated:N0} bytes");
        Assert.InRange(allocated, 0, 128 * 1024);
        Assert.InRange(cpu.TotalSeconds, 0, 1);
    }

    [Fact]
    public void Single_bytes_cost_in_proportion()
    {
        var bytes = new byte[4 << 20];
        var clock = Stopwatch.StartNew();
        Inspections.Stream(bytes, 1);
        TestContext.Current.TestOutputHelper!.WriteLine($"{clock.Elapsed.TotalMilliseconds * 1_000_000 / bytes.Length:N0} ns per byte");
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 10);
    }

    /// <summary>The longest description that is read at all, next to tables of regions: what the most greedy image gets.</summary>
    [Fact]
    public void The_most_greedy_image_gets_less_than_a_MiB()
    {
        var image = CraftedImages.Vmdk(CraftedImages.Descriptor);
        image[36] = 128;
        var before = GC.GetAllocatedBytesForCurrentThread();
        var inspector = new FormatInspector();
        inspector.Append(image);
        inspector.Append(new byte[1]);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.InRange(allocated, 64 * 1024, 256 * 1024);
    }
}
