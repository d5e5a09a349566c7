using System.Diagnostics;
using System.Runtime.CompilerServices;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Stores;

/// <summary>
/// A driver behind its guard. <see cref="Wrap"/> gives the sub-class whose interfaces are those of the driver, so that <c>is</c> tells the
/// truth about capabilities; a new capability of drivers doubles these classes, or moves them to a question of its own.
/// <para>
/// A driver that was replaced passes on what begins after that to its successor, so whoever got hold of it just before notices nothing: no call
/// fails because of a swap. It refers forward only, and to nothing of the plugin once it is disposed.
/// </para>
/// </summary>
internal class GuardedDriver : IStorageDriver
{
    private readonly StoreGuard guard;
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IStorageDriver? inner;
    private GuardedDriver? successor;

    private GuardedDriver(IStorageDriver inner, StoreGuard guard)
    {
        this.inner = inner;
        IsReadOnly = inner is IReadOnlyStore;
        this.guard = guard;
        Watched = new WeakReference(inner);
    }

    /// <summary>Writers and sources that are open.</summary>
    public int OpenTransfers => guard.OpenTransfers;

    /// <summary>Ends when the driver's own dispose has; <see cref="DisposeAsync"/> waits for that no longer than for any other call.</summary>
    public Task Ended => ended.Task;

    /// <summary>The driver itself, for tests: it dies some time after it was disposed.</summary>
    public WeakReference Watched { get; }

    private IStorageDriver Inner => inner ?? throw new StoreException(StoreError.Unavailable, "The store is closed.");

    /// <summary>Whether the driver has <see cref="IReadOnlyStore"/>: a question of its own, as no caller acts on the interface.</summary>
    public bool IsReadOnly { get; }

    public static GuardedDriver Wrap(IStorageDriver inner, StoreGuard guard) => (inner, inner) switch
    {
        (IStoreCapacity, ILocalPaths paths) => new WithCapacityAndPaths(inner, guard, paths.Paths),
        (IStoreCapacity, _) => new WithCapacity(inner, guard),
        (_, ILocalPaths paths) => new WithPaths(inner, guard, paths.Paths),
        _ => new GuardedDriver(inner, guard),
    };

    public ValueTask<StoreResult<IStoreWriter>> BeginWriteAsync(WriteRequest request, CancellationToken cancellationToken) =>
        Enter(transfer: true).OpenTransferAsync<IStoreWriter>(
            "begin_write",
            (driver, token) => driver.BeginWriteAsync(request, token),
            (writer, guard) => new GuardedWriter(writer, guard),
            cancellationToken);

    public ValueTask<StoreResult<IByteSource>> OpenAsync(string location, CancellationToken cancellationToken) =>
        Enter(transfer: true).OpenTransferAsync<IByteSource>(
            "open",
            (driver, token) => driver.OpenAsync(location, token),
            GuardedSource.Wrap,
            cancellationToken);

    public ValueTask<StoreOutcome> DeleteAsync(string location, CancellationToken cancellationToken) =>
        Enter(transfer: false).CallAsync("delete", (driver, token) => driver.DeleteAsync(location, token), StoreGuard.NameOf, cancellationToken);

