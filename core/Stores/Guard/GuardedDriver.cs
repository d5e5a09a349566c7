using System.Diagnostics;
using System.Runtime.CompilerServices;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Stores;

/// <summary>A driver behind its guard. <see cref="Wrap"/> gives the sub-class whose interfaces are those of the driver, so that <c>is</c> tells the
/// truth about capabilities; a new capability of drivers doubles these classes, or moves them to a question of its own.</summary>
internal class GuardedDriver : IStorageDriver
{
    private readonly IStorageDriver inner;
    private readonly StoreGuard guard;

    private GuardedDriver(IStorageDriver inner, StoreGuard guard)
    {
        this.inner = inner;
        this.guard = guard;
    }

    public static GuardedDriver Wrap(IStorageDriver inner, StoreGuard guard) => (inner, inner) switch
    {
        (IStoreCapacity, ILocalPaths paths) => new WithCapacityAndPaths(inner, guard, paths),
        (IStoreCapacity, _) => new WithCapacity(inner, guard),
        (_, ILocalPaths paths) => new WithPaths(inner, guard, paths),
        _ => new GuardedDriver(inner, guard),
    };

    public ValueTask<StoreResult<IStoreWriter>> BeginWriteAsync(WriteRequest request, CancellationToken cancellationToken) =>
        OpenTransferAsync<IStoreWriter>(
            "begin_write",
            token => inner.BeginWriteAsync(request, token),
            writer => new GuardedWriter(writer, guard),
            cancellationToken);

    public ValueTask<StoreResult<IByteSource>> OpenAsync(string location, CancellationToken cancellationToken) =>
        OpenTransferAsync<IByteSource>(
            "open",
            token => inner.OpenAsync(location, token),
            source => GuardedSource.Wrap(source, guard),
            cancellationToken);

    public ValueTask<StoreOutcome> DeleteAsync(string location, CancellationToken cancellationToken) =>
        guard.LimitAsync("delete", token => inner.DeleteAsync(location, token), StoreGuard.NameOf, _ => ValueTask.CompletedTask, cancellationToken);

    public async IAsyncEnumerable<Residue> ListResidueAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        IAsyncEnumerator<Residue>? residues = null;
        try
        {
            while (true)
            {
                Residue next;
                try
                {
                    residues ??= inner.ListResidueAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
                    if (!await residues.MoveNextAsync())
                        break;
                    next = residues.Current;
                }
                catch (Exception exception)
                {
                    throw guard.Translate("list_residue", started, exception, cancellationToken);
                }

                yield return next;
            }

            guard.Record("list_residue", StoreOutcome.Ok, started);
        }
        finally
        {
            if (residues is not null)
                await guard.DisposeQuietlyAsync("list_residue", residues);
        }
    }

    public async ValueTask SettleAsync(WriteAttempt attempt, bool keepCommitted, CancellationToken cancellationToken) =>
        await guard.LimitAsync(
            "settle",
            async token =>
            {
                await inner.SettleAsync(attempt, keepCommitted, token);
                return StoreOutcome.Ok;
            },
            StoreGuard.NameOf,
            _ => ValueTask.CompletedTask,
            cancellationToken);

    /// <summary>Lets no new transfer begin and ends when the last one is disposed.</summary>
    public Task DrainAsync() => guard.DrainAsync();

    public ValueTask DisposeAsync() => guard.DisposeDriverAsync(inner);

    private async ValueTask<StoreResult<T>> OpenTransferAsync<T>(
        string operation, Func<CancellationToken, ValueTask<StoreResult<T>>> call, Func<T, T> wrap, CancellationToken cancellationToken)
        where T : class, IAsyncDisposable
    {
        guard.Enter();
        var opened = false;
        try
        {
            var result = await guard.LimitAsync(
                operation,
                call,
                result => StoreGuard.NameOf(result.Outcome),
                result => result.Value?.DisposeAsync() ?? ValueTask.CompletedTask,
                cancellationToken);
            if (!result.IsOk)
                return result;
            opened = true;
            return wrap(result.Value);
        }
        finally
        {
            if (!opened)
                guard.Leave();
        }
    }

    private ValueTask<StoreCapacity> AskCapacityAsync(CancellationToken cancellationToken) =>
        guard.LimitAsync("capacity", ((IStoreCapacity)inner).GetCapacityAsync, _ => "ok", _ => ValueTask.CompletedTask, cancellationToken);

    private sealed class WithCapacity(IStorageDriver inner, StoreGuard guard) : GuardedDriver(inner, guard), IStoreCapacity
    {
        public ValueTask<StoreCapacity> GetCapacityAsync(CancellationToken cancellationToken) => AskCapacityAsync(cancellationToken);
    }

    private sealed class WithPaths(IStorageDriver inner, StoreGuard guard, ILocalPaths paths) : GuardedDriver(inner, guard), ILocalPaths
    {
        public IReadOnlyList<string> Paths { get; } = [.. paths.Paths];
    }

    private sealed class WithCapacityAndPaths(IStorageDriver inner, StoreGuard guard, ILocalPaths paths)
        : GuardedDriver(inner, guard), IStoreCapacity, ILocalPaths
    {
        public IReadOnlyList<string> Paths { get; } = [.. paths.Paths];

        public ValueTask<StoreCapacity> GetCapacityAsync(CancellationToken cancellationToken) => AskCapacityAsync(cancellationToken);
    }
}
