using System.Diagnostics;
using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.Rbd;
using GlanceGateway.Stores.Tests.Conformance;

namespace GlanceGateway.Stores.Tests;

/// <summary>What becomes of a call of Ceph's libraries that waits without end.</summary>
public sealed class RbdCallTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Call_that_does_not_come_back_is_given_up_and_takes_no_further_step()
    {
        await using var connection = await ConnectAsync();
        using var held = new ManualResetEventSlim();
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var steps = 0;

        var failure = await Assert.ThrowsAsync<StoreException>(() => connection.RunAsync(
            _ =>
            {
                try
                {
                    held.Wait(Cancel);
                    CallPulse.Beat();
                    return ++steps;
                }
                finally
                {
                    ended.SetResult();
                }
            },
            Cancel,
            image: "one"));

        Assert.Equal(StoreError.Unavailable, failure.Error);
        failure = await Assert.ThrowsAsync<StoreException>(() => connection.RunAsync(_ => ++steps, Cancel, image: "one"));
        Assert.Equal(StoreError.Unavailable, failure.Error);
        Assert.Equal(StoreError.Unavailable, (await Assert.ThrowsAsync<StoreException>(() => connection.RemoveAsync(_ => ++steps, "one", Cancel))).Error);
        Assert.Equal(1, await connection.RunAsync(_ => 1, Cancel, image: "another"));
        held.Set();
        await ended.Task.WaitAsync(Cancel);
        Assert.Equal(0, await RepeatAsync(() => connection.RunAsync(_ => steps, Cancel, image: "one")));
    }

    [Theory]
    [InlineData(16, false)]
    [InlineData(4, true)]
    public async Task Calls_that_do_not_come_back_block_the_store_only_until_one_does(int most, bool removals)
    {
        await using var connection = await ConnectAsync();
        using var held = new SemaphoreSlim(0);
        try
        {
            var lost = await Task.WhenAll(Enumerable.Range(0, most).Select(i => Assert.ThrowsAsync<StoreException>(() => StartAsync(Hold, $"held-{i}"))));
            Assert.All(lost, failure => Assert.Equal(StoreError.Unavailable, failure.Error));
            var watch = Stopwatch.StartNew();

            var refused = await Assert.ThrowsAsync<StoreException>(() => StartAsync(_ => 1, "another"));

            // At once: nobody waits for what has been waited for.
            Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(5));
            Assert.Equal(StoreError.Unavailable, refused.Error);
            Assert.Contains($"{most} threads", refused.Message, StringComparison.Ordinal);
            Assert.Contains("ceph health detail", refused.Message, StringComparison.Ordinal);
            if (removals)
                Assert.Equal(1, await connection.RunAsync(_ => 1, Cancel));

            held.Release();
            Assert.Equal(1, await RepeatAsync(() => StartAsync(_ => 1, "another")));
        }
        finally
        {
            held.Release(most);
        }

        for (var i = 0; i < most; i++)
        {
            var image = $"held-{i}";
            Assert.Equal(1, await RepeatAsync(() => StartAsync(_ => 1, image)));
        }

        Task<int> StartAsync(Func<CephCluster, int> call, string image) =>
            removals ? connection.RemoveAsync(call, image, Cancel) : connection.RunAsync(call, Cancel, image: image);

        int Hold(CephCluster cluster)
        {
            held.Wait(Cancel);
            return 0;
        }
    }

    private static async Task<CephConnection> ConnectAsync()
    {
        var server = await SharedCeph.GetAsync();
        var options = new Dictionary<string, object?> { ["user"] = server.User, ["ceph_conf"] = server.Conf, ["keyring"] = server.Keyring, ["operation_timeout"] = "1s" };
        return new CephConnection(RbdSettings.Read(OptionReader.Read(RbdSettings.Options, options)));
    }

    // The threads of calls that were let go are about to end.
    private static async Task<int> RepeatAsync(Func<Task<int>> call)
    {
        for (var waited = Stopwatch.StartNew(); ;)
        {
            try
            {
                return await call();
            }
            catch (StoreException) when (waited.Elapsed < TimeSpan.FromSeconds(30))
            {
                await Task.Delay(20, Cancel);
            }
        }
    }
}
