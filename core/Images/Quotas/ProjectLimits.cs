using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>What a project may use; null for no limit. Sizes are in bytes.</summary>
public sealed record ProjectLimits
{
    /// <summary>No limit at all.</summary>
    public static ProjectLimits None { get; } = new();

    /// <summary><c>image_size_total</c>: bytes in stores, each copy counted.</summary>
    public long? StoredBytes { get; init; }

    /// <summary><c>image_stage_total</c>: bytes in staging.</summary>
    public long? StagedBytes { get; init; }

    /// <summary><c>image_count_total</c>: images, with data or without.</summary>
    public long? Images { get; init; }

    /// <summary><c>image_count_uploading</c>: images whose data is on its way.</summary>
    public long? Transfers { get; init; }

    /// <summary>The limit of one kind of use.</summary>
    public long? Of(UsageKind kind) => kind switch
    {
        UsageKind.StoredBytes => StoredBytes,
        UsageKind.StagedBytes => StagedBytes,
        UsageKind.Images => Images,
        UsageKind.Transfers => Transfers,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Not a kind of use."),
    };

    /// <summary>Glance's and Keystone's name of a limit.</summary>
    public static string NameOf(UsageKind kind) => kind switch
    {
        UsageKind.StoredBytes => "image_size_total",
        UsageKind.StagedBytes => "image_stage_total",
        UsageKind.Images => "image_count_total",
        UsageKind.Transfers => "image_count_uploading",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Not a kind of use."),
    };

    /// <summary>Bytes in the unit in which a limit is told to users: MiB for sizes, one for numbers.</summary>
    public static long UnitOf(UsageKind kind) => kind is UsageKind.StoredBytes or UsageKind.StagedBytes ? 1L << 20 : 1;
}
