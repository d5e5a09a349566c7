using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Sftp;

/// <summary>
/// One attempt: a bounded number of WRITE requests in flight on one handle. A write copies its bytes into requests and returns while they
/// travel; the failure of one is reported by the next call. Bytes that are never written are a hole.
/// </summary>
internal sealed class SftpWriter(SftpDriver driver, SftpSettings settings, SftpSession session, WriteAttempt attempt, byte[] handle) : IStoreWriter
{
    private readonly int requestSize = Math.Min(settings.RequestSize ?? int.MaxValue, session.Limits.Write);
    private readonly SemaphoreSlim free = new(settings.RequestsInFlight);
    private long length;
    private bool endsInHole;
    private bool bytesAreDurable;
    private bool disposed;
    private Failure? failure;
    private StoreResult<StoredObject>? committed;

    public int PreferredWriteSize => 1024 * 1024;

    public async ValueTask<StoreOutcome> WriteAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        while (!data.IsEmpty)
        {
            await free.WaitAsync(cancellationToken);
            if (Volatile.Read(ref failure) is { } failed)
            {
                free.Release();
                return await ReportAsync(failed, cancellationToken);
            }

            var count = Math.Min(requestSize, data.Length);
            _ = FollowAsync(session.WriteAsync(handle, length, data.Span[..count]));
            length += count;
            data = data[count..];
            endsInHole = false;
        }

        return StoreOutcome.Ok;
    }

    public ValueTask<StoreOutcome> WriteZerosAsync(long length, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();

        // What is never written is a hole, except at the very end, where the commit sets the length.
        this.length = checked(this.length + length);
        endsInHole |= length > 0;
        return ValueTask.FromResult(StoreOutcome.Ok);
    }

    public async ValueTask<StoreResult<StoredObject>> CommitAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (committed is { } already)
            return already;
        if (!bytesAreDurable)
        {
            await DrainAsync(cancellationToken);
            if (Volatile.Read(ref failure) is { } failed)
                return await ReportAsync(failed, cancellationToken);
            try
            {
                if (endsInHole && await session.SetLengthAsync(handle, length).WaitAsync(cancellationToken) is { IsOk: false } refused)
                    return await ReportAsync(new Failure(refused.Status, refused.Text, null), cancellationToken);
                if (session.CanSync)
                    await SftpDriver.SyncAsync(session, handle, attempt, cancellationToken);
            }
            catch (StoreException fault)
            {
                // Final: after a failed fsync the server's kernel may have dropped the bytes and report success the next time.
                failure = new Failure(SftpStatus.Ok, "", fault);
                throw;
            }

            bytesAreDurable = true;
        }

        var result = await driver.PublishAsync(session, attempt, handle, length, cancellationToken);
        if (result.IsOk)
            committed = result;
        return result;
    }

    public async ValueTask DisposeAsync()
    {
        if (disposed)
            return;
        disposed = true;

        // A dead session has failed them all; a silent one is given up after the operation time-out.
        await DrainAsync(CancellationToken.None);
        await driver.ReleaseAsync(session, attempt, handle, committed is not null);
        free.Dispose();
    }

    private async Task FollowAsync(Task<SftpAnswer<bool>> write)
    {
        try
        {
            var answer = await write;
            if (!answer.IsOk)
                Interlocked.CompareExchange(ref failure, new Failure(answer.Status, answer.Text, null), null);
        }
        catch (StoreException fault)
        {
            Interlocked.CompareExchange(ref failure, new Failure(SftpStatus.Ok, "", fault), null);
        }
        finally
        {
            free.Release();
        }
    }

    private async Task DrainAsync(CancellationToken cancellationToken)
    {
        var taken = 0;
        try
        {
            for (; taken < settings.RequestsInFlight; taken++)
                await free.WaitAsync(cancellationToken);
        }
        finally
        {
            if (taken > 0)
                free.Release(taken);
        }
    }

    private async Task<StoreOutcome> ReportAsync(Failure failed, CancellationToken cancellationToken)
    {
        if (failed.Fault is { } fault)
            throw new StoreException(fault.Error, fault.Message, attempt.ImageId);
        if (failed.Status == SftpStatus.PermissionDenied)
            return StoreOutcome.Denied;

        // The protocol has no status for "no space": the room tells.
        return session.IsOpen && await driver.IsFullAsync(session, (long)settings.RequestsInFlight * requestSize, cancellationToken)
            ? StoreOutcome.Full
            : throw Faults.Of(failed.Status, failed.Text, "The image could not be written", attempt.ImageId);
    }

    /// <summary>Why the attempt cannot go on: an answer, or no answer.</summary>
    private sealed record Failure(SftpStatus Status, string Text, StoreException? Fault);
}
