namespace GlanceGateway.Registry.Sql;

// What Dapper fills. The types are those that both databases hand out for the columns, so nothing is converted on the way.

internal sealed class ImageRow
{
    /// <summary>The columns under the names of the properties, from <c>images i</c>.</summary>
    public const string Columns = """
        i.id AS Id, i.name AS Name, i.status AS Status, i.visibility AS Visibility, i.owner AS Owner, i.disk_format AS DiskFormat,
        i.container_format AS ContainerFormat, i.size AS Size, i.virtual_size AS VirtualSize, i.checksum AS Checksum,
        i.hash_algorithm AS HashAlgorithm, i.hash_value AS HashValue, i.min_disk AS MinDisk, i.min_ram AS MinRam,
        i.protected AS Protected, i.hidden AS Hidden, i.created_at AS CreatedAt, i.updated_at AS UpdatedAt, i.version AS Version
        """;

    public required string Id { get; init; }

    public string? Name { get; init; }

    public required string Status { get; init; }

    public required string Visibility { get; init; }

    public string? Owner { get; init; }

    public string? DiskFormat { get; init; }

    public string? ContainerFormat { get; init; }

    public long? Size { get; init; }

    public long? VirtualSize { get; init; }

    public string? Checksum { get; init; }

    public string? HashAlgorithm { get; init; }

    public string? HashValue { get; init; }

    public long MinDisk { get; init; }

    public long MinRam { get; init; }

    public long Protected { get; init; }

    public long Hidden { get; init; }

    public long CreatedAt { get; init; }

    public long UpdatedAt { get; init; }

    public long Version { get; init; }

    public static ImageRow Of(Image image, DateTimeOffset now) => new()
    {
        Id = image.Id,
        Name = image.Name,
        Status = Words.Of(image.Status),
        Visibility = Words.Of(image.Visibility),
        Owner = image.Owner,
        DiskFormat = image.DiskFormat,
        ContainerFormat = image.ContainerFormat,
        Size = image.Size,
        VirtualSize = image.VirtualSize,
        Checksum = image.Checksum,
        HashAlgorithm = image.HashAlgorithm,
        HashValue = image.HashValue,
        MinDisk = image.MinDisk,
        MinRam = image.MinRam,
        Protected = image.Protected ? 1 : 0,
        Hidden = image.Hidden ? 1 : 0,
        CreatedAt = Words.Of(now),
        UpdatedAt = Words.Of(now),
        Version = image.Version,
    };

    public Image ToImage() => new()
    {
        Id = Id,
        Name = Name,
        Status = Words.Status(Status),
        Visibility = Words.Visibility(Visibility),
        Owner = Owner,
        DiskFormat = DiskFormat,
        ContainerFormat = ContainerFormat,
        Size = Size,
        VirtualSize = VirtualSize,
        Checksum = Checksum,
        HashAlgorithm = HashAlgorithm,
        HashValue = HashValue,
        MinDisk = (int)MinDisk,
        MinRam = (int)MinRam,
        Protected = Protected != 0,
        Hidden = Hidden != 0,
        CreatedAt = Words.Time(CreatedAt),
        UpdatedAt = Words.Time(UpdatedAt),
        Version = Version,
    };
}

internal sealed class PropertyRow
{
    public required string ImageId { get; init; }

    public required string Name { get; init; }

    public string? Value { get; init; }

    public long Position { get; init; }
}

internal sealed class TagRow
{
    public required string ImageId { get; init; }

    public required string Tag { get; init; }

    public long Position { get; init; }
}

internal sealed class LocationRow
{
    public required string ImageId { get; init; }

    public long Id { get; init; }

    public required string Store { get; init; }

    public required string Url { get; init; }

    public required string Metadata { get; init; }

    public string? Place { get; init; }
}

internal sealed class MemberRow
{
    /// <summary>The columns under the names of the properties.</summary>
    public const string Columns = "image_id AS ImageId, member_id AS MemberId, status AS Status, created_at AS CreatedAt, updated_at AS UpdatedAt";

    public required string ImageId { get; init; }

    public required string MemberId { get; init; }

    public required string Status { get; init; }

    public long CreatedAt { get; init; }

    public long UpdatedAt { get; init; }

    public ImageMember ToMember() => new(ImageId, MemberId, Words.Member(Status), Words.Time(CreatedAt), Words.Time(UpdatedAt));
}

