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
                INSERT INTO image_tags SELECT id, 'common', 0 FROM images ON CONFLICT DO NOTHING
                """);
        }

        await Analyse();
        var large = await Costs(registry);
        var grown = large.Where(list => list.Value.Buffers > Math.Max(3 * small[list.Key].Buffers, 150)).Select(list => list.Key).ToList();
        Assert.True(grown.Count == 0, string.Join('\n', grown.Select(list => $"{list}: {small[list].Buffers} buffers became {large[list].Buffers}\n{large[list].Plan}")));
    }

    [GeneratedRegex(@"Buffers: shared(?: hit=(?<hit>\d+))?(?: read=(?<read>\d+))?", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Buffers();

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
            var (sql, parameters) = ImageList.Statement(query, Dialect.Postgres);
            var plan = await registry.ReadAsync(
                async (connection, token) => string.Join('\n', await connection.QueryAsync<string>(new CommandDefinition(
                    "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) " + sql, parameters, cancellationToken: token))),
                Cancellation);

            // The first line with buffers is that of the whole plan.
            var total = Buffers().Match(plan);
            costs[what] = (Count(total.Groups["hit"]) + Count(total.Groups["read"]), plan);
        }

        return costs;
    }

    private static long Count(Group group) => group.Success ? long.Parse(group.Value, CultureInfo.InvariantCulture) : 0;
}
