using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Sftp;

/// <summary>
/// An open image: one handle, shared by all readers, each with its requests in flight. When the connection is lost the handle is opened
/// anew over another one, and the read that met the loss is repeated once. Every read is followed by FSTAT of the handle, which the server
/// answers after the data, so that bytes of a changed file never leave as the image's.
/// </summary>
internal sealed class SftpSource(SftpSettings settings, SessionPool pool, string path, SftpAttributes found) : IByteSource
{
    private readonly SemaphoreSlim opening = new(1);
    private readonly SemaphoreSlim free = new(settings.RequestsInFlight);
    private OpenFile? current;
    private volatile bool disposed;

    public long? Length => found.Size;

    public string Validator { get; } = $"{found.ModifiedAt:x}-{found.Size:x}";

    public ByteSourceHints Hints { get; } = new(BestRequestSize: 256 * 1024, Parallelism: 8, Ranges: true);

    /// <summary>Opens the file, if it is not open on a live session.</summary>
    public async Task<(SftpStatus Status, string Text)> OpenHandleAsync(CancellationToken cancellationToken)
    {
        await opening.WaitAsync(cancellationToken);
        try
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            if (current is { Session.IsOpen: true })
                return (SftpStatus.Ok, "");
            if (current is { } lost)
                pool.Return(lost.Session);
            current = null;

            var session = await pool.RentAsync(cancellationToken);
            SftpAnswer<byte[]> opened = default;
            try
            {
                opened = await session.OpenFileAsync(path, SftpOpen.Read, cancellationToken);
                if (opened.IsOk)
                {
                    await ThrowIfChangedAsync(session, opened.Value, cancellationToken);
                    current = new OpenFile(session, opened.Value);
                }

                return (opened.Status, opened.Text);
            }
            finally
            {
                if (current is null)
                {
                    if (opened is { IsOk: true } && session.IsOpen)
                        _ = session.CloseAsync(opened.Value);
                    pool.Return(session);
                }
            }
        }
        finally
        {
            opening.Release();
        }
    }

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ObjectDisposedException.ThrowIf(disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        var count = (int)Math.Min(buffer.Length, Math.Max(0, found.Size - offset));
        if (count == 0)
            return 0;
        for (var again = false; ; again = true)
        {
            var file = await UseHandleAsync(cancellationToken);
            try
            {
                await FillAsync(file, offset, buffer[..count], cancellationToken);
                return count;
            }
            catch (StoreException fault) when (disposed)
            {
                throw new ObjectDisposedException("The image was closed while it was being read.", fault);
            }
            catch (StoreException fault) when (!again && !file.Session.IsOpen && fault.Error == StoreError.Unavailable)
            {
                // Reads change nothing: once more over a new connection.
            }
        }
    }

    public ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ObjectDisposedException.ThrowIf(disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        var end = length is { } bytes && bytes < found.Size - offset ? offset + bytes : found.Size;
        return ValueTask.FromResult<Stream>(new ReadAheadStream(this, Hints.BestRequestSize, Hints.Parallelism, offset, end));
    }

    public async ValueTask DisposeAsync()
    {
        if (disposed)
            return;
        disposed = true;
        await opening.WaitAsync();
        try
        {
            if (current is not { } file)
                return;
            current = null;
            try
            {
                if (file.Session.IsOpen)
                    await file.Session.CloseAsync(file.Handle);
            }
            catch (StoreException)
            {
                // The session ended, and the handle with it.
            }

            pool.Return(file.Session);
        }
        finally
        {
            opening.Release();
        }
    }

    private async ValueTask<OpenFile> UseHandleAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref current) is { Session.IsOpen: true } file)
            return file;
        var (status, text) = await OpenHandleAsync(cancellationToken);
        return status switch
        {
            SftpStatus.Ok => Volatile.Read(ref current) ?? throw new ObjectDisposedException(nameof(SftpSource)),
            SftpStatus.NoSuchFile => throw new StoreException(StoreError.Changed, "The image was removed while it was being read.", path),
            _ => throw Faults.Of(status, text, "The image could not be opened again", path),
        };
    }

    private async Task FillAsync(OpenFile file, long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var size = Math.Min(settings.RequestSize ?? int.MaxValue, file.Session.Limits.Read);
        var reads = new List<Task>((buffer.Length / size) + 2);
        try
        {
            for (var done = 0; done < buffer.Length; done += size)
            {
                await free.WaitAsync(cancellationToken);
                reads.Add(ReadPieceAsync(file, offset + done, buffer.Slice(done, Math.Min(size, buffer.Length - done)), cancellationToken));
            }

            reads.Add(ThrowIfChangedAsync(file.Session, file.Handle, cancellationToken));
        }
        finally
        {
            // Also after a failure: the buffer is the caller's again only when nothing fills it any more.
            await Task.WhenAll(reads);
        }
    }

    private async Task ReadPieceAsync(OpenFile file, long offset, Memory<byte> piece, CancellationToken cancellationToken)
    {
        try
        {
            // Servers may answer with less than was asked.
            while (!piece.IsEmpty)
            {
                var read = await file.Session.ReadAsync(file.Handle, offset, piece, cancellationToken);
                if (!read.IsOk)
                    throw Faults.Of(read.Status, read.Text, "The image could not be read", path);
                if (read.Value == 0)
                    throw new StoreException(StoreError.Changed, $"The image ends at byte {offset}, before its length of {found.Size}.", path);
                offset += read.Value;
                piece = piece[read.Value..];
            }
        }
        finally
        {
            free.Release();
        }
    }

    private async Task ThrowIfChangedAsync(SftpSession session, byte[] handle, CancellationToken cancellationToken)
    {
        var now = await session.DescribeAsync(handle, cancellationToken);
        if (!now.IsOk)
            throw Faults.Of(now.Status, now.Text, "The image could not be examined", path);
        if (!now.Value.IsRegular || now.Value.Size != found.Size || now.Value.ModifiedAt != found.ModifiedAt)
            throw new StoreException(StoreError.Changed, "The image's file was written to after it was opened.", path);
    }

    private sealed record OpenFile(SftpSession Session, byte[] Handle);
}