internal sealed class LeaseRow
{
    public long Epoch { get; init; }

    public required string Owner { get; init; }

    public long ExpiresAt { get; init; }
}

internal sealed class IntentRow
{
    /// <summary>The columns under the names of the properties.</summary>
    public const string Columns = """
        attempt_id AS AttemptId, kind AS Kind, image_id AS ImageId, store AS Store, url AS Url, lease_name AS LeaseName, registered AS Registered,
        created_at AS CreatedAt, place AS Place, not_before AS NotBefore
        """;

    public required string AttemptId { get; init; }

    public required string Kind { get; init; }

    public required string ImageId { get; init; }

    public required string Store { get; init; }

    public string? Url { get; init; }

    public required string LeaseName { get; init; }

    public long Registered { get; init; }

    public long CreatedAt { get; init; }

    public string? Place { get; init; }

    public long? NotBefore { get; init; }

    public StoreIntent ToIntent() => new(
        AttemptId, Words.Intent(Kind), ImageId, Store, Url, LeaseName, Registered != 0, Words.Time(CreatedAt), Place,
        NotBefore is { } time ? Words.Time(time) : null);
}

internal sealed class TaskRow
{
    /// <summary>The columns under the names of the properties.</summary>
    public const string Columns = """
        id AS Id, type AS Type, status AS Status, owner AS Owner, image_id AS ImageId, user_id AS UserId, request_id AS RequestId, input AS Input,
        result AS Result, message AS Message, lease_name AS LeaseName, attempts AS Attempts, created_at AS CreatedAt, updated_at AS UpdatedAt,
        expires_at AS ExpiresAt
        """;

    public required string Id { get; init; }

    public required string Type { get; init; }

    public required string Status { get; init; }

    public string? Owner { get; init; }

    public required string ImageId { get; init; }

    public string? UserId { get; init; }

    public string? RequestId { get; init; }

    public required string Input { get; init; }

    public string? Result { get; init; }

    public required string Message { get; init; }

    public required string LeaseName { get; init; }

    public long Attempts { get; init; }

    public long CreatedAt { get; init; }

    public long UpdatedAt { get; init; }

    public long? ExpiresAt { get; init; }

    public static TaskRow Of(TaskRecord task) => new()
    {
        Id = task.Id,
        Type = task.Type,
        Status = Words.Of(task.Status),
        Owner = task.Owner,
        ImageId = task.ImageId,
        UserId = task.UserId,
        RequestId = task.RequestId,
        Input = task.Input,
        Result = task.Result,
        Message = task.Message,
        LeaseName = task.LeaseName,
        Attempts = task.Attempts,
        CreatedAt = Words.Of(task.CreatedAt),
        UpdatedAt = Words.Of(task.UpdatedAt),
        ExpiresAt = task.ExpiresAt is { } expires ? Words.Of(expires) : null,
    };

    public TaskRecord ToTask() => new()
    {
        Id = Id,
        Type = Type,
        Status = Words.Work(Status),
        Owner = Owner,
        ImageId = ImageId,
        UserId = UserId,
        RequestId = RequestId,
        Input = Input,
        Result = Result,
        Message = Message,
        LeaseName = LeaseName,
        Attempts = (int)Attempts,
        CreatedAt = Words.Time(CreatedAt),
        UpdatedAt = Words.Time(UpdatedAt),
        ExpiresAt = ExpiresAt is { } expires ? Words.Time(expires) : null,
    };
}

internal sealed class StagedRow
{
    public required string ImageId { get; init; }

    public required string Store { get; init; }

    public required string Url { get; init; }

    public long Size { get; init; }

    public required string HashValue { get; init; }

    public long CreatedAt { get; init; }

    public string? Place { get; init; }

    public StagedData ToStaged() => new(ImageId, Store, Url, Size, HashValue, Words.Time(CreatedAt), Place);
}

internal sealed class ChangeRow
{
    public long Sequence { get; init; }

    public required string ImageId { get; init; }

    public required string Kind { get; init; }

    public long ChangedAt { get; init; }

    public string? LostBy { get; set; }

    public ImageChange ToChange() => new(Sequence, ImageId, Words.Change(Kind), Words.Time(ChangedAt), Audience.Read(LostBy));
}
