using GlanceGateway.Registry;

namespace GlanceGateway.Registry.Tests;

public abstract class ListFilterTests(SharedHome home) : IAsyncLifetime
{
    private static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private ImageRegistry _registry = null!;

    public async ValueTask InitializeAsync() => _registry = await home.OpenAsync((filled, registry) => Fill(registry, filled.Clock));

    public ValueTask DisposeAsync()
    {
        // The registry belongs to the class.
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    private static async Task Fill(ImageRegistry registry, StandingClock clock)
    {
        await registry.Insert(new Image
        {
            Id = "00000000-0000-0000-0000-00000000000a",
            Name = "a",
            Status = ImageStatus.Active,
            DiskFormat = "raw",
            ContainerFormat = "bare",
            Size = 10,
            VirtualSize = 100,
            Checksum = "c1",
            HashAlgorithm = "sha512",
            HashValue = "h1",
            Protected = true,
            Tags = ["one", "two"],
            Properties = [new("os", "linux"), new("none", null)],
        });
        clock.Advance(TimeSpan.FromHours(1));
        await registry.Insert(new Image { Id = Units.NewId(), Name = "b", DiskFormat = "qcow2", Size = 20, MinDisk = 5, Tags = ["two"], Properties = [new("os", "Linux")] });
        clock.Advance(TimeSpan.FromHours(1));
        await registry.Insert(new Image { Id = Units.NewId(), Name = "A", MinRam = 7, Tags = ["One"] });
        clock.Advance(TimeSpan.FromHours(1));
        await registry.Insert(new Image { Id = Units.NewId(), Visibility = ImageVisibility.Public, Status = ImageStatus.Saving, Owner = "p" });
    }

    public static TheoryData<string, ImageQuery> Table()
    {
        var everything = new ImageQuery { Viewer = new ImageViewer(null, SeesEverything: true), Sort = [new(ImageColumn.CreatedAt, Descending: false)] };
        ImageQuery Where(ImageColumn column, Comparison comparison, params object[] values) =>
            everything with { Filters = [new(column, comparison, values)] };
        return new()
        {
            { "a b A -", everything },
            { "a", Where(ImageColumn.Name, Comparison.Equal, "a") },
            { "", Where(ImageColumn.Name, Comparison.Equal, "") },
            { "a A", Where(ImageColumn.Name, Comparison.In, "a", "A", "zz") },
            { "", Where(ImageColumn.Name, Comparison.In) },
            { "b A -", Where(ImageColumn.Name, Comparison.NotEqual, "a") },
            { "a", Where(ImageColumn.Id, Comparison.Equal, "00000000-0000-0000-0000-00000000000a") },
            { "a -", Where(ImageColumn.Status, Comparison.In, ImageStatus.Active, ImageStatus.Saving) },
            { "b A", Where(ImageColumn.Status, Comparison.Equal, "queued") },
            { "", Where(ImageColumn.Status, Comparison.Equal, "no such status") },
            { "b", Where(ImageColumn.DiskFormat, Comparison.In, "qcow2") },
            { "a", Where(ImageColumn.ContainerFormat, Comparison.Equal, "bare") },
            { "b", Where(ImageColumn.Size, Comparison.Greater, 10L) },
            { "a b", Where(ImageColumn.Size, Comparison.GreaterOrEqual, 10L) },
            { "a", Where(ImageColumn.Size, Comparison.Less, 20L) },
            { "a b", Where(ImageColumn.Size, Comparison.LessOrEqual, 20) },
            { "a", Where(ImageColumn.VirtualSize, Comparison.Equal, 100L) },
            { "b", Where(ImageColumn.MinDisk, Comparison.Greater, 0L) },
            { "A", Where(ImageColumn.MinRam, Comparison.Equal, 7L) },
            { "-", Where(ImageColumn.Owner, Comparison.Equal, "p") },
            { "a b A", Where(ImageColumn.Owner, Comparison.NotEqual, "p") },
            { "a", Where(ImageColumn.Checksum, Comparison.Equal, "c1") },
            { "a", Where(ImageColumn.HashAlgorithm, Comparison.Equal, "sha512") },
            { "a", Where(ImageColumn.HashValue, Comparison.Equal, "h1") },
            { "b", Where(ImageColumn.CreatedAt, Comparison.Equal, Start.AddHours(1)) },
            { "A -", Where(ImageColumn.UpdatedAt, Comparison.Greater, Start.AddHours(1).ToOffset(TimeSpan.FromHours(5))) },
            { "a", everything with { Protected = true } },
            { "b A -", everything with { Protected = false } },
            { "a b", everything with { Tags = ["two"] } },
            { "a", everything with { Tags = ["two", "one"] } },
            { "a", everything with { Tags = ["two", "two", "one"] } },
            { "", everything with { Tags = ["one", "One"] } },
            { "a", everything with { Properties = [new("os", "linux")] } },
            { "a", everything with { Properties = [new("os", "linux"), new("none", "")] } },
            { "", everything with { Properties = [new("OS", "linux")] } },
            { "a", everything with { Tags = ["two"], Properties = [new("os", "linux")], Filters = [new(ImageColumn.Size, Comparison.Less, [99L])] } },
            { "a b -", everything with { Viewer = new ImageViewer("p", false), Filters = [new(ImageColumn.Name, Comparison.NotEqual, ["A"])] } },
            { "a b", everything with { Viewer = new ImageViewer("p", false), Tags = ["two"] } },
        };
    }

    [Theory]
    [MemberData(nameof(Table), DisableDiscoveryEnumeration = true)]
    public async Task A_list_holds_what_passes_all_filters(string expected, ImageQuery query)
    {
        var names = (await _registry.List(query)).Select(image => image.Name ?? "-");
        Assert.Equal(expected, string.Join(' ', names));
    }

    [Theory]
    [InlineData(ImageColumn.Size, "10")]
    [InlineData(ImageColumn.CreatedAt, "2026-01-01")]
    [InlineData(ImageColumn.Name, 5L)]
    public async Task A_value_of_another_type_is_a_mistake_of_the_caller(ImageColumn column, object value) =>
        await Assert.ThrowsAsync<ArgumentException>(() => _registry.List(new ImageQuery
        {
            Viewer = new ImageViewer(null, SeesEverything: true),
            Filters = [new(column, Comparison.Equal, [value])],
        }));
}
