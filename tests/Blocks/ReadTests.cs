using GlanceGateway.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Blocks.Tests;

/// <summary>What readers get, and what the source is asked for it.</summary>
public sealed class ReadTests
{
    private const int Length = (6 << 20) + 777;

    private static readonly byte[] s_bytes = Content.Of(Length, seed: 1);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Random_concurrent_reads_under_faults_are_right_or_fail()
    {
        await using var home = new CacheHome(o => o with { MaxBytes = 4 << 20, BlockBytes = 128 << 10, Attempts = 4 });
        var backend = new TestSource(s_bytes) { FaultRate = 0.05 };
        var rounds = Testing.Requires.FullCounts ? 4000 : 150;
        var (right, failed) = (0, 0);
        await Parallel.ForAsync(0, rounds, new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = Token }, async (round, token) =>
        {
            var random = new Random(round);
            await using var source = home.Cache.Wrap(Content.Key("a", s_bytes), backend.Open(extents: round % 3 == 0), Length);
            for (var i = 0; i < 12; i++)
            {
                var offset = random.Next(Length);
                var buffer = new byte[random.Next(1, i % 4 == 0 ? 900_000 : 5000)];
                using var impatient = CancellationTokenSource.CreateLinkedTokenSource(token);
                if (random.Next(10) == 0)
                    impatient.CancelAfter(random.Next(3));
                try
                {
                    int read;
                    if (i % 3 == 0)
                    {
                        await using var stream = await source.OpenRangeAsync(offset, buffer.Length, impatient.Token);
                        read = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, impatient.Token);
                    }
                    else
                    {
                        read = await source.ReadAsync(offset, buffer, impatient.Token);
                    }

                    var expected = s_bytes.AsSpan(offset, Math.Min(buffer.Length, Length - offset));
                    Assert.True(expected.SequenceEqual(buffer.AsSpan(0, read)), $"{read} bytes at {offset} are wrong");
                    Interlocked.Increment(ref right);
                }
                catch (Exception fault) when (fault is StoreException { Error: StoreError.Unavailable } || (fault is OperationCanceledException && !token.IsCancellationRequested))
                {
                    Interlocked.Increment(ref failed);
                }
            }
        });
        Assert.True(right > failed * 3, $"{right} reads were right, {failed} failed");
        Assert.Equal(0, home.Cache.Status.CorruptBlocks);
        await CacheHome.UntilAsync(() => backend.StillOpen == 0, Token);
    }

    [Fact]
    public async Task Sixty_four_readers_of_a_cold_object_cost_the_source_each_byte_once()
    {
        await using var home = new CacheHome();
        var backend = new TestSource(s_bytes);
        await Task.WhenAll(Enumerable.Range(0, 64).Select(async i =>
        {
            await using var source = home.Cache.Wrap(Content.Key("a", s_bytes), backend.Open(), Length);
            Assert.Equal(s_bytes, i % 2 == 0 ? await CacheHome.ReadAllAsync(source, Token) : await CacheHome.StreamAllAsync(source, Token));
        }));
        Assert.Equal(1, backend.MostSent);
        Assert.Equal(Length, home.Cache.Status.FetchedBytes);
        Assert.True(backend.Requests < 12, $"{backend.Requests} requests");
    }

    [Fact]
    public async Task A_cancelled_reader_does_not_cancel_the_others()
    {
        await using var home = new CacheHome();
        var opened = new TaskCompletionSource();
        var backend = new TestSource(s_bytes) { Gate = opened.Task };
        var key = Content.Key("a", s_bytes);
        await using var patient = home.Cache.Wrap(key, backend.Open(), Length);
        using var cancelled = new CancellationTokenSource();
        Task<int> first;
        Task<int> second;
        var buffer = new byte[1000];
        await using (var impatient = home.Cache.Wrap(key, backend.Open(), Length))
        {
            // The one who leaves is the one who began the fetch, with his own source.
            first = impatient.ReadAsync(5000, new byte[1000], cancelled.Token).AsTask();
            second = patient.ReadAsync(5500, buffer, Token).AsTask();
            await cancelled.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        }

        opened.SetResult();
        Assert.Equal(1000, await second);
        Assert.Equal(s_bytes[5500..6500], buffer);
        Assert.Equal(1, backend.MostSent);
    }

    [Fact]
    public async Task What_was_read_is_not_fetched_again_after_a_restart()
    {
        await using var home = new CacheHome();
        var backend = new TestSource(s_bytes);
        await using (var source = home.Cache.Wrap(Content.Key("a", s_bytes), backend.Open(), Length))
            await source.ReadAsync(1 << 20, new byte[2 << 20], Token);
        await home.ReopenAsync();
        await using (var source = home.Cache.Wrap(Content.Key("a", s_bytes), backend.Open(), Length))
            Assert.Equal(s_bytes, await CacheHome.ReadAllAsync(source, Token));
        Assert.Equal(1, backend.MostSent);
        Assert.True(home.Cache.Status.FetchedBytes < Length - (1 << 20));
    }

    [Fact]
    public async Task Random_reads_fetch_their_own_blocks_only()
    {
        await using var home = new CacheHome(o => o with { BlockBytes = 64 << 10 });
        var backend = new TestSource(s_bytes);
        await using var source = home.Cache.Wrap(Content.Key("a", s_bytes), backend.Open(), Length);
        foreach (var offset in new[] { 5_900_000, 100_000, 3_500_000 })
            await source.ReadAsync(offset, new byte[4096], Token);
        await Task.Delay(50, Token);
        Assert.InRange(backend.PiecesSent, 3, 6);
    }

    [Fact]
    public async Task Sequential_reads_run_ahead_in_growing_requests()
    {
        await using var home = new CacheHome();
        var backend = new TestSource(s_bytes);
        await using var source = home.Cache.Wrap(Content.Key("a", s_bytes), backend.Open(), Length);
        var buffer = new byte[64 << 10];
        for (var offset = 0; offset < Length; offset += buffer.Length)
        {
            var read = await source.ReadAsync(offset, buffer, Token);
            Assert.True(s_bytes.AsSpan(offset, read).SequenceEqual(buffer.AsSpan(0, read)));
        }

        Assert.Equal(1, backend.MostSent);
        Assert.True(backend.Requests < 10, $"{backend.Requests} requests for {Length / (256 << 10)} blocks");
    }

    [Fact]
    public async Task A_source_without_ranges_is_read_once_from_the_front_and_readers_wait_for_their_block()
    {
        await using var home = new CacheHome();
        var backend = new TestSource(s_bytes) { Ranges = false };
        await using var source = home.Cache.Wrap(Content.Key("a", s_bytes), backend.Open(), Length);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(async i =>
        {
            var buffer = new byte[10_000];
            var offset = (i * 313_131) % (Length - buffer.Length);
            Assert.Equal(buffer.Length, await source.ReadAsync(offset, buffer, Token));
            Assert.Equal(s_bytes[offset..(offset + buffer.Length)], buffer);
        }));
        Assert.Equal(1, backend.Requests);
        Assert.Equal(1, backend.MostSent);
    }

    [Fact]
    public async Task Without_room_even_a_source_without_ranges_is_read()
    {
        await using var home = new CacheHome(o => o with { MaxBytes = 1 });
        var backend = new TestSource(s_bytes) { Ranges = false };
        await using var source = home.Cache.Wrap(Content.Key("a", s_bytes), backend.Open(), Length);
        var buffer = new byte[10_000];
        Assert.Equal(buffer.Length, await source.ReadAsync(4_000_000, buffer, Token));
        Assert.Equal(s_bytes[4_000_000..4_010_000], buffer);
        Assert.Equal(s_bytes, await CacheHome.StreamAllAsync(source, Token));
    }

    [Fact]
    public async Task Holes_are_neither_fetched_nor_stored()
    {
        var bytes = new byte[8 << 20];
        new Random(5).NextBytes(bytes.AsSpan(3 << 20, 1 << 20));
        await using var home = new CacheHome();
        var backend = new TestSource(bytes);
        await using (var source = home.Cache.Wrap(Content.Key("a", bytes), backend.Open(extents: true), bytes.Length))
            Assert.Equal(bytes, await CacheHome.ReadAllAsync(source, Token));
        Assert.Equal(1 << 20, home.Cache.Status.FetchedBytes);
        Assert.InRange(home.Cache.Status.StoredBytes, 1 << 20, (1 << 20) + (256 << 10));
        await CacheHome.UntilAsync(() => home.Cache.Find("a")!.IsVerified, Token);
    }

    [Fact]
    public async Task A_complete_object_with_the_right_hash_becomes_a_local_file()
    {
        await using var home = new CacheHome();
        var backend = new TestSource(s_bytes);
        var key = Content.Key("a", s_bytes);
        Assert.True(await home.Cache.WarmAsync(key, backend.Open(), Length, Token));
        Assert.True(home.Cache.TryOpen(key, Length, _ => throw new InvalidOperationException("asked for nothing"), out var opened));
        await using (opened)
        {
            var file = Assert.IsType<ILocalFile>(opened, exactMatch: false);
            Assert.Equal(s_bytes, ReadFile(file.Handle));
            Assert.Equal(s_bytes, await CacheHome.StreamAllAsync(opened, Token));
            // Deleted while open, it stays whole for who has it.
            Assert.True(home.Cache.Evict("a"));
            Assert.Equal(s_bytes, ReadFile(file.Handle));
        }

        Assert.Equal(0, home.Cache.Status.StoredBytes);
        Assert.Equal(0, backend.StillOpen);
    }

    [Fact]
    public async Task A_complete_object_is_served_after_a_restart_without_its_source()
    {
        await using var home = new CacheHome();
        var key = Content.Key("a", s_bytes);
        Assert.True(await home.Cache.WarmAsync(key, new TestSource(s_bytes).Open(), Length, Token));
        await home.ReopenAsync();
        Assert.True(home.Cache.TryOpen(key, Length, _ => throw new InvalidOperationException("asked for nothing"), out var opened));
        await using (opened)
            Assert.Equal(s_bytes, await CacheHome.ReadAllAsync(opened, Token));
        await CacheHome.UntilAsync(() => TryFile(), Token);

        bool TryFile()
        {
            Assert.True(home.Cache.TryOpen(key, Length, _ => throw new InvalidOperationException("asked for nothing"), out var again));
            using var handle = (again as ILocalFile)?.Handle;
            again.DisposeAsync().AsTask().GetAwaiter().GetResult();
            return handle is not null;
        }
    }

    [Fact]
    public async Task Wrong_bytes_of_a_source_never_become_a_verified_file()
    {
        await using var home = new CacheHome();
        var backend = new TestSource(s_bytes) { Lie = Content.Of(Length, seed: 2) };
        var key = Content.Key("a", s_bytes);
        await home.Cache.WarmAsync(key, backend.Open(), Length, Token);
        Assert.False(home.Cache.TryOpen(key, Length, _ => throw new InvalidOperationException(), out _));
        Assert.Equal(1, home.Cache.Status.HashFailures);
        backend.Lie = null;
        await using var source = home.Cache.Wrap(key, backend.Open(), Length);
        Assert.Equal(s_bytes, await CacheHome.ReadAllAsync(source, Token));
    }

    [Fact]
    public async Task Another_state_of_an_id_never_answers_for_it()
    {
        await using var home = new CacheHome();
        var other = Content.Of(Length, seed: 3);
        await using var old = home.Cache.Wrap(Content.Key("a", s_bytes), new TestSource(s_bytes).Open(), Length);
        Assert.Equal(s_bytes, await CacheHome.ReadAllAsync(old, Token));
        await using var now = home.Cache.Wrap(Content.Key("a", other), new TestSource(other).Open(), Length);
        Assert.Equal(other, await CacheHome.ReadAllAsync(now, Token));
        Assert.Equal(s_bytes, await CacheHome.ReadAllAsync(old, Token));
        Assert.Single(home.Cache.List());
    }

    private static byte[] ReadFile(SafeFileHandle handle)
    {
        var bytes = new byte[RandomAccess.GetLength(handle)];
        var done = 0;
        while (done < bytes.Length)
            done += RandomAccess.Read(handle, bytes.AsSpan(done), done);
        return bytes;
    }
}
