using GlanceGateway.Registry;

namespace GlanceGateway.Registry.Tests;

/// <summary>Images shared with a project follow what happens to them: in all orders, under all filters.</summary>
public abstract class SharedListTests(RegistryHome home) : IAsyncDisposable
{
    private static readonly ImageQuery Mine = new() { Viewer = new ImageViewer("me", SeesEverything: false) };

    public async ValueTask DisposeAsync()
    {
        await home.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_list_follows_what_happens_to_an_image_that_is_shared()
    {
        var registry = await home.OpenAsync();
        await registry.Share((await registry.Insert(Shared("b", size: 20))).Id, "me", MemberStatus.Accepted);
        await registry.Share((await registry.Insert(Shared("d", size: null))).Id, "me", MemberStatus.Accepted);
        var image = await registry.Insert(Shared("c", size: 30));
        await registry.Share(image.Id, "me", MemberStatus.Accepted);
        Assert.Equal("b c d, d b c, c", await Lists("c"));

        image = (await registry.Update(image with { Name = "a", Size = 10 }))!;
        Assert.Equal("a b d, d a b, a", await Lists("a"));
        image = (await registry.Update(image with { Name = null }))!;
        Assert.Equal("- b d, d - b, ", await Lists(null));
        image = (await registry.Update(image with { Name = "a", Status = ImageStatus.Deactivated }))!;
        Assert.Equal(["a"], await Names(Mine with { Filters = [new(ImageColumn.Status, Comparison.Equal, [ImageStatus.Deactivated])] }));
        Assert.Equal(["b", "d"], await Names(Mine with { Filters = [new(ImageColumn.Status, Comparison.Equal, [ImageStatus.Active])] }));
        image = (await registry.Update(image with { Status = ImageStatus.Active, Hidden = true }))!;
        Assert.Equal(["b", "d"], await Names(Mine));
        Assert.Equal(["a"], await Names(Mine with { Hidden = true }));
        image = (await registry.Update(image with { Hidden = false, Visibility = ImageVisibility.Private }))!;
        Assert.Equal(["b", "d"], await Names(Mine));

        // The member's own and nobody's are shown by themselves, once.
        image = (await registry.Update(image with { Visibility = ImageVisibility.Shared, Owner = "me" }))!;
        Assert.Equal("a b d, d a b, a", await Lists("a"));
        image = (await registry.Update(image with { Owner = null }))!;
        Assert.Equal("a b d, d a b, a", await Lists("a"));
        Assert.Equal(["a", "b", "d"], await Names(Mine with { Visibility = VisibilityFilter.Shared }));
        image = (await registry.Update(image with { Owner = "they" }))!;
        Assert.Equal(["a", "b", "d"], await Names(Mine with { Visibility = VisibilityFilter.Shared }));

        await registry.Do((unit, token) => unit.UpdateMemberAsync(image.Id, "me", MemberStatus.Rejected, token));
        Assert.Equal(["b", "d"], await Names(Mine));
        Assert.Equal(["a", "b", "d"], await Names(Mine with { MemberStatus = null }));
        Assert.Equal(["a"], await Names(Mine with { MemberStatus = MemberStatus.Rejected }));
        await registry.Delete(image.Id);
        Assert.Equal(["b", "d"], await Names(Mine with { MemberStatus = null }));

        // By name; by size, smallest first; by one name.
        async Task<string> Lists(string? name)
        {
            var bySize = (await registry.List(Mine with { Sort = [new(ImageColumn.Size, Descending: false)] })).Select(one => one.Name ?? "-");
            var found = name is null ? [] : await Names(Mine with { Filters = [new(ImageColumn.Name, Comparison.Equal, [name])] });
            return $"{string.Join(' ', await Names(Mine))}, {string.Join(' ', bySize)}, {string.Join(' ', found)}";
        }

        async Task<List<string>> Names(ImageQuery query) =>
            [.. (await registry.List(query with { Sort = [new(ImageColumn.Name, Descending: false)] })).Select(one => one.Name ?? "-")];
    }

    [Theory]
    [InlineData(ImageColumn.CreatedAt)]
    [InlineData(ImageColumn.Name)]
    [InlineData(ImageColumn.Size)]
    public async Task Pages_merge_shares_with_the_rest_and_start_after_any_of_them(ImageColumn column)
    {
        var registry = await home.OpenAsync();
        for (var number = 0; number < 30; number++)
        {
            var image = await registry.Insert(Shared($"image {number * 7 % 30:00}", number * 11 % 30) with
            {
                Owner = number % 3 == 0 ? "me" : "they",
                Tags = number % 2 == 0 ? ["even"] : [],
                Properties = [new("kind", number % 2 == 0 ? "even" : new string('x', 100) + (number % 4))],
            });
            if (number % 3 == 1)
                await registry.Share(image.Id, "me", MemberStatus.Accepted);
        }

        foreach (var query in new[]
        {
            Mine, Mine with { Tags = ["even"] }, Mine with { Properties = [new("kind", "even")] }, Mine with { Properties = [new("kind", new string('x', 100) + "3")] },
            Mine with { Filters = [new(ImageColumn.DiskFormat, Comparison.Equal, ["qcow2"])] },
        })
        {
            var sorted = query with { Sort = [new(column, Descending: true)] };
            var whole = (await registry.List(sorted with { Limit = 100 })).Select(image => image.Id).ToList();
            var pages = new List<string>();
            while (await registry.List(sorted with { Limit = 3, Marker = pages.LastOrDefault() }) is { Count: > 0 } page)
                pages.AddRange(page.Select(image => image.Id));
            Assert.Equal(whole, pages);
            Assert.Equal(query.Tags.Count == 0 && query.Properties.Count == 0 ? 20 : query.Properties is [{ Value.Length: > 10 }] ? 5 : 10, whole.Count);
        }
    }

    private static Image Shared(string name, long? size) => new()
    {
        Id = Units.NewId(), Name = name, Owner = "they", Visibility = ImageVisibility.Shared, Status = ImageStatus.Active, Size = size, DiskFormat = "qcow2",
    };
}
