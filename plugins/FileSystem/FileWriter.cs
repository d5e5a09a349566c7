using System.Buffers;
using GlanceGateway.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Plugins.FileSystem;

/// <summary>
/// One attempt: appends to its part file, without a buffer between the host's and the page cache, and where the filesystem can without the
/// page cache either.
/// </summary>
/// <remarks>
/// Copying an image into the page cache takes from a fifth of the processor time of its hashes, on memory that the machine has at hand, to as
/// much as the hashes; and it pushes out what guests boot from. So only the beginning of an image, which is read first, and whatever is not aligned
/// goes there. A direct write that is refused is repeated through the page cache, and so are all that follow.
/// </remarks>
internal sealed class FileWriter(FileSystemDriver driver, ImageDirectory directory, WriteAttempt attempt, SafeFileHandle file, FileSystemSettings settings) : IStoreWriter
{
    private static readonly byte[] zeros = new byte[256 * 1024];

    // The largest that a device asks for; the memory's is smaller everywhere.
    private const int DirectAlignment = 4096;

    private bool mayBeDirect = directory.Kind is { WritesDirectly: true };
    private bool isDirect;
    private long length;
    private bool endsInHole;
    private bool bytesAreDurable;
    private bool disposed;
    private StoreResult<StoredObject>? committed;
    private StoreException? syncFault;

    public int PreferredWriteSize => settings.RequestSize;

    public async ValueTask<StoreOutcome> WriteAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        using var pinned = data.Pin();
        SetDirect(mayBeDirect && length >= settings.CachedBytes && IsAligned(pinned, data.Length, length));
        try
        {
            try
            {
                await RandomAccess.WriteAsync(file, data, length, cancellationToken);
            }
            catch (IOException exception) when (isDirect && exception.HResult == Linux.EINVAL)
            {
                // Never on ext4 and XFS as they are; or a part was written before the device was full, and the rest is not aligned.
                mayBeDirect = false;
                SetDirect(false);
                await RandomAccess.WriteAsync(file, data, length, cancellationToken);
            }
        }
        catch (Exception exception) when (ExpectedOutcomeOf(exception) is { } outcome)
        {
            return outcome;
        }
        catch (Exception exception) when (exception is IOException or NotSupportedException)
        {
            throw directory.Fault(Linux.ErrorOf(exception), "The image's bytes could not be written", attempt.ImageId);
        }

        length += data.Length;
        endsInHole &= data.IsEmpty;
        return StoreOutcome.Ok;
    }

    public async ValueTask<StoreOutcome> WriteZerosAsync(long length, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (settings.Thin)
        {
            // What is never written is a hole, except at the very end, where the commit sets the length.
            this.length = checked(this.length + length);
            endsInHole |= length > 0;
            return StoreOutcome.Ok;
        }

        var outcome = StoreOutcome.Ok;
        for (; length > 0 && outcome == StoreOutcome.Ok; length -= Math.Min(length, zeros.Length))
            outcome = await WriteAsync(zeros.AsMemory(0, (int)Math.Min(length, zeros.Length)), cancellationToken);
        return outcome;
    }

    public async ValueTask<StoreResult<StoredObject>> CommitAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (committed is { } already)
            return already;

        // Not cancelled half-way: a commit that has begun gives a result, so that nobody has to guess.
        var result = await Task.Run(Commit, CancellationToken.None);
        if (result.IsOk)
            committed = result;
        return result;
    }

    public async ValueTask DisposeAsync()
    {
        if (disposed)
            return;
        disposed = true;
        file.Dispose();
        if (committed is null)
            await Task.Run(() => directory.Forget(attempt, keepCommitted: false));
    }

    private static unsafe bool IsAligned(MemoryHandle memory, int count, long offset) =>
        (((nuint)memory.Pointer | (nuint)count | (nuint)offset) & (DirectAlignment - 1)) == 0;

    private void SetDirect(bool wanted)
    {
        if (wanted == isDirect)
            return;
        if (Linux.SetDirect(file, wanted) == 0)
            isDirect = wanted;
        else
            mayBeDirect = false;
    }

    private StoreResult<StoredObject> Commit()
    {
        // After a failed fsync the kernel may have dropped the dirty pages and report success the next time: the failure is final.
        if (syncFault is not null)
            throw syncFault;
        if (!bytesAreDurable)
        {
            try
            {
                if (endsInHole)
                    RandomAccess.SetLength(file, length);
            }
            catch (Exception exception) when (ExpectedOutcomeOf(exception) is { } outcome)
            {
                return outcome;
            }
            catch (Exception exception) when (exception is IOException or NotSupportedException)
            {
                throw directory.Fault(Linux.ErrorOf(exception), "The image's length could not be set", attempt.ImageId);
            }

            // Before the sync, which makes the mode durable too, and before the name, under which nobody should find another one.
            var error = settings.FileMode is { } mode ? Linux.ChangeMode(file, mode) : 0;
            if (error != 0)
                throw directory.Fault(error, "The image's permissions could not be set", attempt.ImageId);

            error = Linux.Sync(file);
            if (Linux.OutcomeOf(error) is (StoreOutcome.Full or StoreOutcome.Denied) and var refused)
                return refused;
            if (error != 0)
            {
                syncFault = directory.Fault(error, "The image's bytes could not be made durable", attempt.ImageId);
                throw syncFault;
            }

            bytesAreDurable = true;
        }

        return driver.Publish(directory, attempt, file, length);
    }

    // .NET puts the error number into HResult, but turns three of those we look for into exceptions of other types.
    private static StoreOutcome? ExpectedOutcomeOf(Exception exception) => exception switch
    {
        UnauthorizedAccessException => StoreOutcome.Denied,
        ArgumentOutOfRangeException => StoreOutcome.Full, // EFBIG
        IOException io when Linux.OutcomeOf(io.HResult) is StoreOutcome.Full or StoreOutcome.Denied => Linux.OutcomeOf(io.HResult),
        _ => null,
    };
}
