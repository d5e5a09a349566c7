using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Http;

/// <summary>An open object. With ranges each read is one GET; without, each reads the object from its beginning and skips what was not asked for.</summary>
internal sealed class HttpSource(HttpRequests requests, HttpLocation location, HttpFacts facts) : IByteSource
{
    private readonly CancellationTokenSource _ending = new();
    private volatile bool _disposed;

    public long? Length => facts.Length;

    public string? Validator => facts.Validator;

    public ByteSourceHints Hints { get; } = new(BestRequestSize: 4 * 1024 * 1024, Parallelism: facts.Ranges ? 4 : 1, facts.Ranges);

    /// <summary>What was opened.</summary>
    public HttpFacts Facts => facts;

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ObjectDisposedException.ThrowIf(_disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        var count = (int)Math.Min(buffer.Length, Math.Max(0, (facts.Length ?? long.MaxValue) - offset));
        if (count == 0)
            return 0;
        await using var stream = new DownloadStream(this, offset, count);
        return await stream.ReadAtLeastAsync(buffer[..count], count, throwOnEndOfStream: false, cancellationToken);
    }

    public async ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ObjectDisposedException.ThrowIf(_disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        var count = facts.Length is { } whole ? Math.Min(Math.Max(0, whole - offset), length ?? long.MaxValue) : length;
        if (count == 0)
            return Stream.Null;
        var stream = new DownloadStream(this, offset, count);
        try
        {
            await stream.OpenAsync(cancellationToken);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>Asks for bytes.</summary>
    public async Task<HttpResponseMessage> RequestAsync(long offset, long? end, CancellationToken cancellationToken)
    {
        using var limit = Limit(cancellationToken);
        try
        {
            return await requests.GetAsync(location, facts, offset, end, limit, cancellationToken);
        }
        catch (StoreException exception) when (_disposed)
        {
            throw new ObjectDisposedException("The source was closed under its reader.", exception);
        }
    }

    /// <summary>Reads of an answer's body.</summary>
    public async ValueTask<int> ReadAsync(Stream body, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        using var limit = Limit(cancellationToken);
        try
        {
            return await requests.RunAsync(location, limit, token => body.ReadAsync(buffer, token), cancellationToken);
        }
        catch (StoreException exception) when (_disposed)
        {
            throw new ObjectDisposedException("The source was closed under its reader.", exception);
        }
    }

    /// <summary>A fault of this object.</summary>
    public StoreException Fault(StoreError error, string message) => new(error, message, location.Shown);

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
            return;
        _disposed = true;
        await _ending.CancelAsync();
        _ending.Dispose();
    }

    private Deadline Limit(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return requests.Limit(cancellationToken, _ending.Token);
    }
}
