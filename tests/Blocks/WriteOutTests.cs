using GlanceGateway.Abstractions;
using GlanceGateway.Testing;

namespace GlanceGateway.Blocks.Tests;

/// <summary>Objects that are made here and whose hash nobody knows, and what is kept before it is there.</summary>
public sealed class WriteOutTests
{
    private const int Length = (6 << 20) + 4321;

    private static readonly byte[] s_bytes = WithHole();

    private static readonly BlockKey s_key = new("image-raw", Generation: "1");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_written_out_is_a_sparse_plain_file_and_its_source_is_asked_no_more()
    {
        await using var home = new CacheHome(o => o with { MaxBytes = 5 << 20 });
        var backend = new TestSource(s_bytes);
        // More than the cache may take, but for its holes.
        Assert.True(await home.Cache.WriteOutAsync(s_key, _ => ValueTask.FromResult(backend.Open(extents: true)), Length, Token));
        Assert.Equal(0, backend.StillOpen);
        var requests = backend.Requests;
        var status = home.Cache.Find(s_key.Id)!;
        Assert.True(status is { IsComplete: true, IsVerified: true });
        Assert.InRange(status.StoredBytes, 2 << 20, 4 << 20);
        Assert.True(home.Cache.TryOpen(s_key, Length, _ => throw new InvalidOperationException("The source is not needed."), out var opened));
        await using (opened)
        {
            Assert.IsType<ILocalFile>(opened, exactMatch: false);
            Assert.True((await CacheHome.ReadAllAsync(opened, Token)).AsSpan().SequenceEqual(s_bytes));
        }

        // Written once: the second time there is nothing to do.
        Assert.True(await home.Cache.WriteOutAsync(s_key, _ => throw new InvalidOperationException("The source is not needed."), Length, Token));
        Assert.Equal(requests, backend.Requests);

        // Over a restart it is compared with its checksums once, and is a plain file again; also after somebody had it verified.
        await home.ReopenAsync();
        Assert.True(await home.Cache.VerifyAsync(s_key.Id, Token) is { CorruptBlocks: 0, IsVerified: true });
        Assert.True(home.Cache.TryOpen(s_key, Length, _ => throw new InvalidOperationException("The source is not needed."), out var again));
        await using (again)
            Assert.IsType<ILocalFile>(again, exactMatch: false);
    }

    [Fact]
    public async Task A_source_that_does_not_say_the_same_twice_leaves_nothing()
    {
        await using var home = new CacheHome();
        var opens = 0;
        var lie = s_bytes.ToArray();
        lie[^1] ^= 1;
        var fault = await Assert.ThrowsAsync<StoreException>(() => home.Cache.WriteOutAsync(
            s_key, _ => ValueTask.FromResult(new TestSource(opens++ == 0 ? s_bytes : lie).Open()), Length, Token));
        Assert.Equal(StoreError.Corrupt, fault.Error);
        Assert.Null(home.Cache.Find(s_key.Id));
        Assert.Equal(0, home.Cache.Status.StoredBytes);
    }

    [Fact]
    public async Task A_rotten_block_ends_the_proof_until_it_is_written_out_again()
    {
        await using var home = new CacheHome();
        ValueTask<IByteSource> Open(CancellationToken token) => ValueTask.FromResult(new TestSource(s_bytes).Open(extents: true));
        Assert.True(await home.Cache.WriteOutAsync(s_key, Open, Length, Token));
        await home.ReopenAsync();
        using (var file = File.OpenWrite(home.FileNamed("data")))
        {
            file.Position = Length - 10;
            file.WriteByte((byte)~s_bytes[Length - 10]);
        }

        Assert.True(await home.Cache.VerifyAsync(s_key.Id, Token) is { CorruptBlocks: 1, IsVerified: false });
        Assert.False(home.Cache.Find(s_key.Id)!.IsVerified);
        Assert.True(await home.Cache.WriteOutAsync(s_key, Open, Length, Token));
        Assert.True(home.Cache.TryOpen(s_key, Length, Open, out var opened));
        await using (opened)
            Assert.True((await CacheHome.ReadAllAsync(opened, Token)).AsSpan().SequenceEqual(s_bytes));
    }

    [Fact]
    public async Task What_does_not_fit_is_told_and_drives_out_no_pinned_object()
    {
        await using var home = new CacheHome(o => o with { MaxBytes = 3 << 20 });
        var small = Content.Of(1 << 20, seed: 5);
        Assert.True(home.Cache.Pin(Content.Key("pinned", small), small.Length));
        await home.ReopenAsync();
        Assert.True(home.Cache.Find("pinned") is { IsPinned: true, CachedBytes: 0 });
        Assert.True(await home.Cache.WarmAsync(Content.Key("pinned", small), new TestSource(small).Open(), small.Length, Token));
        Assert.False(await home.Cache.WriteOutAsync(s_key, _ => ValueTask.FromResult(new TestSource(s_bytes).Open(extents: true)), Length, Token));
        Assert.True(home.Cache.Find("pinned") is { IsVerified: true });
    }

    [Fact]
    public async Task Killed_while_warming_and_writing_out_nothing_wrong_and_no_refuse_is_left()
    {
        using var directory = new TempDirectory();
        var random = new Random(23);
        for (var round = 0; round < (Requires.FullCounts ? 60 : 5); round++)
        {
            using (var victim = Victim.Start(directory.Path, round, Victim.WriterArgument))
            {
                Assert.Equal("ready", await victim.StandardOutput.ReadLineAsync(Token));
                await Task.Delay(random.Next(10, 500), Token);
                victim.Kill();
                await victim.WaitForExitAsync(Token);
            }

            await using var cache = CacheHome.Open(directory.Path);
            Assert.Empty(Directory.GetFiles(directory.Path, "*.new", SearchOption.AllDirectories));
            Assert.Equal(cache.List().Count, Directory.GetDirectories(Path.Combine(directory.Path, "objects")).Length);
            foreach (var found in cache.List().Where(o => o.IsVerified))
            {
                var key = found.Id == "image" ? Content.Key("image", Victim.Bytes) : Victim.WrittenKey;
                Assert.True(cache.TryOpen(key, Victim.Length, _ => throw new InvalidOperationException("It is said to be whole."), out var whole));
                await using (whole)
                    Assert.True((await CacheHome.ReadAllAsync(whole, Token)).AsSpan().SequenceEqual(Victim.Bytes));
            }

            Assert.Equal(0, cache.Status.CorruptBlocks);
            Assert.Equal(0, cache.Status.HashFailures);
            Assert.True(await cache.WriteOutAsync(Victim.WrittenKey, _ => ValueTask.FromResult(new TestSource(Victim.Bytes).Open(extents: true)), Victim.Length, Token));
            cache.Evict(random.Next(2) == 0 ? "image" : Victim.WrittenKey.Id);
        }
    }

    private static byte[] WithHole()
    {
        var bytes = Content.Of(Length, seed: 31);
        bytes.AsSpan(1 << 20, 3 << 20).Clear();
        return bytes;
    }
}
