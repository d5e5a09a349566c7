namespace GlanceGateway.Registry;

/// <summary>Where a task stands.</summary>
public enum WorkStatus
{
    /// <summary>Waits for a free worker.</summary>
    Pending,

    /// <summary>Under way.</summary>
    Processing,

    /// <summary>Did what it was asked for.</summary>
    Success,

    /// <summary>Did not; <see cref="TaskRecord.Message"/> says why.</summary>
    Failure,
}

/// <summary>Work on an image that goes on after its request was answered. It runs under a lease: whoever holds that works on it.</summary>
public sealed record TaskRecord
{
    /// <summary>A UUID in its 36-character form.</summary>
    public required string Id { get; init; }

    /// <summary>Glance's word for the kind of work (<c>api_image_import</c>).</summary>
    public required string Type { get; init; }

    /// <summary>Where it stands.</summary>
    public WorkStatus Status { get; init; }

    /// <summary>The project that asked for it.</summary>
    public string? Owner { get; init; }

    /// <summary>The image that is worked on.</summary>
    public required string ImageId { get; init; }

    /// <summary>The user who asked for it.</summary>
    public string? UserId { get; init; }

    /// <summary>The request that asked for it.</summary>
    public string? RequestId { get; init; }

    /// <summary>What was asked for, as JSON.</summary>
    public required string Input { get; init; }

    /// <summary>What came of it, as JSON; null before that.</summary>
    public string? Result { get; init; }

    /// <summary>For people; empty for nothing to say.</summary>
    public string Message { get; init; } = "";

    /// <summary>The lease under which it runs.</summary>
    public required string LeaseName { get; init; }

    /// <summary>How often it was taken up, the first time included.</summary>
    public int Attempts { get; init; }

    /// <summary>When it was asked for.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>When its record last changed.</summary>
    public DateTimeOffset UpdatedAt { get; init; }

    /// <summary>When its record goes; null until it has ended.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Whether nothing more happens to it.</summary>
    public bool HasEnded => Status is WorkStatus.Success or WorkStatus.Failure;
}

/// <summary>The columns by which tasks can be sorted.</summary>
public enum TaskColumn
{
    /// <summary>When it was asked for.</summary>
    CreatedAt,

    /// <summary>When it last changed.</summary>
    UpdatedAt,

    /// <summary>When its record goes.</summary>
    ExpiresAt,

    /// <summary>The id.</summary>
    Id,

    /// <summary>The kind of work.</summary>
    Type,

    /// <summary>The status.</summary>
    Status,
}

/// <summary>A page of tasks.</summary>
public sealed record TaskQuery
{
    /// <summary>For whom.</summary>
    public required ImageViewer Viewer { get; init; }

    /// <summary>Only tasks of this type; null for all.</summary>
    public string? Type { get; init; }

    /// <summary>Only tasks of this status; null for all.</summary>
    public WorkStatus? Status { get; init; }

    /// <summary>The id of the last task of the page before; null for the first page.</summary>
    public string? Marker { get; init; }

    /// <summary>Most tasks of the page.</summary>
    public int Limit { get; init; } = 25;

    /// <summary>Sorted by this, then by id.</summary>
    public TaskColumn Sort { get; init; } = TaskColumn.CreatedAt;

    /// <summary>Greatest first.</summary>
    public bool Descending { get; init; } = true;
}

/// <summary>Data of an image that waits to be imported.</summary>
/// <param name="ImageId">The image.</param>
/// <param name="Store">The staging store that holds it.</param>
/// <param name="Url">The driver's location URI.</param>
/// <param name="Size">Bytes.</param>
/// <param name="HashValue">SHA-512 in hexadecimal, as the data was staged.</param>
/// <param name="CreatedAt">When it was staged.</param>
/// <param name="Place">The <see cref="StorePlace.Place"/> to which the gateway wrote it; null when it is not known or does not matter.</param>
public sealed record StagedData(string ImageId, string Store, string Url, long Size, string HashValue, DateTimeOffset CreatedAt, string? Place = null);
