using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.Memory;

namespace GlanceGateway.Stores.Tests;

public sealed class MemoryDriverTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Limit_counts_what_is_held_and_comes_back_when_it_goes()
    {
        await using var driver = await OpenAsync(1L << 20);
        var capacity = (IStoreCapacity)driver;
        Assert.Equal(new StoreCapacity(1 << 20, 1 << 20), await capacity.GetCapacityAsync(Cancel));
        Assert.Equal(StoreOutcome.Full, (await driver.BeginWriteAsync(new WriteRequest(NewAttempt(), (1 << 20) + 1, null), Cancel)).Outcome);

        var stored = await StoreAsync(driver, NewAttempt(), 512 << 10);
        Assert.Equal(512 << 10, (await capacity.GetCapacityAsync(Cancel)).Free);

        var second = (await driver.BeginWriteAsync(new WriteRequest(NewAttempt(), null, null), Cancel)).Value!;
        Assert.Equal(StoreOutcome.Ok, await second.WriteZerosAsync(1L << 40, Cancel));
        Assert.Equal(StoreOutcome.Full, await second.WriteAsync(new byte[(512 << 10) + 1], Cancel));
        await second.DisposeAsync();
        Assert.Equal(512 << 10, (await capacity.GetCapacityAsync(Cancel)).Free);

        Assert.Equal(StoreOutcome.Ok, await driver.DeleteAsync(stored.Location, Cancel));
        Assert.Equal(1 << 20, (await capacity.GetCapacityAsync(Cancel)).Free);
    }

    [Fact]
    public async Task Limit_of_nothing_is_refused() =>
        Assert.Equal(StoreError.Misconfigured, (await Assert.ThrowsAsync<StoreException>(() => OpenAsync(0))).Error);

    private static WriteAttempt NewAttempt() => new(Guid.NewGuid().ToString("D"), Guid.NewGuid().ToString("N"));

    private static async Task<IStorageDriver> OpenAsync(long size) =>
        await new MemoryDriverFactory().CreateAsync(
            new DriverOptions(new Dictionary<string, object> { ["max_size"] = size }), new StoreContext("tested", "", TimeProvider.System, Quiet.Logger), Cancel);

    private static async Task<StoredObject> StoreAsync(IStorageDriver driver, WriteAttempt attempt, int length)
    {
        await using var writer = (await driver.BeginWriteAsync(new WriteRequest(attempt, length, null), Cancel)).Value!;
        Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(new byte[length], Cancel));
        var stored = (await writer.CommitAsync(Cancel)).Value!;
        await driver.SettleAsync(attempt, keepCommitted: true, Cancel);
        return stored;
    }
}
