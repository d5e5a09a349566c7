using GlanceGateway.Registry;

namespace GlanceGateway.Registry.Tests;

/// <summary>Who sees which images: the visibility tables of the Images API, row by row.</summary>
public abstract class ListVisibilityTests(SharedHome home) : IAsyncLifetime
{
    private ImageRegistry _registry = null!;

    public async ValueTask InitializeAsync() => _registry = await home.OpenAsync((_, registry) => Fill(registry));

    public ValueTask DisposeAsync()
    {
        // The registry belongs to the class.
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    private static string IdOf(string name) => $"id of {name}";

    private static async Task Fill(ImageRegistry registry)
    {
        foreach (var owner in new[] { "me", "they", null })
        {
            foreach (var visibility in Enum.GetValues<ImageVisibility>())
                await Add(registry, $"{owner ?? "no"}-{visibility.ToString().ToLowerInvariant()}", owner, visibility);
        }

        foreach (var status in Enum.GetValues<MemberStatus>())
            await registry.Share(await Add(registry, $"mem-{status.ToString().ToLowerInvariant()}", "they", ImageVisibility.Shared), "me", status);

        // Membership counts only while an image is shared, and only for its member.
        await registry.Share(await Add(registry, "mem-private", "they", ImageVisibility.Private), "me", MemberStatus.Accepted);
        await registry.Share(await Add(registry, "mem-community", "they", ImageVisibility.Community), "me", MemberStatus.Accepted);
        await registry.Share(await Add(registry, "mem-public", "they", ImageVisibility.Public), "me", MemberStatus.Accepted);
        await registry.Share(IdOf("they-shared"), "third", MemberStatus.Accepted);
        await registry.Share(IdOf("me-shared"), "me", MemberStatus.Rejected);

        await Add(registry, "hid-me", "me", ImageVisibility.Private, hidden: true);
        await Add(registry, "hid-public", "they", ImageVisibility.Public, hidden: true);
        await registry.Share(await Add(registry, "hid-mem", "they", ImageVisibility.Shared, hidden: true), "me", MemberStatus.Accepted);

        await Add(registry, "x-killed", "me", ImageVisibility.Public, ImageStatus.Killed);
        await Add(registry, "x-pending", "me", ImageVisibility.Public, ImageStatus.PendingDelete);
        await registry.Delete(await Add(registry, "x-deleted", "me", ImageVisibility.Public));
    }

    private static async Task<string> Add(
        ImageRegistry registry, string name, string? owner, ImageVisibility visibility, ImageStatus status = ImageStatus.Active, bool hidden = false)
    {
        var image = await registry.Insert(
            new Image { Id = IdOf(name), Name = name, Owner = owner, Visibility = visibility, Status = status, Hidden = hidden });
        return image.Id;
    }

    public static TheoryData<string?, bool, VisibilityFilter, MemberStatus?, string> Table()
    {
        const string Public = "me-public mem-public no-public they-public";
        const string Mine = "me-community me-private me-shared";
        const string Nobodys = "no-private no-shared";
        const string Community = "me-community mem-community no-community they-community";
        const string Private = "me-private mem-private no-private they-private";
        const string Shared = "me-shared mem-accepted mem-pending mem-rejected no-shared they-shared";
        const MemberStatus Accepted = MemberStatus.Accepted, Pending = MemberStatus.Pending, Rejected = MemberStatus.Rejected;
        const VisibilityFilter Default = VisibilityFilter.Default;
        var table = new TheoryData<string?, bool, VisibilityFilter, MemberStatus?, string>
        {
            { "me", false, Default, Accepted, $"{Public} {Mine} {Nobodys} mem-accepted" },
            { "me", false, Default, Pending, $"{Public} {Mine} {Nobodys} mem-pending" },
            { "me", false, Default, Rejected, $"{Public} {Mine} {Nobodys} mem-rejected" },
            { "me", false, Default, null, $"{Public} {Mine} {Nobodys} mem-accepted mem-pending mem-rejected" },
            { "me", false, VisibilityFilter.Public, Accepted, Public },
            { "me", false, VisibilityFilter.Private, Accepted, "me-private" },
            { "me", false, VisibilityFilter.Shared, Accepted, "me-shared mem-accepted" },
            { "me", false, VisibilityFilter.Shared, Pending, "me-shared mem-pending" },
            { "me", false, VisibilityFilter.Shared, null, "me-shared mem-accepted mem-pending mem-rejected" },
            { "me", false, VisibilityFilter.Community, Accepted, Community },
            { "me", false, VisibilityFilter.All, Accepted, $"{Public} {Community} me-private me-shared {Nobodys} mem-accepted" },
            { "me", false, VisibilityFilter.All, null, $"{Public} {Community} me-private me-shared {Nobodys} mem-accepted mem-pending mem-rejected" },
            { "third", false, Default, Accepted, $"{Public} {Nobodys} they-shared" },
            { "third", false, Default, Pending, $"{Public} {Nobodys}" },
            { "stranger", false, Default, null, $"{Public} {Nobodys}" },
            { "stranger", false, VisibilityFilter.Private, null, "" },
            { "stranger", false, VisibilityFilter.Shared, null, "" },
            { "stranger", false, VisibilityFilter.All, null, $"{Public} {Community} {Nobodys}" },
            { null, false, Default, Accepted, $"{Public} {Nobodys}" },
            { null, false, VisibilityFilter.All, null, $"{Public} {Community} {Nobodys}" },
            { null, false, VisibilityFilter.Private, null, "" },
            { null, false, VisibilityFilter.Shared, null, "" },
            { "me", true, Default, Accepted, $"{Public} {Private} {Shared} me-community" },
            { "me", true, Default, Pending, $"{Public} {Private} {Shared} me-community" },
            { null, true, Default, Accepted, $"{Public} {Private} {Shared}" },
            { "me", true, VisibilityFilter.Public, Accepted, Public },
            { "me", true, VisibilityFilter.Private, Accepted, Private },
            { "me", true, VisibilityFilter.Shared, Accepted, Shared },
            { "me", true, VisibilityFilter.Community, Accepted, Community },
            { null, true, VisibilityFilter.All, Accepted, $"{Public} {Private} {Shared} {Community}" },
        };
        return table;
    }

    [Theory]
    [MemberData(nameof(Table))]
    public async Task A_list_shows_exactly_what_the_viewer_asked_for_and_may_see(
        string? project, bool admin, VisibilityFilter visibility, MemberStatus? memberStatus, string expected)
    {
        var query = new ImageQuery
        {
            Viewer = new ImageViewer(project, admin),
            Visibility = visibility,
            MemberStatus = memberStatus,
            Sort = [new(ImageColumn.Name, Descending: false)],
            Limit = 100,
        };
        var names = (await _registry.List(query)).Select(image => image.Name!);
        Assert.Equal(expected.Split(' ', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal), names);
    }

    [Theory]
    [InlineData("me", false, true, "hid-me hid-mem hid-public")]
    [InlineData("stranger", false, true, "hid-public")]
    [InlineData(null, true, true, "hid-me hid-mem hid-public")]
    [InlineData("stranger", false, null, "hid-public me-public mem-public no-private no-public no-shared they-public")]
    public async Task Hidden_images_are_shown_only_to_who_asks(string? project, bool admin, bool? hidden, string expected)
    {
        var names = (await _registry.List(new ImageQuery
        {
            Viewer = new ImageViewer(project, admin),
            Hidden = hidden,
            Sort = [new(ImageColumn.Name, Descending: false)],
            Limit = 100,
        })).Select(image => image.Name!);
        Assert.Equal(expected.Split(' '), names);
    }

    [Theory]
    [InlineData("me", false, "")]
    [InlineData("me", true, "x-pending")]
    public async Task Images_waiting_to_be_deleted_are_shown_to_administrators_who_ask_for_the_status(string project, bool admin, string expected)
    {
        var names = (await _registry.List(new ImageQuery
        {
            Viewer = new ImageViewer(project, admin),
            Filters = [new(ImageColumn.Status, Comparison.In, [ImageStatus.PendingDelete, ImageStatus.Killed, ImageStatus.Deleted])],
        })).Select(image => image.Name);
        Assert.Equal(expected, string.Join(' ', names));
    }

    [Theory]
    [InlineData("me", false, "me-private", true)]
    [InlineData("me", false, "they-public", true)]
    [InlineData("me", false, "they-community", true)]
    [InlineData("me", false, "no-private", true)]
    [InlineData("me", false, "mem-accepted", true)]
    [InlineData("me", false, "mem-rejected", true)]
    [InlineData("me", false, "hid-me", true)]
    [InlineData("me", false, "they-shared", false)]
    [InlineData("me", false, "they-private", false)]
    [InlineData("me", false, "mem-private", false)]
    [InlineData("me", false, "x-deleted", false)]
    [InlineData(null, false, "they-private", false)]
    [InlineData(null, false, "no-shared", true)]
    [InlineData(null, true, "they-private", true)]
    [InlineData(null, true, "x-deleted", false)]
    public async Task A_marker_is_an_image_that_the_viewer_could_see_by_id(string? project, bool admin, string name, bool known)
    {
        var query = new ImageQuery { Viewer = new ImageViewer(project, admin), Marker = IdOf(name), Limit = 0 };
        if (known)
            Assert.Empty(await _registry.List(query));
        else
            Assert.Equal(IdOf(name), (await Assert.ThrowsAsync<UnknownMarkerException>(() => _registry.List(query))).Marker);
    }

    [Fact]
    public async Task A_marker_that_is_no_image_is_unknown() => await Assert.ThrowsAsync<UnknownMarkerException>(() =>
        _registry.List(new ImageQuery { Viewer = new ImageViewer(null, SeesEverything: true), Marker = "nothing" }));
}
