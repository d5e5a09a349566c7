using System.Runtime.CompilerServices;
using GlanceGateway.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace Acme.ShelfDriver;

/// <summary>The entry point. The host finds the one public class like this in the assembly.</summary>
public sealed class ShelfFactory : IStorageDriverFactory
{
    // The documentation, the check and the default of each option. The host has applied all three before CreateAsync.
    public IReadOnlyList<OptionDescriptor> Options { get; } =
    [
        new("directory", OptionType.Path, "Where the images are kept.", Required: true),
    ];

    public ValueTask<IStorageDriver> CreateAsync(DriverOptions options, IStoreContext context, CancellationToken cancellationToken)
    {
        var directory = options.Get<string>("directory");
        try
        {
            Directory.CreateDirectory(directory);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new StoreException(StoreError.Misconfigured, $"directory '{directory}' cannot be made: {fault.Message} Give it to the service user.");
        }

        return ValueTask.FromResult<IStorageDriver>(new ShelfStore(context.StoreId, directory));
    }
}

/// <summary>
/// Keeps the bytes of an attempt in IMAGE.ATTEMPT.data. What makes them the image is a small file of the image's name that holds the attempt's
/// id: it appears by one rename that replaces nothing, and it tells for ever whose image it is.
/// </summary>
internal sealed class ShelfStore(string storeId, string directory) : IStorageDriver, ILocalPaths
{
    public IReadOnlyList<string> Paths { get; } = [directory];

