using System.Runtime.CompilerServices;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Http;

/// <summary>
/// Reads what lies on web servers. It writes nothing, leaves nothing behind, and deletes nothing: the objects belong to others, and an image
/// that is deleted only forgets its URL.
/// </summary>
internal sealed class HttpDriver : IStorageDriver, IReadOnlyStore
{
    private readonly HttpRequests _requests;

    public HttpDriver(HttpSettings settings, IStoreContext context) => _requests = new HttpRequests(settings, context);

    public ValueTask<StoreResult<IStoreWriter>> BeginWriteAsync(WriteRequest request, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult(new StoreResult<IStoreWriter>(StoreOutcome.Denied, null, "The store reads from web servers and takes no data."));
    }

    public async ValueTask<StoreResult<IByteSource>> OpenAsync(string location, CancellationToken cancellationToken)
    {
        var parsed = HttpLocation.Parse(location);
        using var limit = _requests.Limit(cancellationToken);
        var (outcome, facts) = await _requests.DescribeAsync(parsed, limit, cancellationToken);
        return facts is null ? outcome : new HttpSource(_requests, parsed, facts);
    }

    public ValueTask<StoreOutcome> DeleteAsync(string location, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        HttpLocation.Parse(location);
        return ValueTask.FromResult(StoreOutcome.Absent);
    }

    public async IAsyncEnumerable<Residue> ListResidueAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await ValueTask.CompletedTask;
        yield break;
    }

    public ValueTask SettleAsync(WriteAttempt attempt, bool keepCommitted, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask DisposeAsync()
    {
        _requests.Dispose();
        return ValueTask.CompletedTask;
    }
}
