using System.Diagnostics;
using System.Security.Cryptography;
using GlanceGateway.Abstractions;
using GlanceGateway.Formats.Raw;
using GlanceGateway.Testing;

namespace GlanceGateway.Formats;

/// <summary>Broken disks by the thousand under the raw view. Each is found again by the seed in the message.</summary>
public sealed class RawViewFuzzTests : IDisposable
{
    /// <summary>A view's caches, a buffer and the tables of an inspection.</summary>
    private const long MostAllocatedPerRead = 24 << 20;

    private static readonly (string Format, string Options, bool Compress, string DiskFormat, (int Offset, int Length)[] Places)[] kinds =
    [
        ("qcow2", "compat=1.1", false, "qcow2", [(0, 112), (0x30000, 16), (0x40000, 160), (0x40000, 160)]),
        ("qcow2", "compat=0.10,cluster_size=512", false, "qcow2", [(0, 80), (512, 16 << 10)]),
        ("qcow2", "compression_type=zstd", true, "qcow2", [(0, 112), (0x30000, 16), (0x40000, 160), (0x50000, 64 << 10)]),
        ("qcow2", "cluster_size=4k", true, "qcow2", [(0, 112), (4096, 16 << 10)]),
        ("qcow2", "extended_l2=on", false, "qcow2", [(0, 112), (0x30000, 16), (0x40000, 300), (0x40000, 300)]),
        ("vmdk", "subformat=monolithicSparse", false, "vmdk", [(0, 80), (21 * 512, 128 * 512)]),
        ("vmdk", "subformat=streamOptimized", false, "vmdk", [(0, 80), (21 * 512, 128 * 512), (128 * 512, 64 << 10)]),
        ("vdi", "static=off", false, "vdi", [(0x40, 0x190), (0x200, 16)]),
        ("vpc", "subformat=dynamic", false, "vhd", [(0, 85), (512, 80), (1536, 16)]),
        ("vpc", "subformat=dynamic,force_size=on", false, "vhd", [(0, 85), (512, 80), (1536, 16)]),
        ("vhdx", "block_size=1M,log_size=1M", false, "vhdx", [(64 << 10, 80), ((192 << 10) + 16, 80), ((2 << 20) + 32, 160), ((2 << 20) + (64 << 10), 40), (3 << 20, 32)]),
    ];

    private readonly TempDirectory _folder = new();

    /// <inheritdoc/>
    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task No_image_makes_a_view_throw_anything_else_or_grow_or_hang()
    {
        Requires.Programs("qemu-img");
        var images = await MakeAsync();
        var clock = Stopwatch.StartNew();
        var (seed, shown) = (1, 0);
        for (; seed <= 1500 || (Requires.FullCounts && clock.Elapsed < TimeSpan.FromMinutes(10)); seed++)
        {
            var (name, bytes) = new Mutation(seed).Next(images);
            var diskFormat = name.Split(' ')[0];
            var cost = await CostAsync();

            // Tests beside this one allocate and take the processor too: what counts is what it takes every time.
            for (var again = 0; again < 5 && cost.IsTooMuch; again++)
            {
                cost = await CostAsync();
            }

            shown += cost.Shown ? 1 : 0;
            Assert.False(cost.IsTooMuch, $"seed {seed}, from {name}: {cost.Allocated:N0} bytes allocated in {cost.Took}");

            async Task<Cost> CostAsync()
            {
                var (before, start, isShown) = (GC.GetTotalAllocatedBytes(), clock.Elapsed, false);
                try
                {
                    isShown = await ReadAsync(bytes, diskFormat, seed);
                }
                catch (Exception e) when (e is not (RawViewException or StoreException))
                {
                    throw new InvalidOperationException($"seed {seed}, from {name}: {e}", e);
                }
                catch (Exception)
                {
                    // Refused or found damaged, as it should be.
                }

                return new Cost(isShown, GC.GetTotalAllocatedBytes() - before, clock.Elapsed - start);
            }
        }

        TestContext.Current.TestOutputHelper!.WriteLine($"{seed - 1:N0} images, {shown:N0} of them shown, in {clock.Elapsed.TotalSeconds:N0} s");
        Assert.True(shown > 50, $"only {shown} were shown");
    }