    public ValueTask<StoreResult<IStoreWriter>> BeginWriteAsync(WriteRequest request, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var attempt = request.Attempt;
        if (File.Exists(NameOf(attempt.ImageId)))
            return ValueTask.FromResult<StoreResult<IStoreWriter>>(StoreOutcome.Duplicate);
        try
        {
            var data = File.OpenHandle(DataOf(attempt), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            return ValueTask.FromResult<StoreResult<IStoreWriter>>(new ShelfWriter(this, attempt, data));
        }
        catch (IOException fault) when (IsFull(fault))
        {
            return ValueTask.FromResult<StoreResult<IStoreWriter>>(StoreOutcome.Full);
        }
    }

    public ValueTask<StoreResult<IByteSource>> OpenAsync(string location, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var image = ImageIn(location);
        if (WinnerOf(image) is not { } winner)
            return ValueTask.FromResult<StoreResult<IByteSource>>(StoreOutcome.Absent);
        try
        {
            return ValueTask.FromResult<StoreResult<IByteSource>>(new ShelfSource(File.OpenHandle(DataOf(new WriteAttempt(image, winner)), options: FileOptions.Asynchronous), winner));
        }
        catch (FileNotFoundException)
        {
            return ValueTask.FromResult<StoreResult<IByteSource>>(StoreOutcome.Absent);
        }
    }

    public ValueTask<StoreOutcome> DeleteAsync(string location, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var image = ImageIn(location);
        if (WinnerOf(image) is not { } winner)
            return ValueTask.FromResult(StoreOutcome.Absent);

        // The name first: a crash in between leaves data that is listed as residue, never a name without data.
        File.Delete(NameOf(image));
        File.Delete(DataOf(new WriteAttempt(image, winner)));
        return ValueTask.FromResult(StoreOutcome.Ok);
    }

    public async IAsyncEnumerable<Residue> ListResidueAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var file in Directory.EnumerateFiles(directory, "*.data"))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var parts = Path.GetFileName(file).Split('.');
            if (parts.Length == 3 && WinnerOf(parts[0]) != parts[1])
                yield return new Residue(new WriteAttempt(parts[0], parts[1]), file, new FileInfo(file).Length, File.GetLastWriteTimeUtc(file));
        }

        await ValueTask.CompletedTask;
    }

    public ValueTask SettleAsync(WriteAttempt attempt, bool keepCommitted, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var isOurs = WinnerOf(attempt.ImageId) == attempt.AttemptId;
        if (isOurs && keepCommitted)
            return ValueTask.CompletedTask;
        if (isOurs)
            File.Delete(NameOf(attempt.ImageId));
        File.Delete(UnnamedOf(attempt));
        File.Delete(DataOf(attempt));
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    // ENOSPC and EDQUOT, which .NET puts into HResult on Linux. A full disk is an outcome that the host expects, not a fault.
    internal static bool IsFull(IOException fault) => fault.HResult is 28 or 122;

    internal StoreResult<StoredObject> Publish(WriteAttempt attempt, long size)
    {
        if (!File.Exists(DataOf(attempt)))
            throw new StoreException(StoreError.Unexpected, "The attempt was settled before its commit.", attempt.ImageId);
        var unnamed = UnnamedOf(attempt);
        File.WriteAllText(unnamed, attempt.AttemptId);
        try
        {
            File.Move(unnamed, NameOf(attempt.ImageId), overwrite: false);
        }
        catch (IOException) when (File.Exists(NameOf(attempt.ImageId)))
        {
            // Taken: by another attempt, or by this one when the host repeats a commit.
            File.Delete(unnamed);
        }

        return WinnerOf(attempt.ImageId) == attempt.AttemptId
            ? new StoredObject($"shelf://{storeId}/{attempt.ImageId}", size, new Dictionary<string, string>())
            : StoreOutcome.Duplicate;
    }

    private string NameOf(string image) => Path.Combine(directory, image);

    private string DataOf(WriteAttempt attempt) => Path.Combine(directory, $"{attempt.ImageId}.{attempt.AttemptId}.data");

    // The name before it has its place.
    private string UnnamedOf(WriteAttempt attempt) => DataOf(attempt) + ".name";

    private string? WinnerOf(string image)
    {
        try
        {
            return File.ReadAllText(NameOf(image));
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    // A location comes from a database that people edit: it must be to the letter what Publish makes, or it could lead anywhere.
    private string ImageIn(string location)
    {
        var prefix = $"shelf://{storeId}/";
        return location.StartsWith(prefix, StringComparison.Ordinal) && location.Length == prefix.Length + 36 && Guid.TryParseExact(location.AsSpan(prefix.Length), "D", out _)
            ? location[prefix.Length..]
            : throw new StoreException(StoreError.InvalidLocation, $"The location is not {prefix}IMAGE.", location);
    }
}

/// <summary>One attempt. The host calls one member at a time.</summary>
internal sealed class ShelfWriter(ShelfStore store, WriteAttempt attempt, SafeFileHandle data) : IStoreWriter
{
    private long length;
    private bool committed;

    public int PreferredWriteSize => 1024 * 1024;

    public async ValueTask<StoreOutcome> WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        // The buffer is the host's and changes as soon as this task ends: write it or copy it before.
        try
        {
            await RandomAccess.WriteAsync(data, bytes, length, cancellationToken);
        }
        catch (IOException fault) when (ShelfStore.IsFull(fault))
        {
            return StoreOutcome.Full;
        }

        length += bytes.Length;
        return StoreOutcome.Ok;
    }

    public ValueTask<StoreOutcome> WriteZerosAsync(long count, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        length += count;
        RandomAccess.SetLength(data, length);
        return ValueTask.FromResult(StoreOutcome.Ok);
    }

    public ValueTask<StoreResult<StoredObject>> CommitAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            // Some filesystems find out only now that there is no room.
            RandomAccess.FlushToDisk(data);
            var result = store.Publish(attempt, length);
            committed |= result.IsOk;
            return ValueTask.FromResult(result);
        }
        catch (IOException fault) when (ShelfStore.IsFull(fault))
        {
            return ValueTask.FromResult<StoreResult<StoredObject>>(StoreOutcome.Full);
        }
    }

    // Without a commit, dispose is the abort. May be called twice.
    public async ValueTask DisposeAsync()
    {
        data.Dispose();
        if (!committed)
            await store.SettleAsync(attempt, keepCommitted: false, CancellationToken.None);
    }
}

/// <summary>An open image: read by many at once, and readable to its end even when it is deleted meanwhile.</summary>
internal sealed class ShelfSource(SafeFileHandle data, string attempt) : IByteSource
{
    public long? Length { get; } = RandomAccess.GetLength(data);

    public string? Validator => attempt;

    public ByteSourceHints Hints { get; } = new(BestRequestSize: 1024 * 1024, Parallelism: 4, Ranges: true);

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        // The whole buffer, except at the end: the host counts on it.
        var done = 0;
        while (done < buffer.Length && await RandomAccess.ReadAsync(data, buffer[done..], offset + done, cancellationToken) is > 0 and var read)
            done += read;
        return done;
    }

    public ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(data.IsClosed, this);
        return ValueTask.FromResult<Stream>(new ByteSourceStream(this, offset, length));
    }

    public ValueTask DisposeAsync()
    {
        data.Dispose();
        return ValueTask.CompletedTask;
    }
}
