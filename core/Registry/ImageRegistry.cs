#pragma warning disable MA0025, CA2211
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Registry;

/// <summary>How a registry is opened.</summary>
public sealed record RegistryOptions
{
    /// <summary>The SQLite file; created when missing.</summary>
    public required string DatabasePath { get; init; }

    /// <summary>This gateway's instance id: the owner of its leases. Stays the same over restarts on one data directory.</summary>
    public required string InstanceId { get; init; }
}

/// <summary>The truth about images, in SQL. Safe for concurrent use.</summary>
public sealed class ImageRegistry : IAsyncDisposable
{
    /// <summary>Opens the registry and migrates it to this version's schema, after copying the file when there is something to migrate.</summary>
    /// <exception cref="RegistryException">The schema is newer than this version, or the file is not a registry.</exception>
    public static Task<ImageRegistry> OpenAsync(RegistryOptions options, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>This gateway's instance id.</summary>
    public string InstanceId => throw new NotImplementedException();

    /// <summary>Runs a unit of work: it commits as a whole and durably before the task ends, or not at all. It may run again after a
    /// conflict, so it must touch nothing but the transaction, and it must not wait for bytes or the network.</summary>
    public Task<T> WriteAsync<T>(Func<RegistryTransaction, CancellationToken, Task<T>> unitOfWork, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>An image by id, with properties, tags and locations; null when there is none or it is deleted.</summary>
    public Task<Image?> FindImageAsync(string id, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>One page of images, deleted and killed ones left out.</summary>
    /// <exception cref="UnknownMarkerException">The marker is no image, or one that the viewer may not see.</exception>
    public Task<IReadOnlyList<Image>> ListImagesAsync(ImageQuery query, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>A member of an image; null when the project is none.</summary>
    public Task<ImageMember?> FindMemberAsync(string imageId, string memberId, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>All members of an image, oldest first.</summary>
    public Task<IReadOnlyList<ImageMember>> ListMembersAsync(string imageId, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Intents whose lease has expired or belongs to this instance's earlier life, oldest first.</summary>
    /// <param name="ownToo">True at start, before this process has taken any lease: then every lease of this instance is dead.</param>
    /// <param name="cancellationToken">Ends the query.</param>
    public Task<IReadOnlyList<StoreIntent>> ListDeadIntentsAsync(bool ownToo, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>The sequence of the newest change; 0 for none.</summary>
    public Task<long> LatestChangeAsync(CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Changes after a sequence, oldest first, at most <paramref name="limit"/>.</summary>
    public Task<IReadOnlyList<ImageChange>> ListChangesAsync(long after, int limit, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Ends when there is a change after a sequence: at once for changes of this process.</summary>
    public Task WaitForChangeAsync(long after, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