    /// <summary>A broken image that both of us show, both show alike.</summary>
    [Fact]
    public async Task What_it_shows_QEMU_shows_too()
    {
        Requires.Programs("qemu-img");
        var images = await MakeAsync();
        var clock = Stopwatch.StartNew();
        var (compared, path) = (0, _folder["disk.img"]);
        for (var seed = 1; seed <= 120 || (Requires.FullCounts && clock.Elapsed < TimeSpan.FromMinutes(5)); seed++)
        {
            var (name, bytes) = new Mutation(seed).Next(images);
            await File.WriteAllBytesAsync(path, bytes, TestContext.Current.CancellationToken);
            if (await HashAsync(path, name.Split(' ')[0]) is not { } ours)
            {
                continue;
            }

            var converted = await Command.RunAsync("qemu-img", ["convert", "-f", name.Split(' ')[1], "-O", "raw", path, _folder["theirs.raw"]]);
            if (converted.ExitCode == 0)
            {
                compared++;
                await using var theirs = File.OpenRead(_folder["theirs.raw"]);
                Assert.True(Convert.ToHexString(await SHA256.HashDataAsync(theirs, TestContext.Current.CancellationToken)) == ours, $"seed {seed}, from {name}");
            }
        }

        TestContext.Current.TestOutputHelper!.WriteLine($"{compared} images compared");
        Assert.True(compared > 20, $"only {compared} were compared");
    }

    private readonly record struct Cost(bool Shown, long Allocated, TimeSpan Took)
    {
        public bool IsTooMuch => Allocated >= 8 * MostAllocatedPerRead || Took >= TimeSpan.FromSeconds(20);
    }

    private static async Task<bool> ReadAsync(byte[] bytes, string diskFormat, int seed)
    {
        await using var view = await RawView.OpenAsync(new ArraySource(bytes), diskFormat, TestContext.Current.CancellationToken);
        var random = new Random(seed);
        var length = view.Length!.Value;
        var buffer = new byte[256 << 10];
        for (var i = 0; i < 8 && length > 0; i++)
        {
            var offset = i < 4 ? Math.Min(i * buffer.Length, length - 1) : random.NextInt64(length);
            Assert.Equal(Math.Min(buffer.Length, length - offset), await view.ReadAsync(offset, buffer, TestContext.Current.CancellationToken));
            var extent = await ((IExtentMap)view).GetExtentAsync(offset, TestContext.Current.CancellationToken);
            Assert.True(extent.Offset == offset && extent.Length > 0 && extent.Offset + extent.Length <= length, $"{extent}");
        }

        return true;
    }

    /// <summary>The hash of the whole disk, null when it is refused, damaged or too large to compare.</summary>
    private static async Task<string?> HashAsync(string path, string diskFormat)
    {
        await using var source = new FileSource(path);
        try
        {
            await using var view = await RawView.OpenAsync(source, diskFormat, TestContext.Current.CancellationToken);
            if (view.Length > 64 << 20)
            {
                return null;
            }

            await using var stream = await view.OpenRangeAsync(0, null, TestContext.Current.CancellationToken);
            return Convert.ToHexString(await SHA256.HashDataAsync(stream, TestContext.Current.CancellationToken));
        }
        catch (Exception e) when (e is RawViewException or StoreException)
        {
            return null;
        }
    }

    private async Task<(string Name, byte[] Bytes, (int Offset, int Length)[] Places)[]> MakeAsync()
    {
        var disk = new byte[1 << 20];
        var random = new Random(1);
        random.NextBytes(disk.AsSpan(0, 3000));
        disk.AsSpan(128 << 10, 100_000).Fill(7);
        random.NextBytes(disk.AsSpan(600_000, 2000));
        await File.WriteAllBytesAsync(_folder["source.raw"], disk, TestContext.Current.CancellationToken);
        var images = new List<(string Name, byte[] Bytes, (int Offset, int Length)[] Places)>();
        foreach (var (format, options, compress, diskFormat, places) in kinds)
        {
            string[] flags = compress ? ["-c"] : [];
            (await Command.RunAsync("qemu-img", ["convert", .. flags, "-f", "raw", "-O", format, "-o", options, _folder["source.raw"], _folder["source.img"]])).Succeeded();
            images.Add(($"{diskFormat} {format} {options}", await File.ReadAllBytesAsync(_folder["source.img"], TestContext.Current.CancellationToken), places));
        }

        return [.. images];
    }

    private sealed class ArraySource(byte[] bytes) : IByteSource
    {
        public long? Length => bytes.Length;

        public string? Validator => null;

        public ByteSourceHints Hints { get; } = new(1 << 20, 4, Ranges: true);

        public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
        {
            var rest = bytes.AsSpan((int)Math.Min(offset, bytes.Length));
            var count = Math.Min(rest.Length, buffer.Length);
            rest[..count].CopyTo(buffer.Span);
            return ValueTask.FromResult(count);
        }

        public ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken) =>
            ValueTask.FromResult<Stream>(new ByteSourceStream(this, offset, length));

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