    public async IAsyncEnumerable<Residue> ListResidueAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var target = Enter(transfer: false);
        var started = Stopwatch.GetTimestamp();
        IAsyncEnumerator<Residue>? residues = null;
        try
        {
            while (true)
            {
                Residue next;
                try
                {
                    residues ??= target.Inner.ListResidueAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
                    if (!await residues.MoveNextAsync())
                        break;
                    next = residues.Current;
                }
                catch (Exception exception)
                {
                    throw target.guard.Translate("list_residue", started, exception, cancellationToken);
                }

                yield return next;
            }

            target.guard.Record("list_residue", StoreOutcome.Ok, started);
        }
        finally
        {
            if (residues is not null)
                await target.guard.DisposeQuietlyAsync("list_residue", residues);
            target.guard.Leave(transfer: false);
        }
    }

    public async ValueTask SettleAsync(WriteAttempt attempt, bool keepCommitted, CancellationToken cancellationToken) =>
        await Enter(transfer: false).CallAsync(
            "settle",
            async (driver, token) =>
            {
                await driver.SettleAsync(attempt, keepCommitted, token);
                return StoreOutcome.Ok;
            },
            StoreGuard.NameOf,
            cancellationToken);

    /// <summary>Lets no new transfer begin and ends when the last one is disposed.</summary>
    public Task DrainAsync() => guard.DrainAsync();

    /// <summary>Passes on to another driver what begins from now on, and ends when what began before has ended.</summary>
    public Task ReplaceAsync(GuardedDriver by)
    {
        successor = by;
        return guard.DrainReplacedAsync();
    }

    public async ValueTask DisposeAsync()
    {
        guard.Close();
        if (Interlocked.Exchange(ref inner, null) is { } driver)
            await guard.DisposeDriverAsync(driver, ended);
    }

    /// <summary>The driver that serves now, with a call or transfer counted in it.</summary>
    private GuardedDriver Enter(bool transfer)
    {
        var driver = this;
        while (!driver.guard.TryEnter(transfer))
            driver = driver.successor!;
        return driver;
    }

    private async ValueTask<StoreResult<T>> OpenTransferAsync<T>(
        string operation, Func<IStorageDriver, CancellationToken, ValueTask<StoreResult<T>>> call, Func<T, StoreGuard, T> wrap, CancellationToken cancellationToken)
        where T : class, IAsyncDisposable
    {
        var opened = false;
        try
        {
            var driver = Inner;
            var result = await guard.LimitAsync(
                operation,
                token => call(driver, token),
                result => StoreGuard.NameOf(result.Outcome),
                result => result.Value?.DisposeAsync() ?? ValueTask.CompletedTask,
                cancellationToken);
            if (!result.IsOk)
                return result;
            var wrapped = wrap(result.Value, guard);
            opened = true;
            return wrapped;
        }
        finally
        {
            if (!opened)
                guard.Leave(transfer: true);
        }
    }

    private async ValueTask<T> CallAsync<T>(
        string operation, Func<IStorageDriver, CancellationToken, ValueTask<T>> call, Func<T, string> outcomeOf, CancellationToken cancellationToken)
    {
        try
        {
            var driver = Inner;
            return await guard.LimitAsync(operation, token => call(driver, token), outcomeOf, _ => ValueTask.CompletedTask, cancellationToken);
        }
        finally
        {
            guard.Leave(transfer: false);
        }
    }

    private ValueTask<StoreCapacity> AskCapacityAsync(CancellationToken cancellationToken) =>
        Enter(transfer: false).CallAsync(
            "capacity",
            (driver, token) => driver is IStoreCapacity room
                ? room.GetCapacityAsync(token)
                : throw new StoreException(StoreError.Unavailable, "The driver that took over does not tell its capacity."),
            _ => "ok",
            cancellationToken);

    private sealed class WithCapacity(IStorageDriver inner, StoreGuard guard) : GuardedDriver(inner, guard), IStoreCapacity
    {
        public ValueTask<StoreCapacity> GetCapacityAsync(CancellationToken cancellationToken) => AskCapacityAsync(cancellationToken);
    }

    private sealed class WithPaths(IStorageDriver inner, StoreGuard guard, IEnumerable<string> paths) : GuardedDriver(inner, guard), ILocalPaths
    {
        // A copy, because the list's type may be the plugin's own.
        public IReadOnlyList<string> Paths { get; } = [.. paths];
    }

    private sealed class WithCapacityAndPaths(IStorageDriver inner, StoreGuard guard, IEnumerable<string> paths)
        : GuardedDriver(inner, guard), IStoreCapacity, ILocalPaths
    {
        public IReadOnlyList<string> Paths { get; } = [.. paths];

        public ValueTask<StoreCapacity> GetCapacityAsync(CancellationToken cancellationToken) => AskCapacityAsync(cancellationToken);
    }
}
