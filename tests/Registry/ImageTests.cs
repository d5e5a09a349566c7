using GlanceGateway.Registry;

namespace GlanceGateway.Registry.Tests;

public abstract class ImageTests(RegistryHome home) : IAsyncDisposable
{
    public async ValueTask DisposeAsync()
    {
        await home.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private static Image Full() => new()
    {
        Id = Units.NewId(),
        Name = "noble",
        Status = ImageStatus.Active,
        Visibility = ImageVisibility.Community,
        Owner = "p1",
        DiskFormat = "qcow2",
        ContainerFormat = "bare",
        Size = 5_000_000_000,
        VirtualSize = 60_000_000_000,
        Checksum = "d41d8cd98f00b204e9800998ecf8427e",
        HashAlgorithm = "sha512",
        HashValue = "cf83",
        MinDisk = 20,
        MinRam = int.MaxValue,
        Protected = true,
        Hidden = true,
        Properties = [new("zeta", "1"), new("alpha", ""), new("mid", null), new("Alpha", "2")],
        Tags = ["z", "a", "Z"],
    };

    [Fact]
    public async Task An_image_comes_back_as_it_was_inserted()
    {
        var registry = await home.OpenAsync();
        var image = Full();
        var stored = await registry.Insert(image);
        var found = await registry.Find(image.Id);
        Assert.Equivalent(stored, found, strict: true);
        Assert.Equivalent(image with { CreatedAt = home.Clock.Now, UpdatedAt = home.Clock.Now, Version = 1 }, found, strict: true);
        Assert.Equal(image.Properties, found!.Properties);
        Assert.Equal(image.Tags, found.Tags);
    }

    [Fact]
    public async Task An_image_of_which_nothing_is_known_comes_back_so()
    {
        var registry = await home.OpenAsync();
        var image = new Image { Id = Units.NewId() };
        await registry.Insert(image);
        Assert.Equivalent(
            image with { CreatedAt = home.Clock.Now, UpdatedAt = home.Clock.Now, Version = 1 }, await registry.Find(image.Id), strict: true);
    }

    [Fact]
    public async Task Times_are_kept_to_the_microsecond()
    {
        var registry = await home.OpenAsync();
        var whole = home.Clock.Now.AddMicroseconds(7);
        home.Clock.Now = whole.AddTicks(3);
        var image = await registry.Insert(new Image { Id = Units.NewId() });
        Assert.Equal(whole, image.CreatedAt);
    }

    [Fact]
    public async Task A_taken_id_is_refused_even_when_its_image_is_deleted()
    {
        var registry = await home.OpenAsync();
        var image = await registry.Insert(Full());
        Assert.Null(await registry.Do((unit, token) => unit.InsertImageAsync(image, token)));
        Assert.True(await registry.Delete(image.Id));
        Assert.Null(await registry.Find(image.Id));
        Assert.Null(await registry.Do((unit, token) => unit.InsertImageAsync(image, token)));
        Assert.False(await registry.Delete(image.Id));
        Assert.Null(await registry.Update(image));
    }

    [Fact]
    public async Task Deleting_removes_what_belongs_to_the_image()
    {
        var registry = await home.OpenAsync();
        var image = await registry.Insert(Full());
        await registry.Do((unit, token) => unit.AddLocationAsync(image.Id, new ImageLocation(0, "s", "file:///x", new Dictionary<string, string>()), token));
        await registry.Share(image.Id, "p2", MemberStatus.Accepted);
        await registry.Delete(image.Id);
        Assert.Null(await registry.FindMemberAsync(image.Id, "p2", TestContext.Current.CancellationToken));
        Assert.Null(await registry.Do((unit, token) => unit.InsertMemberAsync(image.Id, "p3", token)));
        await Assert.ThrowsAsync<InvalidOperationException>(() => registry.Do((unit, token) =>
            unit.AddLocationAsync(image.Id, new ImageLocation(0, "s", "file:///y", new Dictionary<string, string>()), token)));
        foreach (var table in new[] { "image_properties", "image_tags", "image_locations", "image_members" })
            Assert.Equal(0, await registry.Count(table));
    }

    [Fact]
    public async Task An_update_needs_the_version_that_it_read()
    {
        var registry = await home.OpenAsync();
        var first = await registry.Insert(Full());
        home.Clock.Advance(TimeSpan.FromSeconds(9));
        var second = await registry.Update(first with { Name = "two", Properties = [new("b", "1"), new("a", "2")], Tags = [] });
        Assert.NotNull(second);
        Assert.Equal((first.Version + 1, first.CreatedAt, home.Clock.Now), (second.Version, second.CreatedAt, second.UpdatedAt));
        Assert.Equal(["b", "a"], second.Properties.Select(property => property.Key));
        Assert.Empty(second.Tags);
        Assert.Null(await registry.Update(first with { Name = "late" }));
        Assert.Equivalent(second, await registry.Find(first.Id), strict: true);
    }

    [Fact]
    public async Task Updates_of_everything_are_kept()
    {
        var registry = await home.OpenAsync();
        var image = await registry.Insert(new Image { Id = Units.NewId() });
        var changed = Full() with { Id = image.Id, Version = image.Version };
        await registry.Update(changed);
        Assert.Equivalent(
            changed with { Version = 2, CreatedAt = image.CreatedAt, UpdatedAt = home.Clock.Now }, await registry.Find(image.Id), strict: true);
    }

    [Fact]
    public async Task Of_racing_updates_one_wins()
    {
        var registry = await home.OpenAsync();
        var image = await registry.Insert(Full());
        var results = await Task.WhenAll(Enumerable.Range(0, 20).Select(number => registry.Update(image with { Name = $"racer {number}" })));
        Assert.Single(results, result => result is not null);
    }

    [Fact]
    public async Task An_image_cannot_be_saved_as_deleted_or_with_a_property_twice()
    {
        var registry = await home.OpenAsync();
        var image = await registry.Insert(Full());
        await Assert.ThrowsAsync<ArgumentException>(() => registry.Update(image with { Status = ImageStatus.Deleted }));
        await Assert.ThrowsAsync<ArgumentException>(() => registry.Update(image with { Properties = [new("a", "1"), new("a", "2")] }));
        Assert.Equivalent(image, await registry.Find(image.Id), strict: true);
    }

    [Fact]
    public async Task Locations_come_oldest_first_and_leave_the_version_alone()
    {
        var registry = await home.OpenAsync();
        var image = await registry.Insert(Full());
        var metadata = new Dictionary<string, string> { ["store"] = "fast", ["\"'"] = "\u0001é" };
        var saved = await registry.Do(async (unit, token) =>
        {
            await unit.AddLocationAsync(image.Id, new ImageLocation(0, "b", "file:///b", metadata), token);
            await unit.AddLocationAsync(image.Id, new ImageLocation(0, "a", "file:///a", new Dictionary<string, string>()), token);
            return await unit.UpdateImageAsync(image with { Status = ImageStatus.Deactivated }, token);
        });
        Assert.Equal(["b", "a"], saved!.Locations.Select(location => location.Store));
        Assert.Equal(metadata, saved.Locations[0].Metadata);
        Assert.True(await registry.Do((unit, token) => unit.RemoveLocationAsync(image.Id, saved.Locations[0].Id, token)));
        Assert.False(await registry.Do((unit, token) => unit.RemoveLocationAsync(image.Id, saved.Locations[0].Id, token)));
        Assert.False(await registry.Do((unit, token) => unit.RemoveLocationAsync(Units.NewId(), saved.Locations[1].Id, token)));
        Assert.Equal("a", Assert.Single((await registry.Find(image.Id))!.Locations).Store);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("🦀 кириллица 日本語")]
    [InlineData("quotes ' \" ` ; -- /* */")]
    [InlineData("'); DROP TABLE images; --")]
    [InlineData("@id :id $id ?1 %s {0}")]
    [InlineData("\u0001\u0002\t\r\n\u001b[31m\u007f\u0085")]
    [InlineData("")]
    [InlineData(" spaces ")]
    public async Task Text_is_stored_and_found_as_it_is(string text)
    {
        var registry = await home.OpenAsync();
        var image = await registry.Insert(new Image
        {
            Id = Units.NewId(),
            Name = text,
            Owner = text,
            Properties = [new("k" + text, text)],
            Tags = [text],
        });
        await registry.Insert(new Image { Id = Units.NewId(), Name = text + "x", Owner = text });
        var found = Assert.Single(await registry.List(new ImageQuery
        {
            Viewer = new ImageViewer(text, SeesEverything: false),
            Filters = [new(ImageColumn.Name, Comparison.Equal, [text]), new(ImageColumn.Owner, Comparison.In, [text, "other"])],
            Properties = [new("k" + text, text)],
            Tags = [text],
        }));
        Assert.Equivalent(image, found, strict: true);
        Assert.Equal(text, found.Name);
    }

    [Fact]
    public async Task Nothing_is_found_by_text_that_cannot_be_stored()
    {
        const string Text = "before\0after";
        var registry = await home.OpenAsync();
        var cancellation = TestContext.Current.CancellationToken;
        await registry.Insert(new Image { Id = Units.NewId(), Visibility = ImageVisibility.Public });
        var query = new ImageQuery { Viewer = new ImageViewer("p", SeesEverything: false) };
        Assert.Null(await registry.Find(Text));
        Assert.Null(await registry.FindMemberAsync(Text, "p", cancellation));
        Assert.Null(await registry.FindMemberAsync("a", Text, cancellation));
        Assert.Empty(await registry.ListMembersAsync(Text, cancellation));
        Assert.Empty(await registry.List(query with { Viewer = new ImageViewer(Text, SeesEverything: false) }));
        Assert.Empty(await registry.List(query with { Tags = [Text] }));
        Assert.Empty(await registry.List(query with { Properties = [new(Text, "")] }));
        Assert.Empty(await registry.List(query with { Properties = [new("", Text)] }));
        Assert.Empty(await registry.List(query with { Filters = [new(ImageColumn.Name, Comparison.In, ["a", Text])] }));
        Assert.Single(await registry.List(query));
        await Assert.ThrowsAsync<UnknownMarkerException>(() => registry.List(query with { Marker = Text }));
    }

    [Fact]
    public async Task Members_are_added_once_changed_and_removed()
    {
        var registry = await home.OpenAsync();
        var cancellation = TestContext.Current.CancellationToken;
        var image = await registry.Insert(Full());
        var joined = await registry.Do((unit, token) => unit.InsertMemberAsync(image.Id, "p3", token));
        Assert.Equal(new ImageMember(image.Id, "p3", MemberStatus.Pending, home.Clock.Now, home.Clock.Now), joined);
        Assert.Null(await registry.Do((unit, token) => unit.InsertMemberAsync(image.Id, "p3", token)));
        home.Clock.Advance(TimeSpan.FromSeconds(1));
        await registry.Share(image.Id, "p2", MemberStatus.Rejected);
        var accepted = await registry.Do((unit, token) => unit.UpdateMemberAsync(image.Id, "p3", MemberStatus.Accepted, token));
        Assert.Equal(joined! with { Status = MemberStatus.Accepted, UpdatedAt = home.Clock.Now }, accepted);
        Assert.Equal(accepted, await registry.FindMemberAsync(image.Id, "p3", cancellation));
        Assert.Equal(["p3", "p2"], (await registry.ListMembersAsync(image.Id, cancellation)).Select(member => member.MemberId));
        Assert.Equal(2, await registry.Do((unit, token) => unit.CountMembersAsync(image.Id, token)));
        Assert.Null(await registry.Do((unit, token) => unit.UpdateMemberAsync(image.Id, "p9", MemberStatus.Accepted, token)));
        Assert.True(await registry.Do((unit, token) => unit.DeleteMemberAsync(image.Id, "p3", token)));
        Assert.False(await registry.Do((unit, token) => unit.DeleteMemberAsync(image.Id, "p3", token)));
        Assert.Null(await registry.Do((unit, token) => unit.FindMemberAsync(image.Id, "p3", token)));
        Assert.Null(await registry.Do((unit, token) => unit.InsertMemberAsync(Units.NewId(), "p3", token)));
    }
}
