using GlanceGateway.Registry;
using GlanceGateway.Registry.Sql;

namespace GlanceGateway.Registry.Tests;

/// <summary>Lists that cost the same however many images there are, and images to list.</summary>
public static class FlatLists
{
    private static readonly ImageSort ByName = new(ImageColumn.Name, Descending: false);

    public static TheoryData<string, ImageQuery> Queries()
    {
        var admin = new ImageQuery { Viewer = new ImageViewer("few", SeesEverything: true) };
        var project = new ImageQuery { Viewer = new ImageViewer("few", SeesEverything: false) };
        var shares = new ImageQuery { Viewer = new ImageViewer("shares", SeesEverything: false) };
        var stranger = new ImageQuery { Viewer = new ImageViewer(null, SeesEverything: false) };
        return new()
        {
            { "admin", admin },
            { "admin, all", admin with { Visibility = VisibilityFilter.All } },
            { "admin, hidden too", admin with { Hidden = null } },
            { "admin, by name", admin with { Sort = [ByName] } },
            { "admin, by size", admin with { Sort = [new(ImageColumn.Size, Descending: true)] } },
            { "admin, one status", admin with { Filters = [new(ImageColumn.Status, Comparison.Equal, [ImageStatus.Saving])] } },
            { "admin, a rare property", admin with { Properties = [new("colour", "rare")] } },
            { "project, by size", project with { Sort = [new(ImageColumn.Size, Descending: true)] } },
            { "project, a rare property", project with { Properties = [new("colour", "rare")] } },
            { "admin, one name", admin with { Filters = [new(ImageColumn.Name, Comparison.Equal, ["image 7"])] } },
            { "admin, one name by name", admin with { Filters = [new(ImageColumn.Name, Comparison.Equal, ["image 7"])], Sort = [ByName] } },
            { "admin, one id", admin with { Filters = [new(ImageColumn.Id, Comparison.Equal, ["nothing"])] } },
            { "admin, a rare tag", admin with { Tags = ["rare"] } },
            { "project with few images", project },
            { "project, all", project with { Visibility = VisibilityFilter.All } },
            { "project, shared", project with { Visibility = VisibilityFilter.Shared } },
            { "project, by name", project with { Sort = [ByName] } },
            { "project, one name", project with { Filters = [new(ImageColumn.Name, Comparison.Equal, ["image 7"])] } },
            { "project, a rare tag", project with { Tags = ["rare"] } },
            { "project with many images", project with { Viewer = new ImageViewer("many", SeesEverything: false) } },
            { "project with many shares", shares },
            { "project with many shares, by name", shares with { Sort = [ByName] } },
            { "project with many shares, whatever their status", shares with { MemberStatus = null } },
            { "project with many shares, shared", shares with { Visibility = VisibilityFilter.Shared } },
            { "project with many shares, one status", shares with { Filters = [new(ImageColumn.Status, Comparison.Equal, [ImageStatus.Saving])] } },
            { "project with many shares, a tag of all", shares with { Tags = ["common"] } },
            { "no project", stranger },
        };
    }

    /// <summary>All images, in the order of most lists.</summary>
    public static ImageQuery Everything { get; } = new() { Viewer = new ImageViewer("few", SeesEverything: true), Visibility = VisibilityFilter.All, Limit = 1000 };

    /// <summary>One filter at a time, and the index by which few images are found; null where a walk along the list finds many.</summary>
    public static TheoryData<string, ImageQuery, string?> Combinations() => new()
    {
        { "no filter", Everything with { Limit = 25 }, null },
        { "a name", Everything with { Limit = 25, Filters = [new(ImageColumn.Name, Comparison.Equal, ["common"])] }, null },
        { "active", Everything with { Limit = 25, Filters = [new(ImageColumn.Status, Comparison.Equal, [ImageStatus.Active])] }, null },
        { "queued", Everything with { Limit = 25, Filters = [new(ImageColumn.Status, Comparison.Equal, [ImageStatus.Queued])] }, null },
        { "a common tag", Everything with { Limit = 25, Tags = ["common"] }, null },
        { "a rare tag", Everything with { Limit = 25, Tags = ["common", "rare"] }, "image_tags" },
        { "a common property", Everything with { Limit = 25, Properties = [new("colour", "common")] }, null },
        { "a rare property", Everything with { Limit = 25, Properties = [new("colour", "rare")] }, "image_properties_by_value" },
    };

    /// <summary>A query for everybody, in all flat orders, from the start and from a marker.</summary>
    public static IEnumerable<(string What, ImageQuery Query)> WithViewersSortsAndMarkers(ImageQuery query, string marker) =>
        from viewer in new[] { new ImageViewer("few", SeesEverything: true), new("few", SeesEverything: false), new("many", SeesEverything: false), new("shares", SeesEverything: false), new(null, SeesEverything: false) }
        from column in new[] { ImageColumn.CreatedAt, ImageColumn.Name, ImageColumn.Size }
        from after in new[] { null, marker }
        where after is null || viewer.SeesEverything
        select ($"{viewer} by {column}{(after is null ? "" : " after a marker")}", query with
        {
            Viewer = viewer, Visibility = VisibilityFilter.Default, Sort = [new ImageSort(column, Descending: column != ImageColumn.Name)], Marker = after,
        });

    /// <summary>Gives more images a name, a tag and a property than are looked up one by one.</summary>
    public static Task AddCommonValues(ImageRegistry registry) => registry.Do(async (unit, token) =>
    {
        for (var number = 0; number <= RareFilter.Few; number++)
        {
            await unit.InsertImageAsync(
                new Image { Id = new Guid(number, 1, 0, new byte[8]).ToString(), Name = "common", Owner = "many", Visibility = ImageVisibility.Private, Tags = ["common"], Properties = [new("colour", "common")] },
                token);
        }

        return 0;
    });

    /// <summary>Adds images by number; the project "few" owns, or has shared with it, some of the first 40, and "shares" has many shared with it.</summary>
    public static async Task Fill(ImageRegistry registry, int from, int to) => await registry.Do(async (unit, token) =>
    {
        for (var number = from; number < to; number++)
        {
            var few = number < 40;
            var image = new Image
            {
                Id = new Guid(number * 7919, 0, 0, new byte[8]).ToString(),
                Name = $"image {number}",
                Owner = few && number % 2 == 0 ? "few" : "many",
                Visibility = (ImageVisibility)(number / 2 % 4),
                Hidden = number % 10 == 0,
                Size = number * 7919 % 1000,
                Status = number % 100 == 99 ? ImageStatus.Queued : number is 2 or 5 ? ImageStatus.Saving : ImageStatus.Active,
                Properties = number is 3 or 8 ? [new("colour", "rare")] : [],
                Tags = number is 3 or 8 ? ["common", "rare"] : ["common"],
            };
            await unit.InsertImageAsync(image, token);
            if (few && number % 8 == 1)
                await ShareAsync("few");
            if (image is { Visibility: ImageVisibility.Shared, Owner: "many" })
                await ShareAsync("shares");

            async Task ShareAsync(string member)
            {
                await unit.InsertMemberAsync(image.Id, member, token);
                await unit.UpdateMemberAsync(image.Id, member, MemberStatus.Accepted, token);
            }
        }

        return 0;
    });
}
