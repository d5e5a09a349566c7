using System.Diagnostics;
using GlanceGateway.Abstractions;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Stores;

/// <summary>
/// What the guards of one store's driver, writers and sources share: time limits, the translation of exceptions, metrics, and the count of
/// open transfers. Invariants:
/// <list type="bullet">
/// <item>what leaves is a <see cref="StoreException"/> without an inner exception, an <see cref="OperationCanceledException"/> of the caller's
/// own token, or an <see cref="ObjectDisposedException"/> after the caller's dispose; never an object whose type is a plugin's;</item>
/// <item>a call under a time limit is given up even when the driver does not return; if it returns later, what it made is disposed;</item>
/// <item>a call of a writer is never given up, only cancelled: a commit that goes on unseen could finish after its attempt was settled.</item>
/// </list>
/// </summary>
internal sealed class StoreGuard(string storeId, StoreSetOptions options, TimeProvider time, ILogger logger)
{
    private readonly Lock gate = new();
    private int transfers;
    private int calls;
    private Phase phase;
    private TaskCompletionSource? drained;

    private enum Phase
    {
        Open,
        Draining,
        Replaced,
        Closed,
    }

    /// <summary>Writers and sources that are open.</summary>
    public int OpenTransfers => Volatile.Read(ref transfers);

    public StoreSetOptions Options => options;

