using GlanceGateway.Registry.Sql;

namespace GlanceGateway.Registry.Database;

/// <summary>A unit of work on its way through a writer: waiting, then either withdrawn by its caller or started and finished.</summary>
internal abstract class WriteUnit
{
    private const int Waiting = 0;
    private const int Started = 1;
    private const int Withdrawn = 2;

    private int _state;

    /// <summary>False when the caller withdrew the unit while it waited.</summary>
    public bool TryStart() => Interlocked.CompareExchange(ref _state, Started, Waiting) == Waiting;

    /// <summary>Runs the unit to its end on the calling thread and keeps its result.</summary>
    public abstract void Run(SqlTransaction transaction);

    /// <summary>Tells the caller that the unit is committed.</summary>
    public abstract void Acknowledge();

    /// <summary>Tells the caller that nothing of the unit was written.</summary>
    public abstract void Fail(Exception exception);

    /// <summary>False when the unit runs already.</summary>
    protected bool TryWithdraw() => Interlocked.CompareExchange(ref _state, Withdrawn, Waiting) == Waiting;
}

/// <summary>A unit of work with its result.</summary>
internal sealed class WriteUnit<T> : WriteUnit, IDisposable
{
    // Continuations must not run on the writer's thread: one slow caller would stop all writes.
    private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Func<RegistryTransaction, CancellationToken, Task<T>> _work;
    private readonly CancellationTokenRegistration _cancellation;
    private T? _result;

    public WriteUnit(Func<RegistryTransaction, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        _work = work;
        _cancellation = cancellationToken.UnsafeRegister(static (state, token) => ((WriteUnit<T>)state!).Withdraw(token), this);
    }

    public Task<T> Done => _done.Task;

    /// <summary>The caller's token no longer counts: what runs is finished, so that cancelled means not written.</summary>
    public override void Run(SqlTransaction transaction) => _result = _work(transaction, CancellationToken.None).GetAwaiter().GetResult();

    public override void Acknowledge() => _done.TrySetResult(_result!);

    public override void Fail(Exception exception) => _done.TrySetException(exception);

    public void Dispose() => _cancellation.Dispose();

    private void Withdraw(CancellationToken token)
    {
        if (TryWithdraw())
            _done.TrySetCanceled(token);
    }
}
