using System.IO.Pipelines;
using GlanceGateway.Abstractions;
using GlanceGateway.Registry;
using GlanceGateway.Stores;

namespace GlanceGateway.Images;

/// <summary>A copy that a store has committed and the registry does not know yet.</summary>
internal sealed record CommittedCopy(StoreIntent Intent, StoredObject Object, UploadedData Data, long? VirtualSize);

/// <summary>Copies data into one store under a task's lease, through the same pipeline as an upload: hashes, inspection and size cap included.</summary>
internal sealed class StoreCopy(ImageRegistry registry, StoreSet stores, StorePlaces places, ContentJudge judge, ImageSignatures signatures, ImageOptions options, TimeProvider time)
{
    private readonly UploadPipeline pipeline = new(options, time);

    /// <summary>Copies a source from its start to its end and commits. Nothing is recorded but the intent, which the caller registers or undoes.</summary>
    /// <param name="image">Whose data it is.</param>
    /// <param name="storeId">Where to.</param>
    /// <param name="source">The data; stays open.</param>
    /// <param name="expectedHash">SHA-512 in hexadecimal that the data must have; null when nobody knows.</param>
    /// <param name="signer">Whose certificate a signed image names.</param>
    /// <param name="lease">The task's.</param>
    /// <param name="cancellationToken">Ends the copy.</param>
    /// <exception cref="ImageException">The store or the rules refuse the data, or it is not what was expected.</exception>
    /// <exception cref="StoreException">A store failed.</exception>
    public async Task<CommittedCopy> RunAsync(
        Image image, string storeId, IByteSource source, string? expectedHash, Caller signer, Lease lease, CancellationToken cancellationToken)
    {
        if (!stores.TryGetDriver(storeId, out var driver) || (stores.TryGet(storeId, out var store) && store.IsReadOnly))
        {
            throw new ImageException(ImageError.Unavailable, $"The store '{storeId}' is not available, or read-only.");
        }

        var intent = await registry.WriteAsync(
            async (tx, ct) =>
            {
                await tx.RequireLeaseAsync(lease, ct);
                var begun = new StoreIntent(
                    Guid.NewGuid().ToString("N"), IntentKind.Write, image.Id, storeId, Url: null, lease.Name, Registered: false, tx.Now, places.Of(storeId));
                await tx.InsertIntentAsync(begun, ct);
                return begun;
            },
            cancellationToken);
        var isNew = image.Status == ImageStatus.Importing;
        using var signature = isNew ? await signatures.OpenAsync(image, signer, cancellationToken) : null;
        var opened = await driver.BeginWriteAsync(new WriteRequest(StagingStore.AttemptOf(intent), source.Length, image.Owner), cancellationToken);
        await using var writer = opened.IsOk ? opened.Value : throw StoreRefusals.Of(opened.Outcome);
        await using var stream = await source.OpenRangeAsync(0, null, cancellationToken);
        var body = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 1 << 16, leaveOpen: true));
        try
        {
            var data = await pipeline.RunAsync(body, source.Length, writer, reserve: null, signature, cancellationToken);
            if (expectedHash is not null && expectedHash != data.Sha512)
            {
                throw new ImageException(ImageError.Failed, "The data is not as it was when it came: its hash differs.");
            }

            var virtualSize = isNew ? judge.Judge(image, data) : image.VirtualSize;
            var committed = await writer.CommitAsync(cancellationToken);
            var stored = committed.IsOk ? committed.Value : throw StoreRefusals.Of(committed.Outcome);
            return stored.Size == data.Size
                ? new CommittedCopy(intent, stored, data, virtualSize)
                : throw new StoreException(StoreError.Corrupt, $"The store committed {stored.Size} bytes of {data.Size}.", stored.Location);
        }
        finally
        {
            await body.CompleteAsync();
        }
    }
}
