using GlanceGateway.Abstractions;
using GlanceGateway.Testing;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Blocks.Tests;

/// <summary>Whatever happens to the cache, readers get the right bytes.</summary>
public sealed class TroubleTests
{
    private const int Length = (5 << 20) + 4321;

    private static readonly byte[] s_bytes = Content.Of(Length, seed: 7);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Killed_at_any_moment_what_is_left_is_right_or_absent()
    {
        using var directory = new TempDirectory();
        var random = new Random(17);
        for (var round = 0; round < (Requires.FullCounts ? 60 : 5); round++)
        {
            using (var victim = Victim.Start(directory.Path, round))
            {
                Assert.Equal("ready", await victim.StandardOutput.ReadLineAsync(Token));
                await Task.Delay(random.Next(10, 400), Token);
                Assert.False(victim.HasExited);
                victim.Kill();
                await victim.WaitForExitAsync(Token);
            }

            await using var cache = CacheHome.Open(directory.Path);
            foreach (var found in cache.List())
            {
                await using var source = cache.Wrap(Content.Key(found.Id, Victim.Bytes), new TestSource(Victim.Bytes).Open(), Victim.Length);
                var buffer = new byte[200_000];
                for (var i = 0; i < 40; i++)
                {
                    var offset = random.Next(Victim.Length);
                    var read = await source.ReadAsync(offset, buffer, Token);
                    Assert.True(Victim.Bytes.AsSpan(offset, read).SequenceEqual(buffer.AsSpan(0, read)), $"wrong bytes at {offset}");
                }
            }

            // A kill loses no write that was made, so nothing may even look rotten.
            Assert.Equal(0, cache.Status.CorruptBlocks);
        }
    }

