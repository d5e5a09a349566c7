namespace GlanceGateway.Registry;

/// <summary>What a unit of work can do. Valid inside it only. Every change of an image or member writes its change row by itself.</summary>
public abstract class RegistryTransaction
{
    /// <summary>The database's time at the start of the transaction.</summary>
    public abstract DateTimeOffset Now { get; }

    /// <summary>Metadata definitions, of which no change rows are written.</summary>
    public abstract MetadefTransaction Metadefs { get; }

    /// <summary>An image by id; null when there is none or it is deleted.</summary>
    public abstract Task<Image?> FindImageAsync(string id, CancellationToken cancellationToken);

    /// <summary>Inserts an image with its properties and tags; times and version are set here, locations are added one by one.</summary>
    /// <returns>The image as stored, or null when the id is taken, be it by a deleted image.</returns>
    public abstract Task<Image?> InsertImageAsync(Image image, CancellationToken cancellationToken);

    /// <summary>Saves attributes, properties and tags of an image as they are in the record (locations are not touched), if the stored version is still the record's.</summary>
    /// <returns>The image as stored, or null when it changed meanwhile or is gone.</returns>
    public abstract Task<Image?> UpdateImageAsync(Image image, CancellationToken cancellationToken);

    /// <summary>Soft-deletes an image: locations, properties, tags and members go, the id stays taken.</summary>
    /// <returns>False when it was gone.</returns>
    public abstract Task<bool> DeleteImageAsync(string id, CancellationToken cancellationToken);

    /// <summary>Adds a location and returns the row's id. The image's version stays, so that a unit of work may also save attributes it read before.</summary>
    /// <exception cref="InvalidOperationException">There is no such image, or it is deleted.</exception>
    public abstract Task<long> AddLocationAsync(string imageId, ImageLocation location, CancellationToken cancellationToken);

    /// <summary>Removes a location; false when it was gone. The image's version stays.</summary>
    public abstract Task<bool> RemoveLocationAsync(string imageId, long locationId, CancellationToken cancellationToken);

    /// <summary>A member; null when the project is none.</summary>
    public abstract Task<ImageMember?> FindMemberAsync(string imageId, string memberId, CancellationToken cancellationToken);

    /// <summary>How many members an image has.</summary>
    public abstract Task<int> CountMembersAsync(string imageId, CancellationToken cancellationToken);

    /// <summary>Adds a member as pending; null when it is one already or the image is gone.</summary>
    public abstract Task<ImageMember?> InsertMemberAsync(string imageId, string memberId, CancellationToken cancellationToken);

    /// <summary>Changes a member's status; null when the project is none.</summary>
    public abstract Task<ImageMember?> UpdateMemberAsync(string imageId, string memberId, MemberStatus status, CancellationToken cancellationToken);

    /// <summary>Removes a member; false when the project is none.</summary>
    public abstract Task<bool> DeleteMemberAsync(string imageId, string memberId, CancellationToken cancellationToken);

    /// <summary>Takes a lease for this instance: when it is free, expired, or (with <paramref name="ownToo"/>) held by this instance. The epoch grows.</summary>
    /// <returns>Null when another holds it.</returns>
    public abstract Task<Lease?> TakeLeaseAsync(string name, TimeSpan duration, bool ownToo, CancellationToken cancellationToken);

    /// <summary>Moves a lease's expiry.</summary>
    /// <returns>The lease with its new expiry; null when it is no longer held.</returns>
    public abstract Task<Lease?> RenewLeaseAsync(Lease lease, TimeSpan duration, CancellationToken cancellationToken);

    /// <summary>Makes the rest of the unit of work conditional on the lease.</summary>
    /// <exception cref="LeaseLostException">Another epoch holds it, or it has expired: the unit of work is rolled back, even when it swallows this.</exception>
    public abstract Task RequireLeaseAsync(Lease lease, CancellationToken cancellationToken);

    /// <summary>Gives a lease back; nothing happens when it is no longer held.</summary>
    public abstract Task ReleaseLeaseAsync(Lease lease, CancellationToken cancellationToken);

    /// <summary>Records an intent.</summary>
    public abstract Task InsertIntentAsync(StoreIntent intent, CancellationToken cancellationToken);

    /// <summary>Marks a write intent as registered.</summary>
    public abstract Task RegisterIntentAsync(string attemptId, CancellationToken cancellationToken);

    /// <summary>Removes an intent; nothing happens when it is gone.</summary>
    public abstract Task RemoveIntentAsync(string attemptId, CancellationToken cancellationToken);

    /// <summary>The intents of the work under a lease, oldest first.</summary>
    public abstract Task<IReadOnlyList<StoreIntent>> ListIntentsAsync(string leaseName, CancellationToken cancellationToken);

    /// <summary>Records a task; its times are set here.</summary>
    public abstract Task<TaskRecord> InsertTaskAsync(TaskRecord task, CancellationToken cancellationToken);

    /// <summary>A task; null when there is none or it has expired.</summary>
    public abstract Task<TaskRecord?> FindTaskAsync(string id, CancellationToken cancellationToken);

    /// <summary>Saves status, result, message, attempts and expiry of a task.</summary>
    public abstract Task<TaskRecord> UpdateTaskAsync(TaskRecord task, CancellationToken cancellationToken);

    /// <summary>Removes the tasks that have expired and returns how many.</summary>
    public abstract Task<int> RemoveExpiredTasksAsync(CancellationToken cancellationToken);

    /// <summary>The staged data of an image; null for none.</summary>
    public abstract Task<StagedData?> FindStagedAsync(string imageId, CancellationToken cancellationToken);

    /// <summary>Records the staged data of an image that has none.</summary>
    public abstract Task InsertStagedAsync(StagedData staged, CancellationToken cancellationToken);

    /// <summary>Forgets the staged data of an image; nothing happens when there is none.</summary>
    public abstract Task RemoveStagedAsync(string imageId, CancellationToken cancellationToken);

    /// <summary>What a project uses, with what work under live leases has reserved: bytes or a number.</summary>
    public abstract Task<long> SumUsageAsync(string project, UsageKind kind, CancellationToken cancellationToken);

    /// <summary>Sets what the work under a lease has reserved of one kind; 0 for nothing. The reservation ends with the lease at the latest.</summary>
    /// <returns>False when the lease is gone: nothing is reserved.</returns>
    public abstract Task<bool> ReserveAsync(long leaseEpoch, string project, UsageKind kind, long amount, CancellationToken cancellationToken);

    /// <summary>Lowers what the work under a lease has reserved; nothing happens when there is no reservation, or a smaller one.</summary>
    public abstract Task LowerReservationAsync(long leaseEpoch, UsageKind kind, long amount, CancellationToken cancellationToken);

    /// <summary>Replaces what this gateway finds behind the names of stores, and forgets gateways that have not looked for long.</summary>
    /// <param name="node">What operators call this gateway.</param>
    /// <param name="places">By store id; null for a store that is the same from everywhere, or when it is not known.</param>
    /// <param name="keep">How long a gateway that no longer looks is remembered.</param>
    /// <param name="cancellationToken">Ends the unit.</param>
    public abstract Task SavePlacesAsync(string node, IReadOnlyDictionary<string, string?> places, TimeSpan keep, CancellationToken cancellationToken);

    /// <summary>What every gateway finds behind the names of stores, by store and node.</summary>
    public abstract Task<IReadOnlyList<StorePlace>> ListPlacesAsync(CancellationToken cancellationToken);

    /// <summary>The id of an image that has a location of exactly this URL; null for none.</summary>
    public abstract Task<string?> FindImageAtAsync(string url, CancellationToken cancellationToken);
}
