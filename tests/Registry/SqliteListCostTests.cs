using System.Text.RegularExpressions;
using Dapper;
using GlanceGateway.Registry;
using GlanceGateway.Registry.Sql;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace GlanceGateway.Registry.Tests;

/// <summary>A page costs the same however many images there are: counted in instructions of SQLite's virtual machine, which do not wobble.</summary>
public sealed partial class SqliteListCostTests : IAsyncDisposable
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
        var plan = await PlanAsync(registry, query);
        Assert.DoesNotContain(plan, ReadsAll);

        // Right after the walk along an index of a branch comes the scan of its page: nothing in between sorts all that the branch could hold.
        var walks = Walks(plan);
        Assert.All(walks, walk => Assert.DoesNotContain("TEMP B-TREE", plan[walk.Index + 1], StringComparison.Ordinal));
        Assert.True(
            walks.Count > 0 || query.Tags.Count > 0 || query.Properties.Count > 0 || query.Filters.Any(filter => filter.Column == ImageColumn.Id),
            $"{what}:\n{string.Join('\n', plan)}");
    }

    [Theory]
    [MemberData(nameof(FlatLists.Combinations), MemberType = typeof(FlatLists), DisableDiscoveryEnumeration = true)]
    public async Task Every_walk_is_along_the_index_of_its_order_and_rare_values_are_found_by_theirs(string filter, ImageQuery query, string? foundBy)
    {
        var registry = await _file.OpenAsync();
        await FlatLists.Fill(registry, 0, 60);
        await FlatLists.AddCommonValues(registry);
        var problems = new List<string>();
        foreach (var (what, asked) in FlatLists.WithViewersSortsAndMarkers(query, (await registry.List(FlatLists.Everything))[30].Id))
        {
            var plan = await PlanAsync(registry, asked);
            var walks = Walks(plan);
            var right = foundBy is null
                ? walks.Count > 0 && walks.TrueForAll(walk => !plan[walk.Index + 1].Contains("TEMP B-TREE", StringComparison.Ordinal) || walk.Item.Contains("unready", StringComparison.Ordinal))
                : walks.Count == 0 && plan.Exists(step => step.Contains(foundBy, StringComparison.Ordinal));
            if (!right || plan.Exists(ReadsAll))
                problems.Add($"{filter}, {what}:\n{string.Join('\n', plan)}");
        }

        Assert.True(problems.Count == 0, string.Join("\n\n", problems));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Shares_are_walked_in_order_and_never_looked_up_to_be_sorted(bool tagged)
    {
        var registry = await _file.OpenAsync();
        await FlatLists.Fill(registry, 0, 60);
        await FlatLists.AddCommonValues(registry);
        var query = new ImageQuery { Viewer = new ImageViewer("shares", SeesEverything: false), Tags = tagged ? ["common"] : [] };
        foreach (var (column, index) in new[] { (ImageColumn.CreatedAt, "created"), (ImageColumn.Name, "name"), (ImageColumn.Size, "size") })
        {
            var plan = await PlanAsync(registry, query with { Sort = [new ImageSort(column, Descending: true)] });
            var walk = plan.FindIndex(step => step.StartsWith("SEARCH m", StringComparison.Ordinal));
            Assert.Contains($"image_members_by_{index} ", plan[walk], StringComparison.Ordinal);
            Assert.DoesNotContain("TEMP B-TREE", plan[walk + 1], StringComparison.Ordinal);
            Assert.DoesNotContain("SEARCH i", plan[walk + 1], StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_number_of_queries_does_not_depend_on_the_page()
    {
        var registry = await _file.OpenAsync();
        await FlatLists.Fill(registry, 0, 300);
        var query = new ImageQuery { Viewer = new ImageViewer(null, SeesEverything: true) };
        Assert.Equal(await Statements(registry, query with { Limit = 1 }), await Statements(registry, query with { Limit = 300 }));
    }

    private static Task<List<string>> PlanAsync(ImageRegistry registry, ImageQuery query) => registry.ReadAsync(
        async (connection, token) =>
        {
            var (sql, parameters) = (await ImageList.StatementAsync(connection, query, token))!.Value;
            return (await connection.QueryAsync<PlanRow>("EXPLAIN QUERY PLAN " + sql, parameters)).Select(row => row.Detail).ToList();
        },
        TestContext.Current.CancellationToken);

    private static bool ReadsAll(string step) =>
        step.StartsWith("SCAN i", StringComparison.Ordinal) || step.StartsWith("SCAN f", StringComparison.Ordinal) || step.StartsWith("SCAN m", StringComparison.Ordinal);

    /// <summary>Along indexes of images, and of members in an order of images.</summary>
    private static List<(int Index, string Item)> Walks(List<string> plan) =>
        plan.Index().Where(step => Walk().IsMatch(step.Item)).ToList();

    [GeneratedRegex("^SEARCH (i USING (COVERING )?INDEX images_(?!by_name )|m USING (COVERING )?INDEX image_members_(unready_)?by_(created|name|size) )", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Walk();

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
