using System.Text;
using GlanceGateway.Registry;

namespace GlanceGateway.Registry.Tests;

/// <summary>Walking all pages of a list, over random images, sort keys and viewers, against a model in memory.</summary>
public abstract class ListPagingTests(RegistryHome home) : IAsyncDisposable
{
    private static readonly ImageColumn[] Columns = Enum.GetValues<ImageColumn>();

    public async ValueTask DisposeAsync()
    {
        await home.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Walking_all_pages_meets_each_visible_image_once_and_in_order(int seed)
    {
        var random = new Random(seed);
        var registry = await home.OpenAsync();
        var images = new List<Image>();
        var accepted = new HashSet<string>();
        for (var number = 0; number < 150; number++)
        {
            if (random.Next(3) > 0)
                home.Clock.Advance(TimeSpan.FromMicroseconds(random.Next(3)));
            var image = await registry.Insert(Random(random));
            images.Add(image);
            if (random.Next(4) == 0)
            {
                var status = (MemberStatus)random.Next(3);
                await registry.Share(image.Id, "p1", status);
                if (status == MemberStatus.Accepted)
                    accepted.Add(image.Id);
            }
        }

        for (var walk = 0; walk < 60; walk++)
        {
            var viewer = new ImageViewer(random.Next(5) == 0 ? null : "p1", random.Next(3) == 0);
            var query = new ImageQuery
            {
                Viewer = viewer,
                Hidden = random.Next(3) switch { 0 => null, 1 => false, _ => true },
                Sort = [.. Enumerable.Range(0, random.Next(4)).Select(_ => new ImageSort(Columns[random.Next(Columns.Length)], random.Next(2) == 0))],
                Limit = random.Next(1, 40),
            };
            var expected = images
                .Where(image => Visible(image, viewer, accepted) && (query.Hidden is not { } hidden || image.Hidden == hidden))
                .Order(Comparer<Image>.Create((left, right) => Compare(left, right, query.Sort)))
                .Select(image => image.Id).ToList();

            var walked = new List<string>();
            while (true)
            {
                var page = await registry.List(query with { Marker = walked.Count == 0 ? null : walked[^1] });
                walked.AddRange(page.Select(image => image.Id));
                Assert.True(page.Count <= query.Limit);
                if (page.Count < query.Limit)
                    break;
            }

            Assert.Equal(expected, walked);
        }
    }

    [Fact]
    public async Task Without_sort_keys_the_newest_comes_first()
    {
        var registry = await home.OpenAsync();
        foreach (var name in new[] { "old", "middle", "new" })
        {
            await registry.Insert(new Image { Id = Units.NewId(), Name = name });
            home.Clock.Advance(TimeSpan.FromSeconds(1));
        }

        var list = await registry.List(new ImageQuery { Viewer = new ImageViewer(null, SeesEverything: true) });
        Assert.Equal(["new", "middle", "old"], list.Select(image => image.Name));
    }

    [Fact]
    public async Task A_page_starts_after_a_marker_that_is_not_in_the_list()
    {
        var registry = await home.OpenAsync();
        var ids = new List<string>();
        foreach (var hidden in new[] { false, true, false })
        {
            ids.Add((await registry.Insert(new Image { Id = Units.NewId(), Owner = "p1", Hidden = hidden })).Id);
            home.Clock.Advance(TimeSpan.FromSeconds(1));
        }

        var page = await registry.List(new ImageQuery { Viewer = new ImageViewer("p1", SeesEverything: false), Marker = ids[1] });
        Assert.Equal(ids[0], Assert.Single(page).Id);
    }

    [Fact]
    public async Task A_project_finds_by_tag_what_is_shared_with_it_and_nothing_else()
    {
        var registry = await home.OpenAsync();
        foreach (var shared in new[] { true, false })
        {
            var image = await registry.Insert(new Image { Id = Units.NewId(), Name = $"shared {shared}", Owner = "q", Tags = ["rare"] });
            if (shared)
                await registry.Share(image.Id, "p", MemberStatus.Accepted);
        }

        var found = await registry.List(new ImageQuery { Viewer = new ImageViewer("p", SeesEverything: false), Tags = ["rare"] });
        Assert.Equal("shared True", Assert.Single(found).Name);
    }

    [Fact]
    public async Task Long_lists_of_values_and_long_pages_are_fine()
    {
        var registry = await home.OpenAsync();
        await registry.Do(async (unit, token) =>
        {
            for (var number = 0; number < 2500; number++)
                await unit.InsertImageAsync(new Image { Id = Units.NewId(), Name = $"many {number}", Owner = "p", Tags = [$"t{number}"] }, token);
            return 0;
        });
        var found = await registry.List(new ImageQuery
        {
            Viewer = new ImageViewer("p", SeesEverything: false),
            Filters = [new(ImageColumn.Name, Comparison.In, [.. Enumerable.Range(0, 2500).Select(number => (object)$"many {number}")])],
            Limit = 10_000,
        });
        Assert.Equal(2500, found.Count);
        Assert.All(found, image => Assert.Equal(image.Name!.Replace("many ", "t"), Assert.Single(image.Tags)));
    }

    private static Image Random(Random random)
    {
        // U+FF5E sorts before the emoji by code point and after it by UTF-16 unit.
        string? Text() => random.Next(6) switch { 0 => null, 1 => "", 2 => "a", 3 => "B", 4 => "～", _ => "🦀" };
        long? Number() => random.Next(4) switch { 0 => null, 1 => 0, var number => number };
        return new Image
        {
            Id = new Guid(random.Next(), 0, 0, new byte[8]).ToString(),
            Name = Text(),
            Status = (ImageStatus)random.Next(6),
            Visibility = (ImageVisibility)random.Next(4),
            Owner = random.Next(4) switch { 0 => null, 1 => "p2", _ => "p1" },
            DiskFormat = Text(),
            ContainerFormat = Text(),
            Size = Number(),
            VirtualSize = Number(),
            Checksum = Text(),
            HashAlgorithm = Text(),
            HashValue = Text(),
            MinDisk = random.Next(2),
            MinRam = random.Next(2),
            Hidden = random.Next(4) == 0,
        };
    }

    private static bool Visible(Image image, ImageViewer viewer, HashSet<string> accepted)
    {
        var mine = viewer.ProjectId is not null && image.Owner == viewer.ProjectId;
        if (image.Visibility == ImageVisibility.Community)
            return mine;
        return viewer.SeesEverything || mine || image.Visibility == ImageVisibility.Public || image.Owner is null ||
            (viewer.ProjectId is not null && image.Visibility == ImageVisibility.Shared && accepted.Contains(image.Id));
    }

    private static int Compare(Image left, Image right, IReadOnlyList<ImageSort> sort)
    {
        var descending = sort.Count == 0 || sort[0].Descending;
        foreach (var key in sort.Append(new(ImageColumn.CreatedAt, descending)).Append(new(ImageColumn.Id, descending)))
        {
            var order = (Key(left, key.Column), Key(right, key.Column)) switch
            {
                (string one, string two) => Encoding.UTF8.GetBytes(one).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(two)),
                (var one, var two) => Comparer<object>.Default.Compare(one, two),
            };
            if (order != 0)
                return key.Descending ? -order : order;
        }

        return 0;
    }

    private static object Key(Image image, ImageColumn column) => column switch
    {
        ImageColumn.Id => image.Id,
        ImageColumn.Name => image.Name ?? "",
        ImageColumn.Status => image.Status.ToString().ToLowerInvariant(),
        ImageColumn.DiskFormat => image.DiskFormat ?? "",
        ImageColumn.ContainerFormat => image.ContainerFormat ?? "",
        ImageColumn.Size => image.Size ?? 0,
        ImageColumn.VirtualSize => image.VirtualSize ?? 0,
        ImageColumn.MinDisk => image.MinDisk,
        ImageColumn.MinRam => image.MinRam,
        ImageColumn.Owner => image.Owner ?? "",
        ImageColumn.Checksum => image.Checksum ?? "",
        ImageColumn.HashAlgorithm => image.HashAlgorithm ?? "",
        ImageColumn.HashValue => image.HashValue ?? "",
        ImageColumn.CreatedAt => image.CreatedAt,
        ImageColumn.UpdatedAt => image.UpdatedAt,
        _ => throw new ArgumentOutOfRangeException(nameof(column), column, "no such column"),
    };
}