    /// <summary>Runs a call that may be given up.</summary>
    /// <param name="operation">Its name in metrics and texts.</param>
    /// <param name="call">The driver's; runs in the thread pool, because a driver over a blocking library may block before its first await.</param>
    /// <param name="outcomeOf">The result's name in metrics.</param>
    /// <param name="discard">Disposes a result that came too late.</param>
    /// <param name="cancellationToken">The caller's.</param>
    public async ValueTask<T> LimitAsync<T>(
        string operation,
        Func<CancellationToken, ValueTask<T>> call,
        Func<T, string> outcomeOf,
        Func<T, ValueTask> discard,
        CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var started = Stopwatch.GetTimestamp();
        using var limit = new CancellationTokenSource(options.OperationTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        var token = either.Token;
        var running = Task.Run(() => call(token).AsTask(), CancellationToken.None);
        try
        {
            var result = await running.WaitAsync(token);
            StoreMetrics.Record(storeId, operation, outcomeOf(result), started);
            return result;
        }
        catch (Exception exception)
        {
            _ = DiscardLateAsync(running, discard);
            throw Translate(operation, started, exception, cancellationToken, limit.IsCancellationRequested ? options.OperationTimeout : null);
        }
    }

    /// <summary>Makes of a driver's exception what may leave, and puts it into log and metrics.</summary>
    /// <param name="operation">Its name in metrics and texts.</param>
    /// <param name="started">When the call began, by <see cref="Stopwatch.GetTimestamp"/>.</param>
    /// <param name="exception">The driver's.</param>
    /// <param name="cancellationToken">The caller's: only its cancellation passes as such.</param>
    /// <param name="ranOut">The guard's own time limit, if it ran out.</param>
    /// <param name="disposed">Whether the caller has disposed what it calls.</param>
    public Exception Translate(
        string operation, long started, Exception exception, CancellationToken cancellationToken, TimeSpan? ranOut = null, bool disposed = false)
    {
        if (exception is OperationCanceledException && cancellationToken.IsCancellationRequested)
        {
            StoreMetrics.Record(storeId, operation, "cancelled", started);
            return new OperationCanceledException(cancellationToken);
        }

        if (exception is ObjectDisposedException && disposed)
            return new ObjectDisposedException($"A source or writer of store '{storeId}'");

        var fault = exception switch
        {
            // The cause is in the log; here it could be an object of the plugin's.
            StoreException known => new StoreException(known.Error, known.Message, known.Key),
            _ when ranOut is { } limit => new StoreException(
                StoreError.TimedOut, $"Store '{storeId}' did not finish '{operation}' within {limit.TotalSeconds:0.##} s."),
            OperationCanceledException => new StoreException(StoreError.TimedOut, $"The driver of store '{storeId}' gave up '{operation}' by itself."),
            _ => new StoreException(StoreError.Unexpected, $"The driver of store '{storeId}' failed at '{operation}': {ExceptionText.Short(exception)}"),
        };
        if (fault.Error == StoreError.Unexpected)
            logger.OperationBroke(storeId, operation, exception.ToString());
        else
            logger.OperationFailed(storeId, operation, exception is StoreException { InnerException: null } ? fault.Message : exception.ToString());
        StoreMetrics.Record(storeId, operation, NameOf(fault.Error), started);
        return fault;
    }

    /// <summary>Notes a success, or another expected outcome, of a call that runs without <see cref="LimitAsync"/>.</summary>
    public void Record(string operation, StoreOutcome outcome, long started) => StoreMetrics.Record(storeId, operation, NameOf(outcome), started);

    /// <summary>Notes bytes.</summary>
    public void Count(string direction, long bytes) => StoreMetrics.Count(storeId, direction, bytes);

    /// <summary>A token that also ends when a commit takes too long.</summary>
    public CancellationTokenSource StartCommitLimit() => new(options.CommitTimeout, time);

    /// <summary>Counts a call, or a transfer that is about to open.</summary>
    /// <returns>False when another driver has taken over.</returns>
    /// <exception cref="StoreException"><see cref="StoreError.Unavailable"/> while the store drains, for transfers, or when it is closed.</exception>
    public bool TryEnter(bool transfer)
    {
        lock (gate)
        {
            if (phase == Phase.Replaced)
                return false;
            if (phase == Phase.Closed || (phase == Phase.Draining && transfer))
                throw new StoreException(StoreError.Unavailable, $"Store '{storeId}' is being closed.");
            calls++;
            transfers += transfer ? 1 : 0;
        }

        if (transfer)
            StoreMetrics.CountOpen(storeId, 1);
        return true;
    }

    /// <summary>Ends what <see cref="TryEnter"/> counted.</summary>
    public void Leave(bool transfer)
    {
        if (transfer)
            StoreMetrics.CountOpen(storeId, -1);
        lock (gate)
        {
            transfers -= transfer ? 1 : 0;
            if (--calls == 0)
                drained?.TrySetResult();
        }
    }

    /// <summary>Lets no new transfer begin and ends when everything in flight has ended. Calls that are no transfers, such as settling what just
    /// ended, may still begin meanwhile.</summary>
    public Task DrainAsync() => EnterPhase(Phase.Draining);

    /// <summary>Lets nothing begin here any more, because another driver takes over, and ends when everything in flight has ended.</summary>
    public Task DrainReplacedAsync() => EnterPhase(Phase.Replaced);

    /// <summary>Lets nothing begin any more.</summary>
    public void Close()
    {
        lock (gate)
            phase = phase == Phase.Replaced ? Phase.Replaced : Phase.Closed;
    }

    private Task EnterPhase(Phase next)
    {
        lock (gate)
        {
            if (phase < next)
                phase = next;
            if (calls == 0)
                return Task.CompletedTask;
            drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return drained.Task;
        }
    }

    /// <summary>Disposes without throwing: the caller is past the point where it could do anything about it.</summary>
    public async ValueTask DisposeQuietlyAsync(string operation, IAsyncDisposable disposable)
    {
        try
        {
            await disposable.DisposeAsync();
        }
        catch (Exception exception)
        {
            logger.OperationFailed(storeId, operation, exception.ToString());
        }
    }

    /// <summary>Disposes the driver itself, within the time of one operation: a backend that hangs must not keep the process from ending.</summary>
    /// <param name="driver">The driver.</param>
    /// <param name="ended">Set when its dispose has ended, however late.</param>
    public async ValueTask DisposeDriverAsync(IAsyncDisposable driver, TaskCompletionSource ended)
    {
        try
        {
            await Task.Run(() => DisposeAsync(driver, ended)).WaitAsync(options.OperationTimeout, time);
        }
        catch (Exception exception)
        {
            logger.OperationFailed(storeId, "dispose", exception.ToString());
        }
    }

    private static async Task DisposeAsync(IAsyncDisposable driver, TaskCompletionSource ended)
    {
        try
        {
            await driver.DisposeAsync();
        }
        finally
        {
            ended.SetResult();
        }
    }

    public static string NameOf(StoreOutcome outcome) => outcome switch
    {
        StoreOutcome.Ok => "ok",
        StoreOutcome.Absent => "absent",
        StoreOutcome.Duplicate => "duplicate",
        StoreOutcome.InUse => "in_use",
        StoreOutcome.Full => "full",
        _ => "denied",
    };

    private static string NameOf(StoreError error) => error switch
    {
        StoreError.Misconfigured => "misconfigured",
        StoreError.Unavailable => "unavailable",
        StoreError.TimedOut => "timed_out",
        StoreError.InvalidLocation => "invalid_location",
        StoreError.Changed => "changed",
        StoreError.Corrupt => "corrupt",
        _ => "unexpected",
    };

    private static async Task DiscardLateAsync<T>(Task<T> running, Func<T, ValueTask> discard)
    {
        try
        {
            await discard(await running);
        }
        catch
        {
            // The caller was told of a fault already, and there is nobody left to tell of a second one.
        }
    }
}
