using GlanceGateway.Abstractions;
using static GlanceGateway.Stores.Tests.Faults.FaultCalls;

namespace GlanceGateway.Stores.Tests.Faults;

/// <summary>A driver over its server behind a proxy that breaks what passes.</summary>
public abstract class BehindFaults : IAsyncLifetime
{
    /// <summary>Bytes of the images.</summary>
    protected const int ImageLength = (6 * 1024 * 1024) + 77;

    private NetworkedFixture? fixture;
    private FaultProxy? proxy;
    private IStorageDriver? driver;

    /// <summary>Makes the fixture of the driver under test.</summary>
    public abstract NetworkedFixture CreateFixture();

    /// <summary>Ends with the test.</summary>
    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>What the driver is reached by.</summary>
    protected NetworkedFixture Server => fixture!;

    /// <summary>What stands between.</summary>
    protected FaultProxy Proxy => proxy!;

    /// <summary>The driver under test.</summary>
    protected IStorageDriver Driver => driver!;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        fixture = CreateFixture();
        proxy = new FaultProxy(await fixture.StartAsync(Cancel));
        driver = await fixture.OpenAsync(proxy.Port, Cancel);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (driver is not null)
            await driver.DisposeAsync();
        if (proxy is not null)
            await proxy.DisposeAsync();
        if (fixture is not null)
            await fixture.DisposeAsync();
    }

    /// <summary>Bytes that can be told from shifted ones.</summary>
    protected static byte[] ContentOf(int seed)
    {
        var bytes = new byte[ImageLength];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>An attempt of its own.</summary>
    protected static WriteAttempt NewAttempt(string? imageId = null) => new(imageId ?? Guid.NewGuid().ToString("D"), Guid.NewGuid().ToString("N"));

    /// <summary>The location of an image that is stored while nothing is broken.</summary>
    protected async Task<string> PlaceAsync(byte[] content) => await Server.PlaceAsync(content, Proxy.Port, Cancel) ?? (await StoreAsync(NewAttempt(), content)).Location;

    /// <summary>Stores an image while nothing is broken.</summary>
    protected async Task<StoredObject> StoreAsync(WriteAttempt attempt, byte[] content)
    {
        StoredObject? stored = null;
        await RepeatAsync(async () =>
        {
            await Driver.SettleAsync(attempt, keepCommitted: false, Cancel);
            var begin = await Driver.BeginWriteAsync(new WriteRequest(attempt, ImageLength, ProjectId: null), Cancel);
            Assert.Equal(StoreOutcome.Ok, begin.Outcome);
            await using var writer = begin.Value!;
            Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(content, Cancel));
            stored = (await writer.CommitAsync(Cancel)).Value!;
            await Driver.SettleAsync(attempt, keepCommitted: true, Cancel);
        });
        return stored!;
    }

    /// <summary>Passes when the image can be read as it was written.</summary>
    protected Task AssertHoldsAsync(string location, byte[] content) => RepeatAsync(async () =>
    {
        await using var source = (await Driver.OpenAsync(location, Cancel)).Value!;
        await using var stream = await source.OpenRangeAsync(0, null, Cancel);
        using var all = new MemoryStream();
        await stream.CopyToAsync(all, Cancel);
        Assert.True(all.ToArray().AsSpan().SequenceEqual(content), "the image differs");
    });
}
