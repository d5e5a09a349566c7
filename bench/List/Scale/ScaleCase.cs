using GlanceGateway.Registry;

namespace GlanceGateway.Bench;

/// <summary>One thing that is asked of a small and of a big registry.</summary>
/// <param name="Group">Its line of the short table.</param>
/// <param name="Name">What tells it from others of the group.</param>
/// <param name="Limit">How many images are asked for.</param>
/// <param name="Ask">Asks for at most so many images; returns how many there were.</param>
internal sealed record ScaleCase(string Group, string Name, int Limit, Func<ScaledRegistry, int, Task<int>> Ask)
{
    private static readonly (string Name, ImageSort Sort)[] Sorts =
    [
        ("created_at", new(ImageColumn.CreatedAt, Descending: true)),
        ("name", new(ImageColumn.Name, Descending: false)),
        ("size", new(ImageColumn.Size, Descending: true)),
    ];

    /// <summary>All that must not depend on the number of images.</summary>
    /// <param name="registries">Those that will be asked.</param>
    public static async Task<IReadOnlyList<ScaleCase>> AllAsync(params IReadOnlyList<ScaledRegistry> registries)
    {
        var markers = new Dictionary<(ScaledRegistry, ImageSort), (string Middle, string End)>();
        foreach (var registry in registries)
        {
            foreach (var (_, sort) in Sorts)
                markers[(registry, sort)] = await registry.MarkersAsync(sort);
        }

        var cases = new List<ScaleCase>();
        foreach (var (viewerName, viewer) in ScaleViewers.All)
        {
            foreach (var (filterName, filter) in Filters())
            {
                var query = filter with { Viewer = viewer };
                foreach (var (sortName, sort) in Sorts)
                {
                    var sorted = query with { Sort = [sort] };
                    var group = $"{filterName} · {viewerName}";
                    cases.Add(Case(group, $"{sortName}, start", _ => sorted));
                    cases.Add(Case(group, $"{sortName}, middle", registry => sorted with { Marker = markers[(registry, sort)].Middle }));
                    cases.Add(Case(group, $"{sortName}, end", registry => sorted with { Marker = markers[(registry, sort)].End }));
                }
            }

            cases.Add(Case($"page of 1000 · {viewerName}", "created_at, start", _ => new ImageQuery { Viewer = viewer }, limit: 1000));
        }

        foreach (var kind in Enum.GetValues<UsageKind>())
            cases.Add(new("usage of the project with 1 in 10", kind.ToString(), 1, async (on, _) => await on.Registry.SumUsageAsync(ScaleViewers.Many, kind, CancellationToken.None) > 0 ? 1 : 0));
        cases.Add(new("one image", "by id", 1, async (on, _) => await on.Registry.FindImageAsync(markers[(on, Sorts[0].Sort)].Middle, CancellationToken.None) is null ? 0 : 1));
        return cases;
    }

    private static ScaleCase Case(string group, string name, Func<ScaledRegistry, ImageQuery> query, int limit = 25) =>
        new(group, name, limit, async (on, most) => (await on.Registry.ListImagesAsync(query(on) with { Limit = most }, CancellationToken.None)).Count);

    private static IEnumerable<(string Name, ImageQuery Query)> Filters()
    {
        var any = new ImageQuery { Viewer = new(ProjectId: null, SeesEverything: false) };
        yield return ("list", any);
        yield return ("name= of 20", any with { Filters = [new(ImageColumn.Name, Comparison.Equal, ["rare"])] });
        yield return ("name= of 1 in 10", any with { Filters = [new(ImageColumn.Name, Comparison.Equal, ["common"])] });
        yield return ("status= of 20", any with { Filters = [new(ImageColumn.Status, Comparison.Equal, [ImageStatus.Deactivated])] });
        yield return ("status= of 1 in 100", any with { Filters = [new(ImageColumn.Status, Comparison.Equal, [ImageStatus.Queued])] });
        yield return ("status= of nearly all", any with { Filters = [new(ImageColumn.Status, Comparison.Equal, [ImageStatus.Active])] });
        yield return ("tag= of 20", any with { Tags = ["rare"] });
        yield return ("tag= of 1 in 10", any with { Tags = ["common"] });
        yield return ("property of 20", any with { Properties = [new("build", "rare")] });
        yield return ("property of 1 in 10", any with { Properties = [new("os_distro", "debian")] });
    }
}
