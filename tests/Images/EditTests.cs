using GlanceGateway.Registry;

namespace GlanceGateway.Images.Tests;

/// <summary>Changing attributes and tags.</summary>
public sealed class EditTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(EditOperation.Add, false, "set", "set", "set")]
    [InlineData(EditOperation.Add, true, "Conflict", "Conflict", "set")]
    [InlineData(EditOperation.Replace, false, "set", "set", "Conflict")]
    [InlineData(EditOperation.Replace, true, "set", "set", "Conflict")]
    [InlineData(EditOperation.Remove, false, "Forbidden", "gone", "Conflict")]
    [InlineData(EditOperation.Remove, true, "Forbidden", "gone", "Conflict")]
    public async Task An_edit_does_what_its_dialect_says(EditOperation operation, bool older, string onBase, string onCustom, string onAbsent)
    {
        await using var world = await ImageWorld.OpenAsync();
        var results = new List<string>();
        foreach (var name in ImageWorld.Words("name", "custom", "absent"))
        {
            var image = await world.CreateAsync(null, ("name", "before"), ("custom", "before"));
            try
            {
                var value = operation == EditOperation.Remove ? default : ImageWorld.Json("after");
                await world.EditAsync(image, ImageWorld.Owner, new ImageEdit(operation, name, null, value, older));
                var now = await world.FindAsync(image);
                var there = name == "name" ? now.Name : now.Properties.FirstOrDefault(p => p.Key == name).Value;
                results.Add(there switch { "after" => "set", null => "gone", var other => other });
            }
            catch (ImageException refusal)
            {
                var now = await world.FindAsync(image);
                Assert.Equal((image.Version, image.Name), (now.Version, now.Name));
                Assert.Equal(image.Properties, now.Properties);
                results.Add($"{refusal.Error}");
            }
        }

        Assert.Equal([onBase, onCustom, onAbsent], results);
    }

    [Theory]
    [InlineData(EditOperation.Remove, "name", "Property name may not be removed.")]
    [InlineData(EditOperation.Remove, "nope", "Property nope does not exist.")]
    [InlineData(EditOperation.Replace, "nope", "Property nope does not exist.")]
    [InlineData(EditOperation.Replace, "status", "Attribute 'status' is read-only.")]
    [InlineData(EditOperation.Replace, "id", "Attribute 'id' is read-only.")]
    [InlineData(EditOperation.Add, "stores", "Attribute 'stores' is read-only.")]
    [InlineData(EditOperation.Remove, "self", "Attribute 'self' is read-only.")]
    [InlineData(EditOperation.Add, "os_hash_value", "Attribute 'os_hash_value' is read-only.")]
    [InlineData(EditOperation.Add, "os_glance_failed_import", "Attribute 'os_glance_failed_import' is reserved.")]
    [InlineData(EditOperation.Remove, "os_glance_failed_import", "Attribute 'os_glance_failed_import' is reserved.")]
    [InlineData(EditOperation.Add, "deleted_at", "Attribute 'deleted_at' is reserved.")]
    public async Task Refusals_read_as_glances(EditOperation operation, string name, string message)
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        var refusal = await Assert.ThrowsAsync<ImageException>(
            () => world.EditAsync(image, ImageWorld.Admin, new ImageEdit(operation, name, null, ImageWorld.Json("x"))));
        Assert.Equal(message, refusal.Message);
    }

    [Theory]
    [InlineData(EditOperation.Add)]
    [InlineData(EditOperation.Replace)]
    [InlineData(EditOperation.Remove)]
    public async Task Locations_are_nobodys_to_edit(EditOperation operation)
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        await world.UploadAsync(image, [1]);
        var edit = new ImageEdit(operation, "locations", "0", ImageWorld.Json(new[] { new { url = "file:///etc/passwd", metadata = new { } } }));
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(world.EditAsync(image, ImageWorld.Admin, edit)));
    }

    [Fact]
    public async Task Every_base_attribute_can_be_replaced()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        var now = await world.EditAsync(
            image, ImageWorld.Admin,
            ImageWorld.Replace("name", null), ImageWorld.Replace("visibility", "public"), ImageWorld.Replace("protected", true),
            ImageWorld.Replace("os_hidden", true), ImageWorld.Replace("owner", "p-other"), ImageWorld.Replace("container_format", "ova"),
            ImageWorld.Replace("disk_format", null), ImageWorld.Replace("min_ram", 7), ImageWorld.Replace("min_disk", 8),
            ImageWorld.Replace("tags", ImageWorld.Words("z", "z", "y")));
        Assert.Equal((null, ImageVisibility.Public, true, true, "p-other"), (now.Name, now.Visibility, now.Protected, now.Hidden, now.Owner));
        Assert.Equal(("ova", null, 7, 8), (now.ContainerFormat, now.DiskFormat, now.MinRam, now.MinDisk));
        Assert.Equal(["z", "y"], now.Tags);
    }

    [Fact]
    public async Task Edits_see_what_those_before_them_did_and_happen_all_or_none()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync(null, ("a", "1"));
        var now = await world.EditAsync(
            image, ImageWorld.Owner, ImageWorld.Remove("a"), ImageWorld.Add("a", "2"), ImageWorld.Replace("a", "3"), ImageWorld.Add("b", "4"), ImageWorld.Remove("b"));
        Assert.Equal([new("a", "3")], now.Properties);

        Assert.Equal(
            ImageError.Conflict,
            await ImageWorld.RefusalAsync(world.EditAsync(image, ImageWorld.Owner, ImageWorld.Replace("name", "new"), ImageWorld.Remove("a"), ImageWorld.Remove("a"))));
        Assert.Null((await world.FindAsync(image)).Name);
    }

    [Fact]
    public async Task No_edits_change_nothing()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        var now = await world.EditAsync(image, ImageWorld.Owner);
        Assert.Equal((image.UpdatedAt, image.Version), (now.UpdatedAt, now.Version));
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(world.EditAsync(image, ImageWorld.Reader)));
        Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(world.EditAsync(image, ImageWorld.Stranger)));
    }

    [Fact]
    public async Task Who_may_edit()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        await world.Images.Members.AddAsync(ImageWorld.Owner, image.Id, "p-member", Token);
        var edit = ImageWorld.Add("k", "v");
        await world.EditAsync(image, ImageWorld.Owner, edit);
        await world.EditAsync(image, ImageWorld.Admin, edit);
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(world.EditAsync(image, ImageWorld.Member, edit)));
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(world.EditAsync(image, ImageWorld.Reader, edit)));
        Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(world.EditAsync(image, ImageWorld.Stranger, edit)));
        await world.Images.Catalog.DeleteAsync(ImageWorld.Owner, image.Id, Token);
        Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(world.EditAsync(image, ImageWorld.Owner, edit)));
    }

    [Theory]
    [InlineData("disk_format", "ploop")]
    [InlineData("container_format", "ova")]
    public async Task Formats_are_fixed_once_data_comes(string name, string value)
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        await world.EditAsync(image, ImageWorld.Owner, ImageWorld.Replace(name, value));
        await world.UploadAsync(image, [1]);
        foreach (var edit in new[] { ImageWorld.Add(name, value), ImageWorld.Replace(name, value), ImageWorld.Replace(name, null) })
        {
            var refusal = await Assert.ThrowsAsync<ImageException>(() => world.EditAsync(image, ImageWorld.Admin, edit));
            Assert.Equal((ImageError.Forbidden, $"Attribute {name} can be only replaced for a queued image."), (refusal.Error, refusal.Message));
        }

        await world.EditAsync(image, ImageWorld.Owner, ImageWorld.Replace("name", "still"));
    }

    [Theory]
    [InlineData(EditOperation.Add)]
    [InlineData(EditOperation.Replace)]
    [InlineData(EditOperation.Remove)]
    public async Task Only_administrators_move_images_to_another_owner(EditOperation operation)
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        foreach (var owner in new[] { "p-victim", "p-owner", null })
        {
            var edit = new ImageEdit(operation, "owner", null, ImageWorld.Json(owner));
            Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(world.EditAsync(image, ImageWorld.Owner, edit)));
        }

        Assert.Equal("p-owner", (await world.FindAsync(image)).Owner);
        if (operation != EditOperation.Remove)
        {
            await world.EditAsync(image, ImageWorld.Admin, new ImageEdit(operation, "owner", null, ImageWorld.Json("p-stranger")));
            Assert.Equal("p-stranger", (await world.FindAsync(image, ImageWorld.Stranger)).Owner);
            Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(world.FindAsync(image)));
        }
    }

    [Fact]
    public async Task Publishing_is_for_administrators_and_the_community_for_owners()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        var refusal = await Assert.ThrowsAsync<ImageException>(() => world.EditAsync(image, ImageWorld.Owner, ImageWorld.Replace("visibility", "public")));
        Assert.Equal((ImageError.Forbidden, "You are not authorized to complete publicize_image action."), (refusal.Error, refusal.Message));
        await world.EditAsync(image, ImageWorld.Owner, ImageWorld.Replace("visibility", "community"));
        await world.EditAsync(image, ImageWorld.Admin, ImageWorld.Replace("visibility", "public"));

        // The owner goes on as owner of an image that an administrator made public, and may take it back.
        await world.EditAsync(image, ImageWorld.Owner, ImageWorld.Replace("name", "mine"));
        await world.EditAsync(image, ImageWorld.Owner, ImageWorld.Replace("visibility", "private"));
        Assert.Equal(ImageError.Invalid, await ImageWorld.RefusalAsync(world.EditAsync(image, ImageWorld.Owner, ImageWorld.Replace("visibility", null))));
    }

    [Fact]
    public async Task Quotas_stop_growth_only()
    {
        await using var generous = await ImageWorld.OpenAsync();
        var image = await generous.CreateAsync(null, ("a", "1"), ("b", "2"), ("c", "3"), ("tags", ImageWorld.Words("x", "y", "z")));
        await using var world = await generous.OpenSecondAsync(TimeProvider.System, "instance-b", new ImageOptions { PropertyQuota = 2, TagQuota = 2 });
        await world.EditAsync(image, ImageWorld.Owner, ImageWorld.Replace("name", "kept"), ImageWorld.Replace("a", "changed"), ImageWorld.Replace("tags", ImageWorld.Words("1", "2", "3")));
        Assert.Equal(ImageError.TooLarge, await ImageWorld.RefusalAsync(world.EditAsync(image, ImageWorld.Owner, ImageWorld.Add("d", "4"))));
        Assert.Equal(ImageError.TooLarge, await ImageWorld.RefusalAsync(world.Images.Catalog.AddTagAsync(ImageWorld.Owner, image.Id, "new", Token)));
        await world.EditAsync(image, ImageWorld.Owner, ImageWorld.Remove("a"), ImageWorld.Remove("b"), ImageWorld.Add("d", "4"));
        Assert.Equal(["c", "d"], (await world.FindAsync(image)).Properties.Select(p => p.Key));
    }

    [Fact]
    public async Task Concurrent_edits_of_one_image_all_win()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        var names = Enumerable.Range(0, 40).Select(n => $"k{n:00}").ToArray();
        await Task.WhenAll(names.Select(name => Task.Run(() => world.EditAsync(image, ImageWorld.Owner, ImageWorld.Add(name, name)), Token)));
        await Task.WhenAll(names.Select(name => Task.Run(() => world.Images.Catalog.AddTagAsync(ImageWorld.Owner, image.Id, name, Token), Token)));
        var now = await world.FindAsync(image);
        Assert.Equal(names, now.Properties.Select(p => p.Key).Order());
        Assert.Equal(names, now.Tags.Order());
    }

    [Fact]
    public async Task Tags_are_a_set()
    {
        await using var world = await ImageWorld.OpenAsync(new ImageOptions { TagQuota = 3 });
        var image = await world.CreateAsync(null, ("tags", ImageWorld.Words("a")));
        var catalog = world.Images.Catalog;
        await catalog.AddTagAsync(ImageWorld.Owner, image.Id, "b", Token);
        var before = await world.FindAsync(image);
        await catalog.AddTagAsync(ImageWorld.Owner, image.Id, "b", Token);
        Assert.Equal(before.Version, (await world.FindAsync(image)).Version);
        await catalog.AddTagAsync(ImageWorld.Owner, image.Id, "B", Token);
        Assert.Equal(["a", "b", "B"], (await world.FindAsync(image)).Tags);
        Assert.Equal(ImageError.TooLarge, await ImageWorld.RefusalAsync(catalog.AddTagAsync(ImageWorld.Owner, image.Id, "c", Token)));
        await catalog.AddTagAsync(ImageWorld.Owner, image.Id, "a", Token);
        await catalog.RemoveTagAsync(ImageWorld.Owner, image.Id, "b", Token);
        Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(catalog.RemoveTagAsync(ImageWorld.Owner, image.Id, "b", Token)));
        foreach (var tag in new[] { new string('t', 256), "a\0b", "a\ud800b" })
        {
            Assert.Equal(ImageError.Invalid, await ImageWorld.RefusalAsync(catalog.AddTagAsync(ImageWorld.Owner, image.Id, tag, Token)));
        }

        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(catalog.AddTagAsync(ImageWorld.Reader, image.Id, "r", Token)));
        Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(catalog.AddTagAsync(ImageWorld.Stranger, image.Id, "s", Token)));
        Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(catalog.RemoveTagAsync(ImageWorld.Stranger, image.Id, "a", Token)));
        Assert.Equal(["a", "B"], (await world.FindAsync(image)).Tags);
    }
}
