namespace GlanceGateway.Registry;

/// <summary>Where an image stands in its life.</summary>
public enum ImageStatus
{
    /// <summary>Reserved, without data.</summary>
    Queued,

    /// <summary>Data is being uploaded.</summary>
    Saving,

    /// <summary>Data is being staged, or is staged.</summary>
    Uploading,

    /// <summary>Staged or remote data is being imported.</summary>
    Importing,

    /// <summary>Whole and readable; its data never changes again.</summary>
    Active,

    /// <summary>Whole, but its data is for administrators only.</summary>
    Deactivated,

    /// <summary>A legacy upload failed.</summary>
    Killed,

    /// <summary>Deleted, its data not yet.</summary>
    PendingDelete,

    /// <summary>Gone; the row keeps the id from being used again.</summary>
    Deleted,
}

/// <summary>Who may see an image.</summary>
public enum ImageVisibility
{
    /// <summary>The owner and, once added, members.</summary>
    Shared,

    /// <summary>The owner.</summary>
    Private,

    /// <summary>Everybody by id; only the owner in lists that do not ask for it.</summary>
    Community,

    /// <summary>Everybody.</summary>
    Public,
}

/// <summary>One image as the registry holds it. Immutable; a change is a new record saved against <see cref="Version"/>.</summary>
public sealed record Image
{
    /// <summary>A UUID in its 36-character form.</summary>
    public required string Id { get; init; }

    /// <summary>At most 255 characters; not unique; anything a user types.</summary>
    public string? Name { get; init; }

    /// <summary>Where the image stands.</summary>
    public ImageStatus Status { get; init; } = ImageStatus.Queued;

    /// <summary>Who may see it.</summary>
    public ImageVisibility Visibility { get; init; } = ImageVisibility.Shared;

    /// <summary>The owning project's id; null is owned by nobody and visible to all.</summary>
    public string? Owner { get; init; }

    /// <summary>Glance's name of the disk format (<c>qcow2</c>, <c>raw</c>).</summary>
    public string? DiskFormat { get; init; }

    /// <summary>Glance's name of the container format (<c>bare</c>).</summary>
    public string? ContainerFormat { get; init; }

    /// <summary>Bytes stored; null without data.</summary>
    public long? Size { get; init; }

    /// <summary>Bytes that a guest sees; null when unknown.</summary>
    public long? VirtualSize { get; init; }

    /// <summary>MD5 of the data, 32 hexadecimal digits.</summary>
    public string? Checksum { get; init; }

    /// <summary>The algorithm of <see cref="HashValue"/>: <c>sha512</c>.</summary>
    public string? HashAlgorithm { get; init; }

    /// <summary>Hash of the data, lower-case hexadecimal.</summary>
    public string? HashValue { get; init; }

    /// <summary>GiB of disk that a guest needs.</summary>
    public int MinDisk { get; init; }

    /// <summary>MiB of memory that a guest needs.</summary>
    public int MinRam { get; init; }

    /// <summary>Whether it cannot be deleted.</summary>
    public bool Protected { get; init; }

    /// <summary>Whether lists leave it out unless asked.</summary>
    public bool Hidden { get; init; }

    /// <summary>When it was created, to the microsecond.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it last changed, to the microsecond.</summary>
    public DateTimeOffset UpdatedAt { get; init; }

    /// <summary>Grows with every change of attributes, properties or tags; 0 before it is inserted. Locations and members do not count.</summary>
    public long Version { get; init; }

    /// <summary>Custom properties in the order in which they were added.</summary>
    public IReadOnlyList<KeyValuePair<string, string?>> Properties { get; init; } = [];

    /// <summary>Tags in the order in which they were added, without repeats.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>Where the data lies, oldest first; empty without data.</summary>
    public IReadOnlyList<ImageLocation> Locations { get; init; } = [];
}

/// <summary>Where one copy of an image's data lies.</summary>
/// <param name="Id">The row's id; 0 before it is inserted.</param>
/// <param name="Store">The id of the store that holds it.</param>
/// <param name="Url">The driver's location URI; never shown to users unless the operator says so.</param>
/// <param name="Metadata">Location metadata.</param>
/// <param name="Place">The <see cref="StorePlace.Place"/> to which the gateway wrote it; null when it is not known or does not matter.</param>
public sealed record ImageLocation(long Id, string Store, string Url, IReadOnlyDictionary<string, string> Metadata, string? Place = null);

/// <summary>What a member said to an image shared with it.</summary>
public enum MemberStatus
{
    /// <summary>Nothing yet.</summary>
    Pending,

    /// <summary>The image appears in its list.</summary>
    Accepted,

    /// <summary>The image stays out of its list.</summary>
    Rejected,
}

/// <summary>A project with which an image is shared.</summary>
public sealed record ImageMember(string ImageId, string MemberId, MemberStatus Status, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt);
