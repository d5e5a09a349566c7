using System.Data.Common;

namespace GlanceGateway.Registry.Sql;

/// <summary>Sums up what a project uses: what its images have, and what work under a live lease has reserved.</summary>
internal static class UsageReads
{
    /// <summary>The very condition of the index <c>images_by_project_usage</c>, which is planned with only where it stands word by word.</summary>
    private const string Counted = "i.owner = @project AND i.status NOT IN ('killed', 'deleted')";

    private const string Reserved = """
        COALESCE((
            SELECT SUM(r.amount) FROM reservations r JOIN leases l ON l.epoch = r.lease_epoch
            WHERE r.project = @project AND r.kind = @kind AND l.expires_at > @now), 0)
        """;

    /// <summary>Bytes or a number.</summary>
    public static Task<long> SumAsync(DbConnection connection, string project, UsageKind kind, DateTimeOffset now, CancellationToken cancellationToken) =>
        Words.AreUnknown(project)
            ? Task.FromResult(0L)
            : connection.ValueAsync<long>(
                $"SELECT CAST(({OfImages(kind)}) + {Reserved} AS BIGINT)", new { project, kind = Words.Of(kind), now = Words.Of(now) }, cancellationToken);

    private static string OfImages(UsageKind kind) => kind switch
    {
        UsageKind.StoredBytes => Kept("stored"),
        UsageKind.StagedBytes => $"SELECT COALESCE(SUM(i.size), 0) FROM images i WHERE {Counted} AND i.status IN ('uploading', 'importing')",
        UsageKind.Images => Kept("images"),
        UsageKind.Transfers => $"SELECT COUNT(*) FROM images i WHERE {Counted} AND i.status IN ('saving', 'uploading', 'importing')",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "no such usage"),
    };

    /// <summary>Sums that triggers keep: with 100,000 images of a project it took 100 ms and more to sum them up, for each upload.</summary>
    private static string Kept(string kind) => $"SELECT COALESCE(SUM(u.amount), 0) FROM project_usage u WHERE u.project = @project AND u.kind = '{kind}'";
}
