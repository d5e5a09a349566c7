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
        var server = await SharedCeph.GetAsync();
        var options = new Dictionary<string, object?> { ["user"] = server.User, ["ceph_conf"] = server.Conf, ["keyring"] = server.Keyring, ["operation_timeout"] = "1s" };
        await using var connection = new CephConnection(RbdSettings.Read(OptionReader.Read(RbdSettings.Options, options)));
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
        for (var waited = Stopwatch.StartNew(); ;)
        {
            try
            {
                Assert.Equal(0, await connection.RunAsync(_ => steps, Cancel, image: "one"));
                break;
            }
            catch (StoreException) when (waited.Elapsed < TimeSpan.FromSeconds(30))
            {
                // The thread of the first call is about to end.
                await Task.Delay(20, Cancel);
            }
        }
    }
}
