using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using GlanceGateway.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Stores.Tests;

public sealed class GuardTests
{
    private static readonly WriteAttempt Attempt = new("0b7ae7d2-7d2c-4b8f-9f5e-3a2d5c1e8f10", "00112233445566778899aabbccddeeff");
    private static readonly WriteRequest Request = new(Attempt, null, null);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Unknown_exception_leaves_as_text_only()
    {
        var driver = Guard(new FakeDriver { OnDelete = _ => throw new PluginsOwnException("boom", new PluginsOwnException("cause")) });

        var fault = await Assert.ThrowsAsync<StoreException>(async () => await driver.DeleteAsync("x", Cancel));

        Assert.Equal(StoreError.Unexpected, fault.Error);
        Assert.Equal("The driver of store 'tested' failed at 'delete': PluginsOwnException: boom ← PluginsOwnException: cause", fault.Message);
        Assert.Null(fault.InnerException);
    }

    [Fact]
    public async Task Known_fault_keeps_its_kind_and_loses_its_cause()
    {
        var driver = Guard(new FakeDriver { OnDelete = _ => throw new StoreException(StoreError.Corrupt, "short", "key", new PluginsOwnException("cause")) });

        var fault = await Assert.ThrowsAsync<StoreException>(async () => await driver.DeleteAsync("x", Cancel));

        Assert.Equal((StoreError.Corrupt, "short", "key"), (fault.Error, fault.Message, fault.Key));
        Assert.Null(fault.InnerException);
    }

    [Fact]
    public async Task Cancellation_of_the_caller_passes_and_that_of_the_driver_does_not()
    {
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var driver = Guard(new FakeDriver { OnDelete = async token => { await Task.Delay(Timeout.Infinite, token); return StoreOutcome.Ok; } });
        var deleting = driver.DeleteAsync("x", cancel.Token).AsTask();
        await cancel.CancelAsync();
        Assert.Equal(cancel.Token, (await Assert.ThrowsAsync<OperationCanceledException>(() => deleting)).CancellationToken);

        driver = Guard(new FakeDriver { OnDelete = _ => throw new TaskCanceledException("its own time-out") });
        Assert.Equal(StoreError.TimedOut, (await Assert.ThrowsAsync<StoreException>(async () => await driver.DeleteAsync("x", Cancel))).Error);
    }

    [Fact]
    public async Task Driver_that_never_returns_is_given_up_and_its_late_writer_disposed()
    {
        var release = new TaskCompletionSource();
        var writer = new FakeWriter();
        var driver = Guard(
            new FakeDriver
            {
                OnBegin = async () =>
                {
                    await release.Task;
                    return writer;
                },
            },
            new StoreSetOptions { ScratchRoot = "", OperationTimeout = TimeSpan.FromMilliseconds(50) });

        var fault = await Assert.ThrowsAsync<StoreException>(async () => await driver.BeginWriteAsync(Request, Cancel));
        Assert.Equal(StoreError.TimedOut, fault.Error);
        Assert.Equal("Store 'tested' did not finish 'begin_write' within 0.05 s.", fault.Message);
        Assert.False(writer.Disposed.Task.IsCompleted);

        release.SetResult();
        await writer.Disposed.Task.WaitAsync(TimeSpan.FromSeconds(10), Cancel);
        await driver.DrainAsync().WaitAsync(TimeSpan.FromSeconds(10), Cancel);
    }

    [Fact]
    public async Task Driver_that_blocks_its_thread_is_given_up_too()
    {
        using var blocked = new ManualResetEventSlim();
        var driver = Guard(
            new FakeDriver { OnDelete = _ => { blocked.Wait(Cancel); return ValueTask.FromResult(StoreOutcome.Ok); } },
            new StoreSetOptions { ScratchRoot = "", OperationTimeout = TimeSpan.FromMilliseconds(50) });

        Assert.Equal(StoreError.TimedOut, (await Assert.ThrowsAsync<StoreException>(async () => await driver.DeleteAsync("x", Cancel))).Error);
        blocked.Set();
    }

