using Dapper;
using GlanceGateway.Registry;
using GlanceGateway.Registry.Sql;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace GlanceGateway.Registry.Tests;

/// <summary>A page costs the same however many images there are: counted in instructions of SQLite's virtual machine, which do not wobble.</summary>
public sealed class SqliteListCostTests : IAsyncDisposable
{
    private readonly SqliteHome _file = new();

    public ValueTask DisposeAsync() => _file.DisposeAsync();

    [Theory]
    [MemberData(nameof(FlatLists.Queries), MemberType = typeof(FlatLists), DisableDiscoveryEnumeration = true)]
    public async Task A_page_costs_the_same_with_ten_times_the_images(string what, ImageQuery query)
    {
        var registry = await _file.OpenAsync();
        await FlatLists.Fill(registry, 0, 400);
        var middle = (await registry.List(query)).Select(image => image.Id).Skip(12).FirstOrDefault();
        var small = (First: await Steps(registry, query), Next: await Steps(registry, query with { Marker = middle }));
        await FlatLists.Fill(registry, 400, 4000);
        middle = (await registry.List(query)).Select(image => image.Id).Skip(12).FirstOrDefault();
        var large = (First: await Steps(registry, query), Next: await Steps(registry, query with { Marker = middle }));
        Assert.True(large.First < small.First * 1.3, $"{what}: {small.First} steps became {large.First}");
        Assert.True(large.Next < small.Next * 1.3, $"{what}: {small.Next} steps after a marker became {large.Next}");
    }

    [Theory]
    [MemberData(nameof(FlatLists.Queries), MemberType = typeof(FlatLists), DisableDiscoveryEnumeration = true)]
    public async Task No_plan_scans_the_images(string what, ImageQuery query)
    {
        var registry = await _file.OpenAsync();
        var (sql, parameters) = ImageList.Statement(query, Dialect.Sqlite);
        var plan = await registry.ReadAsync(
            async (connection, _) => (await connection.QueryAsync<PlanRow>("EXPLAIN QUERY PLAN " + sql, parameters)).Select(row => row.Detail).ToList(),
            TestContext.Current.CancellationToken);
        Assert.DoesNotContain(plan, step => step.StartsWith("SCAN i", StringComparison.Ordinal) || step.StartsWith("SCAN f", StringComparison.Ordinal));

        // Right after the walk along an index of a branch comes the scan of its page: nothing in between sorts all that the branch could hold.
        var walks = plan.Index().Where(step => step.Item.StartsWith("SEARCH i USING INDEX images_by", StringComparison.Ordinal)).ToList();
        Assert.All(walks, walk => Assert.Equal("SCAN b", plan[walk.Index + 1]));
        Assert.True(
            walks.Count > 0 || query.Tags.Count > 0 || query.Filters.Any(filter => filter.Column == ImageColumn.Id),
            $"{what}:\n{string.Join('\n', plan)}");
    }

    [Fact]
    public async Task The_number_of_queries_does_not_depend_on_the_page()
    {
        var registry = await _file.OpenAsync();
        await FlatLists.Fill(registry, 0, 300);
        var query = new ImageQuery { Viewer = new ImageViewer(null, SeesEverything: true) };
        Assert.Equal(await Statements(registry, query with { Limit = 1 }), await Statements(registry, query with { Limit = 300 }));
    }

    private static Task<long> Steps(ImageRegistry registry, ImageQuery query) => registry.ReadAsync(async (connection, token) =>
    {
        var steps = 0L;
        var handle = ((SqliteConnection)connection).Handle!;
        raw.sqlite3_progress_handler(
            handle,
            1,
            _ =>
            {
                steps++;
                return 0;
            },
            null);
        try
        {
            await ImageList.ReadAsync(connection, query, token);
        }
        finally
        {
            raw.sqlite3_progress_handler(handle, 0, null, null);
        }

        return steps;
    }, TestContext.Current.CancellationToken);

    private static Task<long> Statements(ImageRegistry registry, ImageQuery query) => registry.ReadAsync(async (connection, token) =>
    {
        var statements = 0L;
        var handle = ((SqliteConnection)connection).Handle!;
        raw.sqlite3_trace(handle, new strdelegate_trace((_, _) => statements++), null);
        try
        {
            await ImageList.ReadAsync(connection, query, token);
        }
        finally
        {
            raw.sqlite3_trace(handle, (strdelegate_trace?)null, null);
        }

        return statements;
    }, TestContext.Current.CancellationToken);

    private sealed record PlanRow(long Id, long Parent, long NotUsed, string Detail);
}
