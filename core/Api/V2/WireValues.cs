using System.Globalization;
using GlanceGateway.Registry;

namespace GlanceGateway.Api.V2;

/// <summary>Values in the form in which JSON and queries hold them.</summary>
internal static class WireValues
{
    /// <summary>A time: UTC, whole seconds.</summary>
    public static string Of(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>The member status of a word; null for a word that is none.</summary>
    public static MemberStatus? Member(string? word) => word switch
    {
        "pending" => MemberStatus.Pending,
        "accepted" => MemberStatus.Accepted,
        "rejected" => MemberStatus.Rejected,
        _ => null,
    };
}