    [Fact]
    public async Task Slow_commit_is_told_to_stop_and_awaited()
    {
        var stopped = false;
        var writer = new FakeWriter
        {
            OnCommit = async token =>
            {
                try
                {
                    await Task.Delay(Timeout.Infinite, token);
                }
                finally
                {
                    await Task.Delay(50, CancellationToken.None);
                    stopped = true;
                }

                return StoreOutcome.Duplicate;
            },
        };
        var driver = Guard(new FakeDriver { OnBegin = () => ValueTask.FromResult<StoreResult<IStoreWriter>>(writer) }, new StoreSetOptions { ScratchRoot = "", CommitTimeout = TimeSpan.FromMilliseconds(50) });
        await using var guarded = (await driver.BeginWriteAsync(Request, Cancel)).Value!;

        Assert.Equal(StoreError.TimedOut, (await Assert.ThrowsAsync<StoreException>(async () => await guarded.CommitAsync(Cancel))).Error);
        Assert.True(stopped);
    }

    [Fact]
    public async Task Dispose_of_a_writer_never_throws()
    {
        var writer = new FakeWriter { OnDispose = () => throw new PluginsOwnException("clean-up failed") };
        var driver = Guard(new FakeDriver { OnBegin = () => ValueTask.FromResult<StoreResult<IStoreWriter>>(writer) });
        var guarded = (await driver.BeginWriteAsync(Request, Cancel)).Value!;

        await guarded.DisposeAsync();
        await guarded.DisposeAsync();

        await driver.DrainAsync().WaitAsync(TimeSpan.FromSeconds(10), Cancel);
    }

    [Fact]
    public async Task Enumeration_of_residue_is_guarded_in_the_middle()
    {
        var driver = Guard(new FakeDriver());
        var seen = new List<Residue>();

        var fault = await Assert.ThrowsAsync<StoreException>(async () =>
        {
            await foreach (var residue in driver.ListResidueAsync(Cancel))
                seen.Add(residue);
        });

        Assert.Equal(StoreError.Unexpected, fault.Error);
        Assert.Single(seen);
    }

    [Fact]
    public async Task Capabilities_show_through_exactly()
    {
        Assert.False(Guard(new FakeDriver()) is IStoreCapacity or ILocalPaths);
        var capable = Guard(new CapableDriver());
        Assert.Equal(new StoreCapacity(2, 1), await Assert.IsAssignableFrom<IStoreCapacity>(capable).GetCapacityAsync(Cancel));
        Assert.Equal(["/srv"], Assert.IsAssignableFrom<ILocalPaths>(capable).Paths);

        Assert.Equal((false, false), await ShownAsync(new FakeSource()));
        Assert.Equal((true, false), await ShownAsync(new FileFake()));
        Assert.Equal((false, true), await ShownAsync(new ExtentsFake()));
        Assert.Equal((true, true), await ShownAsync(new BothFake()));

        static async Task<(bool File, bool Extents)> ShownAsync(IByteSource source)
        {
            await using var shown = (await Guard(new FakeDriver { Source = source }).OpenAsync("x", Cancel)).Value!;
            return (shown is ILocalFile, shown is IExtentMap);
        }
    }

    [Fact]
    public async Task Stream_faults_are_translated()
    {
        await using var source = (await Guard(new FakeDriver { Source = new FakeSource() }).OpenAsync("x", Cancel)).Value!;
        await using var stream = await source.OpenRangeAsync(0, null, Cancel);

        var fault = await Assert.ThrowsAsync<StoreException>(async () => await stream.ReadExactlyAsync(new byte[1], Cancel));

        Assert.Equal("The driver of store 'tested' failed at 'read_range': IOException: connection reset", fault.Message);
    }

