using System.Globalization;
using GlanceGateway.Registry;

namespace GlanceGateway.Api.V2;

/// <summary>Values as they are written in JSON.</summary>
internal static class WireNames
{
    /// <summary>A status.</summary>
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
        _ => "deleted",
    };

    /// <summary>The status of a name; null for a name that is none.</summary>
    public static ImageStatus? Status(string name) =>
        Enum.GetValues<ImageStatus>().Where(s => Of(s) == name).Select(s => (ImageStatus?)s).FirstOrDefault();

    /// <summary>A visibility.</summary>
    public static string Of(ImageVisibility visibility) => visibility switch
    {
        ImageVisibility.Private => "private",
        ImageVisibility.Community => "community",
        ImageVisibility.Public => "public",
        _ => "shared",
    };

    /// <summary>A member's status.</summary>
    public static string Of(MemberStatus status) => status switch
    {
        MemberStatus.Accepted => "accepted",
        MemberStatus.Rejected => "rejected",
        _ => "pending",
    };

    /// <summary>The member status of a name; null for a name that is none.</summary>
    public static MemberStatus? Member(string? name) => name switch
    {
        "pending" => MemberStatus.Pending,
        "accepted" => MemberStatus.Accepted,
        "rejected" => MemberStatus.Rejected,
        _ => null,
    };

    /// <summary>A time: UTC, whole seconds.</summary>
    public static string Of(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
