using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>Glance's words for statuses and visibilities.</summary>
public static class WireNames
{
    /// <summary>The word for a status.</summary>
    public static string Of(ImageStatus status) => status switch
    {
        ImageStatus.Queued => "queued",
        ImageStatus.Saving => "saving",
        ImageStatus.Uploading => "uploading",
        ImageStatus.Importing => "importing",
        ImageStatus.Active => "active",
        ImageStatus.Deactivated => "deactivated",
        ImageStatus.Killed => "killed",
        ImageStatus.PendingDelete => "pending_delete",
        ImageStatus.Deleted => "deleted",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "Not a status."),
    };

    /// <summary>The status of a word; null when there is none.</summary>
    public static ImageStatus? Status(string word)
    {
        foreach (var status in Enum.GetValues<ImageStatus>())
        {
            if (Of(status) == word)
            {
                return status;
            }
        }

        return null;
    }

    /// <summary>The word for a visibility.</summary>
    public static string Of(ImageVisibility visibility) => visibility switch
    {
        ImageVisibility.Shared => "shared",
        ImageVisibility.Private => "private",
        ImageVisibility.Community => "community",
        ImageVisibility.Public => "public",
        _ => throw new ArgumentOutOfRangeException(nameof(visibility), visibility, "Not a visibility."),
    };

    /// <summary>The word for a member's status.</summary>
    public static string Of(MemberStatus status) => status switch
    {
        MemberStatus.Pending => "pending",
        MemberStatus.Accepted => "accepted",
        MemberStatus.Rejected => "rejected",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "Not a member's status."),
    };

    /// <summary>The word for a task's status.</summary>
    public static string Of(WorkStatus status) => status switch
    {
        WorkStatus.Pending => "pending",
        WorkStatus.Processing => "processing",
        WorkStatus.Success => "success",
        WorkStatus.Failure => "failure",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "Not a task's status."),
    };

    /// <summary>The visibility of a word that the schema has checked.</summary>
    internal static ImageVisibility Visibility(string word) => word switch
    {
        "private" => ImageVisibility.Private,
        "community" => ImageVisibility.Community,
        "public" => ImageVisibility.Public,
        _ => ImageVisibility.Shared,
    };
}
