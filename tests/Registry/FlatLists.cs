using GlanceGateway.Registry;

namespace GlanceGateway.Registry.Tests;

/// <summary>Lists that cost the same however many images there are, and images to list.</summary>
public static class FlatLists
{
    private static readonly ImageSort ByName = new(ImageColumn.Name, Descending: false);

    public static TheoryData<string, ImageQuery> Queries()
    {
        var admin = new ImageQuery { Viewer = new ImageViewer("few", SeesEverything: true) };
        var project = new ImageQuery { Viewer = new ImageViewer("few", SeesEverything: false) };
        var stranger = new ImageQuery { Viewer = new ImageViewer(null, SeesEverything: false) };
        return new()
        {
            { "admin", admin },
            { "admin, all", admin with { Visibility = VisibilityFilter.All } },
            { "admin, hidden too", admin with { Hidden = null } },
            { "admin, by name", admin with { Sort = [ByName] } },
            { "admin, one name", admin with { Filters = [new(ImageColumn.Name, Comparison.Equal, ["image 7"])] } },
            { "admin, one id", admin with { Filters = [new(ImageColumn.Id, Comparison.Equal, ["nothing"])] } },
            { "admin, a rare tag", admin with { Tags = ["rare"] } },
            { "project with few images", project },
            { "project, all", project with { Visibility = VisibilityFilter.All } },
            { "project, shared", project with { Visibility = VisibilityFilter.Shared } },
            { "project, by name", project with { Sort = [ByName] } },
            { "project, one name", project with { Filters = [new(ImageColumn.Name, Comparison.Equal, ["image 7"])] } },
            { "project, a rare tag", project with { Tags = ["rare"] } },
            { "project with many images", project with { Viewer = new ImageViewer("many", SeesEverything: false) } },
            { "no project", stranger },
        };
    }

    /// <summary>Adds images by number; the project "few" owns, or has shared with it, some of the first 40.</summary>
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
                Tags = number is 3 or 8 ? ["common", "rare"] : ["common"],
            };
            await unit.InsertImageAsync(image, token);
            if (few && number % 8 == 1)
            {
                await unit.InsertMemberAsync(image.Id, "few", token);
                await unit.UpdateMemberAsync(image.Id, "few", MemberStatus.Accepted, token);
            }
        }

        return 0;
    });
}
