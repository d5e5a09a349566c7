namespace GlanceGateway.Registry.Sql;

/// <summary>The words and numbers that stand for this module's types in the database. Statuses sort by their words, as in the API.</summary>
internal static class Words
{
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
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "no such status"),
    };

    public static ImageStatus Status(string word) => word switch
    {
        "queued" => ImageStatus.Queued,
        "saving" => ImageStatus.Saving,
        "uploading" => ImageStatus.Uploading,
        "importing" => ImageStatus.Importing,
        "active" => ImageStatus.Active,
        "deactivated" => ImageStatus.Deactivated,
        "killed" => ImageStatus.Killed,
        "pending_delete" => ImageStatus.PendingDelete,
        "deleted" => ImageStatus.Deleted,
        _ => throw Unknown(word),
    };

    public static string Of(ImageVisibility visibility) => visibility switch
    {
        ImageVisibility.Shared => "shared",
        ImageVisibility.Private => "private",
        ImageVisibility.Community => "community",
        ImageVisibility.Public => "public",
        _ => throw new ArgumentOutOfRangeException(nameof(visibility), visibility, "no such visibility"),
    };

    public static ImageVisibility Visibility(string word) => word switch
    {
        "shared" => ImageVisibility.Shared,
        "private" => ImageVisibility.Private,
        "community" => ImageVisibility.Community,
        "public" => ImageVisibility.Public,
        _ => throw Unknown(word),
    };

    public static string Of(MemberStatus status) => status switch
    {
        MemberStatus.Pending => "pending",
        MemberStatus.Accepted => "accepted",
        MemberStatus.Rejected => "rejected",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "no such member status"),
    };

    public static MemberStatus Member(string word) => word switch
    {
        "pending" => MemberStatus.Pending,
        "accepted" => MemberStatus.Accepted,
        "rejected" => MemberStatus.Rejected,
        _ => throw Unknown(word),
    };

    public static string Of(IntentKind kind) => kind switch
    {
        IntentKind.Write => "write",
        IntentKind.Delete => "delete",
        IntentKind.Verify => "verify",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "no such kind of intent"),
    };

    public static IntentKind Intent(string word) => word switch
    {
        "write" => IntentKind.Write,
        "delete" => IntentKind.Delete,
        "verify" => IntentKind.Verify,
        _ => throw Unknown(word),
    };

    public static string Of(WorkStatus status) => status switch
    {
        WorkStatus.Pending => "pending",
        WorkStatus.Processing => "processing",
        WorkStatus.Success => "success",
        WorkStatus.Failure => "failure",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "no such status of a task"),
    };

    public static WorkStatus Work(string word) => word switch
    {
        "pending" => WorkStatus.Pending,
        "processing" => WorkStatus.Processing,
        "success" => WorkStatus.Success,
        "failure" => WorkStatus.Failure,
        _ => throw Unknown(word),
    };

    public static string Of(UsageKind kind) => kind switch
    {
        UsageKind.StoredBytes => "stored_bytes",
        UsageKind.StagedBytes => "staged_bytes",
        UsageKind.Images => "images",
        UsageKind.Transfers => "transfers",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "no such usage"),
    };

    public static string Of(ChangeKind kind) => kind switch
    {
        ChangeKind.Created => "created",
        ChangeKind.Updated => "updated",
        ChangeKind.Deleted => "deleted",
        ChangeKind.Members => "members",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "no such kind of change"),
    };

    public static ChangeKind Change(string word) => word switch
    {
        "created" => ChangeKind.Created,
        "updated" => ChangeKind.Updated,
        "deleted" => ChangeKind.Deleted,
        "members" => ChangeKind.Members,
        _ => throw Unknown(word),
    };

    /// <summary>Whether a text can be in no row: PostgreSQL takes no NUL, not even to look for it, and nothing with one is ever stored.</summary>
    public static bool AreUnknown(params ReadOnlySpan<string?> texts)
    {
        foreach (var text in texts)
        {
            if (text is not null && text.Contains('\0'))
                return true;
        }

        return false;
    }

    /// <summary>Microseconds since the epoch; what is finer is cut off.</summary>
    public static long Of(DateTimeOffset time) =>
        (time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    public static DateTimeOffset Time(long microseconds) => DateTimeOffset.UnixEpoch.AddTicks(microseconds * TimeSpan.TicksPerMicrosecond);

    private static RegistryException Unknown(string word) =>
        new($"The registry holds the word '{word}', which this version does not know: use the version that wrote it, or newer.");
}
