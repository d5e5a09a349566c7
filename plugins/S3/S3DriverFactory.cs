using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.S3;

/// <summary>Opens a bucket as a store, and finds out at the start what would else fail at the end of the first upload.</summary>
public sealed class S3DriverFactory : IStorageDriverFactory
{
    /// <inheritdoc/>
    public IReadOnlyList<OptionDescriptor> Options => S3Settings.Options;

    /// <inheritdoc/>
    public async ValueTask<IStorageDriver> CreateAsync(DriverOptions options, IStoreContext context, CancellationToken cancellationToken)
    {
        var settings = S3Settings.Read(options);
        var connection = new S3Connection(settings, context.Time);
        try
        {
            await FindBucketAsync(connection, settings, cancellationToken);
            var hasConditionalPut = await ProbeAsync(connection, settings, cancellationToken);
            if (!hasConditionalPut)
            {
                context.Log(
                    StoreLogLevel.Warning,
                    $"{settings.Endpoint.Authority} ignores If-None-Match: two uploads of one image that end in the same moment may replace each other.");
            }

            return new S3Driver(settings, connection, context, hasConditionalPut);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private static async Task FindBucketAsync(S3Connection connection, S3Settings settings, CancellationToken cancellationToken)
    {
        var found = await connection.ProbeBucketAsync(cancellationToken);
        if (found.IsOk)
            return;
        if (!found.Refusal.IsBucketMissing || !settings.CreateBucket)
        {
            throw found.Refusal.Kind == RefusalKind.Denied
                ? Misconfigured($"bucket '{settings.Bucket}' may not be listed; allow s3:ListBucket to access_key: {found.Refusal.Text}")
                : found.Refusal.ToFault(found.Refusal.IsBucketMissing ? "Make the bucket or set create_bucket" : $"The bucket '{settings.Bucket}' cannot be used");
        }

        var made = await connection.MakeBucketAsync(cancellationToken);
        if (!made.IsOk && !(await connection.ProbeBucketAsync(cancellationToken)).IsOk)
            throw Misconfigured($"bucket '{settings.Bucket}' does not exist and cannot be made: {made.Refusal.Text}");
    }

    // Whether we may write and delete, and whether a condition is kept: the second of two conditional writes must fail.
    private static async Task<bool> ProbeAsync(S3Connection connection, S3Settings settings, CancellationToken cancellationToken)
    {
        var key = $"{S3Names.MarkerPrefix}probe-{Guid.NewGuid():N}";
        var first = await connection.PutTextAsync(key, "", onlyIfAbsent: true, cancellationToken);
        if (first.Refusal?.Kind == RefusalKind.NotImplemented)
            return false;
        if (first.Refusal is { } refused)
        {
            throw refused.Kind == RefusalKind.Denied
                ? Misconfigured($"bucket '{settings.Bucket}' is not writable; allow s3:PutObject to access_key: {refused.Text}")
                : refused.ToFault($"The bucket '{settings.Bucket}' could not be written to");
        }

        var second = await connection.PutTextAsync(key, "", onlyIfAbsent: true, cancellationToken);
        var deleted = await connection.DeleteAsync(key, cancellationToken);
        if (deleted.Refusal is { } kept)
        {
            throw kept.Kind == RefusalKind.Denied
                ? Misconfigured($"objects of bucket '{settings.Bucket}' may not be deleted; allow s3:DeleteObject to access_key: {kept.Text}")
                : kept.ToFault($"'{key}' could not be deleted");
        }

        return second.IsOk ? false : second.Refusal.Kind == RefusalKind.Condition ? true : throw second.Refusal.ToFault("The bucket could not be written to twice");
    }

    private static StoreException Misconfigured(string message) => new(StoreError.Misconfigured, message);
}
