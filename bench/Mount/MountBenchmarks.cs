using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using GlanceGateway.View;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Bench;

/// <summary>
/// Reads of a mounted image against reads of the file behind it. The file is in the page cache; the mount's own pages are dropped before every
/// iteration, so that in copy mode every read really goes through the gateway. An operation is one read. Needs root and /dev/fuse.
/// </summary>
/// <remarks>The reading thread blocks in the kernel on a mount that this very process serves. That is safe because the mount answers on
/// threads of its own and a benchmark runs on one of its own too: no thread pool is between them.</remarks>
[GroupBenchmarksBy(BenchmarkLogicalGroupRule.ByCategory)]
[CategoriesColumn]
public class MountBenchmarks
{
    private const int ImageSize = 256 << 20;
    private const int SmallRead = 4096;
    private const int SmallReads = 16384;
    private const int LargeRead = 1 << 20;
    private const int LargeReads = ImageSize / LargeRead;
    private const string Random4KiB = "random 4 KiB";
    private const string Sequential1MiB = "sequential 1 MiB";

    private readonly byte[] buffer = new byte[LargeRead];
    private long[] places = [];
    private string folder = "";
    private (ImageMount Mount, SafeFileHandle Random, SafeFileHandle Sequential) passthrough;
    private (ImageMount Mount, SafeFileHandle Random, SafeFileHandle Sequential) copy;
    private (SafeFileHandle Random, SafeFileHandle Sequential) native;

    [GlobalSetup]
    public async Task MountAsync()
    {
        var gateway = await SharedGateway.GetAsync();
        var path = gateway.FileOf(await gateway.StoredAsync(ImageSize));
        folder = Path.Combine(gateway.Folder, "mounts");
        native = Open(path);
        passthrough = await MountAsync(path, "passthrough", isPassthrough: true);
        copy = await MountAsync(path, "copy", isPassthrough: false);
        if (passthrough.Mount.PassthroughOpens == 0)
        {
            throw new InvalidOperationException("The kernel reads nothing itself: passthrough takes Linux 6.9, root, and a plain local filesystem below GLANCE_BENCH_DIRECTORY.");
        }

        var random = new Random(1);
        places = [.. Enumerable.Range(0, ImageSize / SmallRead).Select(i => (long)i * SmallRead)];
        random.Shuffle(places);
    }

    [GlobalCleanup]
    public async Task UnmountAsync()
    {
        foreach (var handle in new[] { native.Random, native.Sequential, passthrough.Random, passthrough.Sequential, copy.Random, copy.Sequential })
        {
            handle.Dispose();
        }

        await passthrough.Mount.DisposeAsync();
        await copy.Mount.DisposeAsync();
    }

    [IterationSetup]
    public void Settle()
    {
        PageCache.Drop(copy.Random);
        PageCache.Drop(passthrough.Random);
        PageCache.Warm(native.Random);
    }

    [Benchmark(Baseline = true, OperationsPerInvoke = SmallReads), BenchmarkCategory(Random4KiB), Moves(SmallRead)]
    public void NativeRandom() => ReadRandom(native.Random);

    [Benchmark(OperationsPerInvoke = SmallReads), BenchmarkCategory(Random4KiB), Moves(SmallRead)]
    public void PassthroughRandom() => ReadRandom(passthrough.Random);

    [Benchmark(OperationsPerInvoke = SmallReads), BenchmarkCategory(Random4KiB), Moves(SmallRead)]
    public void CopyRandom() => ReadRandom(copy.Random);

    [Benchmark(Baseline = true, OperationsPerInvoke = LargeReads), BenchmarkCategory(Sequential1MiB), Moves(LargeRead)]
    public void NativeSequential() => ReadThrough(native.Sequential);

    [Benchmark(OperationsPerInvoke = LargeReads), BenchmarkCategory(Sequential1MiB), Moves(LargeRead)]
    public void PassthroughSequential() => ReadThrough(passthrough.Sequential);

    [Benchmark(OperationsPerInvoke = LargeReads), BenchmarkCategory(Sequential1MiB), Moves(LargeRead)]
    public void CopySequential() => ReadThrough(copy.Sequential);

    private static (SafeFileHandle Random, SafeFileHandle Sequential) Open(string path) =>
        (File.OpenHandle(path, options: FileOptions.RandomAccess), File.OpenHandle(path));

    private async Task<(ImageMount Mount, SafeFileHandle Random, SafeFileHandle Sequential)> MountAsync(string path, string name, bool isPassthrough)
    {
        var directory = Directory.CreateDirectory(Path.Combine(folder, name)).FullName;
        var mount = await ImageMount.StartAsync(
            new SingleFileSource(path), new ImageMountOptions { Directory = directory, Passthrough = isPassthrough }, NullLoggerFactory.Instance);
        // On a thread of its own, like every touch of a mount that this process serves.
        var (random, sequential) = await Task.Factory.StartNew(
            () => Open(Path.Combine(directory, "by-id", SingleFileSource.ImageId)), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        return (mount, random, sequential);
    }

    private void ReadRandom(SafeFileHandle file)
    {
        for (var i = 0; i < SmallReads; i++)
        {
            Expect(RandomAccess.Read(file, buffer.AsSpan(0, SmallRead), places[i]), SmallRead);
        }
    }

    private void ReadThrough(SafeFileHandle file)
    {
        for (var i = 0; i < LargeReads; i++)
        {
            Expect(RandomAccess.Read(file, buffer, (long)i * LargeRead), LargeRead);
        }
    }

    private static void Expect(int count, int wanted)
    {
        if (count != wanted)
        {
            throw new EndOfStreamException($"A read gave {count} of {wanted} bytes.");
        }
    }
}