    [Fact]
    public async Task Operations_and_bytes_are_measured()
    {
        var store = $"measured-{Guid.NewGuid():N}";
        var measured = new List<string>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == "GlanceGateway.Stores")
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<double>((_, _, tags, _) => Note("", tags));
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note($"{instrument.Name}={value} ", tags));
        listener.Start();
        var driver = Guard(new FakeDriver { OnDelete = _ => throw new StoreException(StoreError.Unavailable, "down"), OnBegin = () => ValueTask.FromResult<StoreResult<IStoreWriter>>(new FakeWriter()) }, store: store);

        await using (var writer = (await driver.BeginWriteAsync(Request, Cancel)).Value!)
        {
            await writer.WriteAsync(new byte[10], Cancel);
            await writer.WriteZerosAsync(20, Cancel);
        }

        await Assert.ThrowsAsync<StoreException>(async () => await driver.DeleteAsync("x", Cancel));

        Assert.Equal(
            [
                "glance_gateway.store.open=1 ", "begin_write ok", "write ok", "glance_gateway.store.io=10 write", "write_zeros ok",
                "glance_gateway.store.io=20 hole", "glance_gateway.store.open=-1 ", "delete unavailable",
            ],
            measured);

        void Note(string what, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            if (tags[0].Value as string == store)
                measured.Add(what + string.Join(' ', tags[1..].ToArray().Select(tag => tag.Value)));
        }
    }

    private static GuardedDriver Guard(IStorageDriver driver, StoreSetOptions? options = null, string store = "tested") =>
        GuardedDriver.Wrap(driver, new StoreGuard(store, options ?? new StoreSetOptions { ScratchRoot = "" }, TimeProvider.System, Quiet.Logger));

    private sealed class PluginsOwnException(string message, Exception? inner = null) : Exception(message, inner);

    private class FakeDriver : IStorageDriver
    {
        public Func<CancellationToken, ValueTask<StoreOutcome>> OnDelete { get; init; } = _ => ValueTask.FromResult(StoreOutcome.Ok);

        public Func<ValueTask<StoreResult<IStoreWriter>>> OnBegin { get; init; } = () => ValueTask.FromResult<StoreResult<IStoreWriter>>(StoreOutcome.Full);

        public IByteSource? Source { get; init; }

        public ValueTask<StoreResult<IStoreWriter>> BeginWriteAsync(WriteRequest request, CancellationToken cancellationToken) => OnBegin();

        public ValueTask<StoreResult<IByteSource>> OpenAsync(string location, CancellationToken cancellationToken) =>
            ValueTask.FromResult(new StoreResult<IByteSource>(StoreOutcome.Ok, Source));

        public ValueTask<StoreOutcome> DeleteAsync(string location, CancellationToken cancellationToken) => OnDelete(cancellationToken);

        public async IAsyncEnumerable<Residue> ListResidueAsync([EnumeratorCancellation] CancellationToken cancellationToken)
        {
            yield return new Residue(Attempt, "one", null, null);
            await Task.Yield();
            throw new PluginsOwnException("listing broke");
        }

        public ValueTask SettleAsync(WriteAttempt attempt, bool keepCommitted, CancellationToken cancellationToken) => ValueTask.CompletedTask;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private sealed class CapableDriver : FakeDriver, IStoreCapacity, ILocalPaths
    {
        public IReadOnlyList<string> Paths => ["/srv"];

        public ValueTask<StoreCapacity> GetCapacityAsync(CancellationToken cancellationToken) => ValueTask.FromResult(new StoreCapacity(2, 1));
    }

    private sealed class FakeWriter : IStoreWriter
    {
        public TaskCompletionSource Disposed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Action OnDispose { get; init; } = () => { };

        public Func<CancellationToken, ValueTask<StoreResult<StoredObject>>> OnCommit { get; init; } = _ => ValueTask.FromResult<StoreResult<StoredObject>>(StoreOutcome.Full);

        public int PreferredWriteSize => 65536;

        public ValueTask<StoreOutcome> WriteAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken) => ValueTask.FromResult(StoreOutcome.Ok);

        public ValueTask<StoreOutcome> WriteZerosAsync(long length, CancellationToken cancellationToken) => ValueTask.FromResult(StoreOutcome.Ok);

        public ValueTask<StoreResult<StoredObject>> CommitAsync(CancellationToken cancellationToken) => OnCommit(cancellationToken);

        public ValueTask DisposeAsync()
        {
            Disposed.TrySetResult();
            OnDispose();
            return ValueTask.CompletedTask;
        }
    }

    private class FakeSource : IByteSource
    {
        public long? Length => 1;

        public string? Validator => null;

        public ByteSourceHints Hints => new(1, 1, true);

        public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken) => throw new IOException("connection reset");

        public ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken) =>
            ValueTask.FromResult<Stream>(new ByteSourceStream(this, offset, length));

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private sealed class FileFake : FakeSource, ILocalFile
    {
        public SafeFileHandle Handle { get; } = new();
    }

    private sealed class ExtentsFake : FakeSource, IExtentMap
    {
        public ValueTask<Extent> GetExtentAsync(long offset, CancellationToken cancellationToken) => ValueTask.FromResult(new Extent(offset, 1, IsHole: false));
    }

    private sealed class BothFake : FakeSource, ILocalFile, IExtentMap
    {
        public SafeFileHandle Handle { get; } = new();

        public ValueTask<Extent> GetExtentAsync(long offset, CancellationToken cancellationToken) => ValueTask.FromResult(new Extent(offset, 1, IsHole: false));
    }
}