    [Theory]
    [InlineData("data")]
    [InlineData("map")]
    public async Task Flipped_bits_are_found_and_fetched_again(string file)
    {
        await using var home = new CacheHome(o => o with { BlockBytes = 64 << 10 });
        var backend = new TestSource(s_bytes);
        var key = Content.Key("a", s_bytes);
        var random = new Random(3);
        for (var round = 0; round < 6; round++)
        {
            Assert.True(await home.Cache.WarmAsync(key, backend.Open(), Length, Token));
            // Now and then while the process runs, now and then while it does not.
            if (round % 2 == 0)
                await home.ReopenAsync();
            using (var handle = File.OpenHandle(home.FileNamed(file), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
            {
                var length = RandomAccess.GetLength(handle);
                for (var i = 0; i < 4; i++)
                {
                    var at = random.NextInt64(length);
                    var one = new byte[1];
                    RandomAccess.Read(handle, one, at);
                    RandomAccess.Write(handle, [(byte)(one[0] ^ (1 << random.Next(8)))], at);
                }
            }

            await using var source = home.Cache.Wrap(key, backend.Open(), Length);
            Assert.Equal(s_bytes, await CacheHome.ReadAllAsync(source, Token));
        }

        Assert.True(backend.MostSent > 1);
    }

    [Fact]
    public async Task Garbage_for_files_is_no_object()
    {
        await using var home = new CacheHome();
        var backend = new TestSource(s_bytes);
        var key = Content.Key("a", s_bytes);
        foreach (var (file, content) in new[] { ("object.json", "{\"Format\":1,"), ("object.json", ""), ("map", ""), ("data", "") })
        {
            Assert.True(await home.Cache.WarmAsync(key, backend.Open(), Length, Token));
            File.WriteAllText(home.FileNamed(file), content);
            await home.ReopenAsync();
            await using var source = home.Cache.Wrap(key, backend.Open(), Length);
            Assert.Equal(s_bytes, await CacheHome.ReadAllAsync(source, Token));
        }
    }

    [Fact]
    public async Task Verify_finds_rot_before_a_reader_does()
    {
        await using var home = new CacheHome();
        var key = Content.Key("a", s_bytes);
        Assert.True(await home.Cache.WarmAsync(key, new TestSource(s_bytes).Open(), Length, Token));
        Assert.Equal(new VerifyResult(21, 0, IsVerified: true), await home.Cache.VerifyAsync("a", Token));
        File.WriteAllBytes(home.FileNamed("data"), new byte[Length]);
        var result = await home.Cache.VerifyAsync("a", Token);
        Assert.NotNull(result);
        Assert.False(result.IsVerified);
        Assert.InRange(result.CorruptBlocks, 15, 21);
        Assert.Null(await home.Cache.VerifyAsync("b", Token));
    }

    [Fact]
    public async Task A_full_disk_sends_readers_to_the_source()
    {
        Requires.Need(Environment.IsPrivilegedProcess, "mounting a small filesystem takes root");
        using var directory = new TempDirectory();
        (await Command.RunAsync("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", directory.Path])).Succeeded();
        try
        {
            // The limits would let it: only the disk says no.
            await using var cache = CacheHome.Open(directory.Path, o => o with { FreeBytes = () => 1L << 40 });
            var backend = new TestSource(s_bytes);
            for (var round = 0; round < 3; round++)
            {
                await using var source = cache.Wrap(Content.Key("a", s_bytes), backend.Open(), Length);
                Assert.Equal(s_bytes, await CacheHome.ReadAllAsync(source, Token));
                Assert.Equal(s_bytes, await CacheHome.StreamAllAsync(source, Token));
            }

            Assert.True(cache.Status.StoreFailures > 0);
            Assert.True(cache.Status.HitBytes > 0);
            // Room comes back, and the cache with it.
            Assert.True(cache.Evict("a"));
            var small = s_bytes[..1_000_000];
            await CacheHome.UntilAsync(() => cache.WarmAsync(Content.Key("b", small), new TestSource(small).Open(), small.Length, Token).Result, Token);
        }
        finally
        {
            (await Command.RunAsync("umount", ["-l", directory.Path])).Succeeded();
        }
    }

    [Fact]
    public async Task The_limit_holds_and_the_least_recently_used_goes_first()
    {
        await using var home = new CacheHome(o => o with { MaxBytes = 12 << 20 });
        var key = (string id) => Content.Key(id, s_bytes);
        Assert.True(await home.Cache.WarmAsync(key("pinned"), new TestSource(s_bytes).Open(), Length, Token));
        Assert.True(home.Cache.Pin("pinned"));
        Assert.True(await home.Cache.WarmAsync(key("old"), new TestSource(s_bytes).Open(), Length, Token));
        Assert.True(await home.Cache.WarmAsync(key("new"), new TestSource(s_bytes).Open(), Length, Token));
        Assert.Equal(["new", "pinned"], home.Cache.List().Select(o => o.Id));
        Assert.True(home.Cache.Status.StoredBytes <= 12 << 20);
        await home.ReopenAsync();
        Assert.True(home.Cache.Find("pinned")!.IsPinned);
        Assert.Equal(1, home.Cache.Prune(0).Objects);
        Assert.Equal("pinned", Assert.Single(home.Cache.List()).Id);
    }

    [Fact]
    public async Task An_object_larger_than_the_cache_is_kept_in_part_and_read_right()
    {
        await using var home = new CacheHome(o => o with { MaxBytes = 2 << 20, BlockBytes = 64 << 10 });
        var backend = new TestSource(s_bytes);
        await using var source = home.Cache.Wrap(Content.Key("a", s_bytes), backend.Open(), Length);
        for (var round = 0; round < 3; round++)
            Assert.Equal(s_bytes, await CacheHome.StreamAllAsync(source, Token));
        Assert.True(home.Cache.Status.StoredBytes <= 2 << 20);
        Assert.True(home.Cache.Status.EvictedBytes > Length);
        Assert.Equal(0, home.Cache.Status.CorruptBlocks);
    }

    /// <summary>A keeper holds mounts over restarts: what a kernel got from the process before must not lose a byte to the process after it.</summary>
    [Fact]
    public async Task A_file_that_was_given_out_stays_whole_after_a_restart_whatever_room_is_needed()
    {
        await using var home = new CacheHome(o => o with { MaxBytes = 7 << 20, BlockBytes = 64 << 10 });
        var key = Content.Key("running", s_bytes);
        Assert.True(await home.Cache.WarmAsync(key, new TestSource(s_bytes).Open(), Length, Token));
        SafeFileHandle given;
        Assert.True(home.Cache.TryOpen(key, Length, _ => throw new InvalidOperationException("asked for nothing"), out var opened));
        await using (opened)
            given = File.OpenHandle($"/proc/self/fd/{Assert.IsType<ILocalFile>(opened, exactMatch: false).Handle.DangerousGetHandle()}");
        using (given)
        {
            await home.ReopenAsync();
            // In use, so it is not evicted as a whole, and not proven again yet.
            await using var again = home.Cache.Wrap(key, new TestSource(s_bytes).Open(), Length);
            Assert.Equal(1, await again.ReadAsync(0, new byte[1], Token));
            await using var other = home.Cache.Wrap(Content.Key("other", s_bytes), new TestSource(s_bytes).Open(), Length);
            Assert.Equal(s_bytes, await CacheHome.StreamAllAsync(other, Token));
            Assert.Equal(s_bytes, await CacheHome.StreamAllAsync(other, Token));

            var read = new byte[Length];
            Assert.Equal(Length, RandomAccess.Read(given, read, 0));
            Assert.Equal(s_bytes, read);
        }
    }

    [Fact]
    public async Task The_free_space_of_the_disk_is_left_alone()
    {
        await using var home = new CacheHome(o => o with { MinFreeBytes = 1 << 30, FreeBytes = () => (1 << 30) - 1 });
        await using var source = home.Cache.Wrap(Content.Key("a", s_bytes), new TestSource(s_bytes).Open(), Length);
        Assert.Equal(s_bytes, await CacheHome.ReadAllAsync(source, Token));
        Assert.Equal(Length, home.Cache.Status.DirectBytes);
        Assert.InRange(home.Cache.Status.StoredBytes, 0, 8192);
    }

    [Fact]
    public async Task A_second_cache_in_the_directory_is_refused()
    {
        await using var home = new CacheHome();
        Assert.Contains("another process", Assert.Throws<IOException>(() => CacheHome.Open(home.Directory)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Scratch_leaves_nothing()
    {
        await using var home = new CacheHome(o => o with { KeepUnused = false });
        var backend = new TestSource(s_bytes) { Ranges = false };
        await using (var source = home.Cache.Wrap(Content.Key("a", s_bytes), backend.Open(), Length))
        {
            var buffer = new byte[1000];
            await source.ReadAsync(3_000_000, buffer, Token);
            Assert.Equal(s_bytes[3_000_000..3_001_000], buffer);
        }

        Assert.Empty(home.Cache.List());
        Assert.Empty(Directory.GetFiles(Path.Combine(home.Directory, "objects"), "*", SearchOption.AllDirectories));
        await CacheHome.UntilAsync(() => backend.StillOpen == 0, Token);
    }

    [Fact]
    public async Task A_source_that_changed_is_not_asked_again()
    {
        await using var home = new CacheHome(o => o with { Attempts = 5 });
        var asked = 0;
        Assert.True(await home.Cache.WarmAsync(Content.Key("a", s_bytes), new TestSource(s_bytes).Open(), Length, Token));
        File.WriteAllBytes(home.FileNamed("map"), []);
        await home.ReopenAsync();
        await using var source = home.Cache.Wrap(Content.Key("a", s_bytes), new Changed(() => asked++), Length);
        await Assert.ThrowsAsync<StoreException>(() => source.ReadAsync(0, new byte[10], Token).AsTask());
        Assert.Equal(1, asked);
    }

    private sealed class Changed(Action asked) : IByteSource
    {
        public long? Length => TroubleTests.Length;

        public string? Validator => null;

        public ByteSourceHints Hints => new(1 << 20, 1, Ranges: true);

        public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken) => throw Fault();

        public ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken) => throw Fault();

        public ValueTask DisposeAsync() => default;

        private StoreException Fault()
        {
            asked();
            return new StoreException(StoreError.Changed, "It is another one by now.");
        }
    }
}
