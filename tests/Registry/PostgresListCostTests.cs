using System.Globalization;
using System.Text.RegularExpressions;
using Dapper;
using GlanceGateway.Registry;
using GlanceGateway.Registry.Sql;

namespace GlanceGateway.Registry.Tests;

/// <summary>A page costs the same however many images there are: counted in buffers that PostgreSQL touches, and in rows that its plan throws away.</summary>
public sealed partial class PostgresListCostTests : IAsyncDisposable
{
    private readonly PostgresHome _home = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _home.DisposeAsync();

    [Fact]
    public async Task A_page_costs_the_same_with_ten_times_the_images()
    {
        var registry = await _home.OpenAsync();
        await FlatLists.Fill(registry, 0, 400);
        await Analyse();
        var small = await Costs(registry);
        await using (var connection = await _home.ConnectAsync())
        {
            await connection.ExecuteAsync(
                """
                INSERT INTO images (id, name, status, visibility, owner, min_disk, min_ram, protected, hidden, created_at, updated_at, version)
                SELECT i.id || '+' || n, i.name || '+' || n, status, visibility, owner, 0, 0, 0, hidden, created_at, updated_at, 1
                FROM images i, generate_series(1, 9) n WHERE owner = 'many';
                INSERT INTO image_tags SELECT id, 'common', 0 FROM images ON CONFLICT DO NOTHING;
                INSERT INTO image_members (image_id, member_id, status, created_at, updated_at)
                SELECT id, 'shares', 'accepted', 0, 0 FROM images WHERE owner = 'many' AND visibility = 'shared' ON CONFLICT DO NOTHING
                """);
        }

        await Analyse();
        var large = await Costs(registry);
        var grown = large.Where(list => list.Value.Buffers > Math.Max(3 * small[list.Key].Buffers, 150)).Select(list => list.Key).ToList();
        Assert.True(grown.Count == 0, string.Join('\n', grown.Select(list => $"{list}: {small[list].Buffers} buffers became {large[list].Buffers}\n{large[list].Plan}")));
    }

    [Fact]
    public async Task Every_walk_is_along_the_index_of_its_order_and_rare_values_are_found_by_theirs()
    {
        var registry = await _home.OpenAsync();
        await FlatLists.Fill(registry, 0, 60);
        var middle = (await registry.List(FlatLists.Everything))[30].Id;
        await using (var connection = await _home.ConnectAsync())
        {
            // As many as make walks cheaper than to read and sort everything. Like images of a busy cloud: most are ready.
            await connection.ExecuteAsync(
                """
                INSERT INTO images (id, name, status, visibility, owner, size, min_disk, min_ram, protected, hidden, created_at, updated_at, version)
                SELECT 'x' || n, CASE WHEN n % 10 = 0 THEN 'common' ELSE 'x' || n END, CASE WHEN n % 50 = 7 THEN 'queued' ELSE 'active' END,
                    (ARRAY['public', 'private', 'shared', 'community'])[n % 4 + 1], 'p-' || n % 100, n * 7919 % 1000, 0, 0, 0, 0,
                    1767323045000000 - n * 1000::bigint, 0, 1
                FROM generate_series(1, 20000) n;
                INSERT INTO image_tags SELECT id, 'common', 0 FROM images WHERE id LIKE 'x%' AND hashtext(id) % 10 = 0;
                INSERT INTO image_properties SELECT id, 'colour', 'common', 0 FROM images WHERE id LIKE 'x%' AND hashtext(id) % 10 = 0;
                INSERT INTO image_members (image_id, member_id, status, created_at, updated_at)
                SELECT id, 'shares', 'accepted', 0, 0 FROM images WHERE id LIKE 'x%' AND visibility = 'shared'
                """);
        }

        await Analyse();
        var problems = new List<string>();
        foreach (var (filter, query, foundBy) in FlatLists.Combinations().Select(row => row.Data))
        {
            foreach (var (what, asked) in FlatLists.WithViewersSortsAndMarkers(query, middle))
            {
                var plan = await PlanAsync(registry, asked, "EXPLAIN ");
                var shares = asked.Viewer.ProjectId == "shares" && foundBy is null;
                if (ReadAll().IsMatch(plan) || (shares && !WalksShares().IsMatch(plan)) || (foundBy is not null && !plan.Contains(foundBy, StringComparison.Ordinal)))
                    problems.Add($"{filter}, {what}:\n{plan}");
            }
        }

        Assert.True(problems.Count == 0, string.Join("\n\n", problems));
    }

    [GeneratedRegex(@"Buffers: shared(?: hit=(?<hit>\d+))?(?: read=(?<read>\d+))?", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Buffers();

    [GeneratedRegex("Scan( Backward)? using image_members_(unready_)?by_(created|name|size)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex WalksShares();

    [GeneratedRegex("Seq Scan on (images|image_tags|image_properties|image_members)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex ReadAll();

    private static Task<string> PlanAsync(ImageRegistry registry, ImageQuery query, string explain) => registry.ReadAsync(
        async (connection, token) =>
        {
            var (sql, parameters) = (await ImageList.StatementAsync(connection, query, token))!.Value;
            return string.Join('\n', await connection.QueryAsync<string>(new CommandDefinition(explain + sql, parameters, cancellationToken: token)));
        },
        Cancellation);

    private async Task Analyse()
    {
        // As the server does by itself after a while.
        await using var connection = await _home.ConnectAsync();
        await connection.ExecuteAsync("VACUUM ANALYZE");
    }

    private static async Task<Dictionary<string, (long Buffers, string Plan)>> Costs(ImageRegistry registry)
    {
        var costs = new Dictionary<string, (long, string)>();
        foreach (var (what, query) in FlatLists.Queries().Select(row => row.Data))
        {
            var plan = await PlanAsync(registry, query, "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) ");

            // The first line with buffers is that of the whole plan.
            var total = Buffers().Match(plan);
            costs[what] = (Count(total.Groups["hit"]) + Count(total.Groups["read"]), plan);
        }

        return costs;
    }

    private static long Count(Group group) => group.Success ? long.Parse(group.Value, CultureInfo.InvariantCulture) : 0;
}
