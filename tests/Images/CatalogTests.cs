using System.Text.Json;
using GlanceGateway.Registry;

namespace GlanceGateway.Images.Tests;

/// <summary>Creating, seeing and listing.</summary>
public sealed class CatalogTests
{
    private const string Emoji = "\U0001F600";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_new_image_has_the_defaults()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.Images.Catalog.CreateAsync(ImageWorld.Owner, [], Token);
        Assert.True(Guid.TryParseExact(image.Id, "D", out _));
        Assert.Equal(ImageStatus.Queued, image.Status);
        Assert.Equal(ImageVisibility.Shared, image.Visibility);
        Assert.Equal("p-owner", image.Owner);
        Assert.Equal((null, null, null, null, null), (image.Name, image.DiskFormat, image.ContainerFormat, image.Size, image.Checksum));
        Assert.Equal((0, 0, false, false), (image.MinDisk, image.MinRam, image.Protected, image.Hidden));
        Assert.Empty(image.Tags);
        Assert.Empty(image.Properties);
        Assert.Equal(image.CreatedAt, image.UpdatedAt);
        Assert.Equal(image.Id, (await world.FindAsync(image)).Id);
    }

    [Fact]
    public async Task What_is_given_is_kept()
    {
        await using var world = await ImageWorld.OpenAsync();
        var id = Guid.NewGuid().ToString();
        var image = await world.CreateAsync(
            null, ("id", id), ("name", "deb"), ("visibility", "private"), ("protected", true), ("os_hidden", true), ("min_ram", 5),
            ("min_disk", int.MaxValue), ("tags", ImageWorld.Words("a", "b", "a")), ("os_distro", "debian"), ("kernel_id", null), ("k", ""));
        image = await world.FindAsync(image);
        Assert.Equal((id, "deb", ImageVisibility.Private, true, true), (image.Id, image.Name, image.Visibility, image.Protected, image.Hidden));
        Assert.Equal((5, int.MaxValue), (image.MinRam, image.MinDisk));
        Assert.Equal(["a", "b"], image.Tags);
        Assert.Equal([new("os_distro", "debian"), new("kernel_id", null), new("k", "")], image.Properties);
    }

    [Theory]
    [InlineData("status", "active", "read-only")]
    [InlineData("size", "1", "read-only")]
    [InlineData("virtual_size", "1", "read-only")]
    [InlineData("checksum", "x", "read-only")]
    [InlineData("created_at", "x", "read-only")]
    [InlineData("updated_at", "x", "read-only")]
    [InlineData("os_hash_algo", "x", "read-only")]
    [InlineData("os_hash_value", "x", "read-only")]
    [InlineData("direct_url", "x", "read-only")]
    [InlineData("self", "x", "read-only")]
    [InlineData("file", "x", "read-only")]
    [InlineData("schema", "x", "read-only")]
    [InlineData("stores", "x", "read-only")]
    [InlineData("location", "x", "reserved")]
    [InlineData("locations", "x", "reserved")]
    [InlineData("deleted", "x", "reserved")]
    [InlineData("deleted_at", "x", "reserved")]
    [InlineData("os_glance_x", "x", "reserved")]
    [InlineData("os_glancex", "x", "reserved")]
    public async Task Names_that_are_the_gateways_are_refused(string name, string value, string kind)
    {
        await using var world = await ImageWorld.OpenAsync();
        var refusal = await Assert.ThrowsAsync<ImageException>(() => world.CreateAsync(null, (name, value)));
        Assert.Equal(ImageError.Forbidden, refusal.Error);
        Assert.Equal($"Attribute '{name}' is {kind}.", refusal.Message);
    }

    [Theory]
    [InlineData("name", "1")]
    [InlineData("name", "{}")]
    [InlineData("name", "\"a\\u0000b\"")]
    [InlineData("name", "\"\\ud800\"")]
    [InlineData("visibility", "null")]
    [InlineData("visibility", "\"secret\"")]
    [InlineData("visibility", "\"Public\"")]
    [InlineData("protected", "\"true\"")]
    [InlineData("protected", "1")]
    [InlineData("os_hidden", "null")]
    [InlineData("owner", "1")]
    [InlineData("disk_format", "\"zzz\"")]
    [InlineData("container_format", "\"RAW\"")]
    [InlineData("min_ram", "-1")]
    [InlineData("min_ram", "2147483648")]
    [InlineData("min_ram", "99999999999999999999999")]
    [InlineData("min_disk", "1.5")]
    [InlineData("min_disk", "\"1\"")]
    [InlineData("min_disk", "null")]
    [InlineData("tags", "\"a\"")]
    [InlineData("tags", "null")]
    [InlineData("tags", "[1]")]
    [InlineData("tags", "[\"a\", null]")]
    [InlineData("tags", "[\"\\u0000\"]")]
    [InlineData("tags", "[\"\\udc00x\"]")]
    [InlineData("id", "\"nope\"")]
    [InlineData("id", "null")]
    [InlineData("id", "\"c0ffee00-0000-4000-8000-00006b031ca9\\n\"")]
    [InlineData("kernel_id", "\"nope\"")]
    [InlineData("ramdisk_id", "\"c0ffee00-0000-4000-8000-00006b031ca9\\n\"")]
    [InlineData("cinder_encryption_key_deletion_policy", "\"maybe\"")]
    [InlineData("foo", "1")]
    [InlineData("foo", "null")]
    [InlineData("foo", "[]")]
    [InlineData("foo", "\"\\u0000\"")]
    [InlineData("foo", "\"\\ud800x\"")]
    [InlineData("", "\"x\"")]
    [InlineData("a\0b", "\"x\"")]
    public async Task Values_that_do_not_fit_the_schema_are_refused(string name, string json)
    {
        await using var world = await ImageWorld.OpenAsync();
        using var value = JsonDocument.Parse(json);
        Assert.Equal(
            ImageError.Invalid,
            await ImageWorld.RefusalAsync(world.Images.Catalog.CreateAsync(ImageWorld.Owner, [new(name, value.RootElement)], Token)));
    }

    [Fact]
    public async Task Half_a_surrogate_pair_in_a_name_is_refused()
    {
        await using var world = await ImageWorld.OpenAsync();
        Assert.Equal(ImageError.Invalid, await ImageWorld.RefusalAsync(world.CreateAsync(null, ("a\ud800", "x"))));
    }

    [Fact]
    public async Task Lengths_are_counted_in_characters_not_in_code_units()
    {
        await using var world = await ImageWorld.OpenAsync();
        var longest = string.Concat(Enumerable.Repeat(Emoji, 255));
        var image = await world.FindAsync(await world.CreateAsync(null, ("name", longest), ("tags", ImageWorld.Words(longest)), (longest, longest + longest)));
        Assert.Equal(longest, image.Name);
        Assert.Equal([longest], image.Tags);
        Assert.Equal([new(longest, longest + longest)], image.Properties);

        foreach (var (name, value) in new (string, object)[]
        {
            ("name", longest + "x"), ("name", new string('n', 256)), ("tags", ImageWorld.Words(longest + "x")), ("owner", new string('o', 256)), (longest + "x", "v"),
        })
        {
            Assert.Equal(ImageError.Invalid, await ImageWorld.RefusalAsync(world.CreateAsync(ImageWorld.Admin, (name, value))));
        }

        Assert.Equal(new string('n', 255), (await world.CreateAsync(null, ("name", new string('n', 255)))).Name);
    }

    [Fact]
    public async Task Only_administrators_create_for_others()
    {
        await using var world = await ImageWorld.OpenAsync();
        Assert.Equal("p-owner", (await world.CreateAsync(null, ("owner", "p-owner"))).Owner);
        var refusal = await Assert.ThrowsAsync<ImageException>(() => world.CreateAsync(null, ("owner", "zz")));
        Assert.Equal(ImageError.Forbidden, refusal.Error);
        Assert.Equal("You are not permitted to create images owned by 'zz'.", refusal.Message);
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(world.CreateAsync(null, ("owner", ""))));
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(world.CreateAsync(null, ("owner", null))));
        Assert.Equal("zz", (await world.CreateAsync(ImageWorld.Admin, ("owner", "zz"))).Owner);
        Assert.Null((await world.CreateAsync(ImageWorld.Admin, ("owner", ""))).Owner);
        Assert.Equal("p-admin", (await world.CreateAsync(ImageWorld.Admin)).Owner);
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(world.CreateAsync(ImageWorld.Reader)));
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(world.CreateAsync(new Caller(null, "u", ["member", "reader"]))));
    }

    [Fact]
    public async Task Only_administrators_create_public_images()
    {
        await using var world = await ImageWorld.OpenAsync();
        var refusal = await Assert.ThrowsAsync<ImageException>(() => world.CreateAsync(null, ("visibility", "public")));
        Assert.Equal((ImageError.Forbidden, "You are not authorized to complete publicize_image action."), (refusal.Error, refusal.Message));
        Assert.Equal(ImageVisibility.Public, (await world.CreateAsync(ImageWorld.Admin, ("visibility", "public"))).Visibility);
        Assert.Equal(ImageVisibility.Community, (await world.CreateAsync(null, ("visibility", "community"))).Visibility);
    }

    [Fact]
    public async Task An_id_is_used_once_for_ever()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        var refusal = await Assert.ThrowsAsync<ImageException>(() => world.CreateAsync(ImageWorld.Stranger, ("id", image.Id)));
        Assert.Equal((ImageError.Conflict, $"Image ID {image.Id} already exists!"), (refusal.Error, refusal.Message));
        await world.Images.Catalog.DeleteAsync(ImageWorld.Owner, image.Id, Token);
        Assert.Equal(ImageError.Conflict, await ImageWorld.RefusalAsync(world.CreateAsync(null, ("id", image.Id))));
    }

    [Fact]
    public async Task Quotas_hold_at_creation()
    {
        await using var world = await ImageWorld.OpenAsync(new ImageOptions { PropertyQuota = 2, TagQuota = 2 });
        await world.CreateAsync(null, ("a", "1"), ("b", "2"), ("tags", ImageWorld.Words("x", "y", "x")));
        Assert.Equal(ImageError.TooLarge, await ImageWorld.RefusalAsync(world.CreateAsync(null, ("a", "1"), ("b", "2"), ("c", "3"))));
        Assert.Equal(ImageError.TooLarge, await ImageWorld.RefusalAsync(world.CreateAsync(null, ("tags", ImageWorld.Words("x", "y", "z")))));

        await using var unlimited = await ImageWorld.OpenAsync(new ImageOptions { PropertyQuota = -1, TagQuota = -1 });
        await unlimited.CreateAsync(null, [("tags", Enumerable.Range(0, 300).Select(n => $"{n}")), .. Enumerable.Range(0, 300).Select(n => ($"k{n}", (object?)"v"))]);
    }

    [Fact]
    public async Task Who_sees_an_image_by_id_and_in_lists()
    {
        await using var world = await ImageWorld.OpenAsync();
        var pending = new Caller("p-pending", "u", ["member", "reader"]);
        var rejected = new Caller("p-rejected", "u", ["member", "reader"]);
        var unscoped = new Caller(null, "u", ["member", "reader"]);
        var noRoles = new Caller("p-owner", "u", []);

        // By visibility: who gets it by id, who has it in the default list, who has it in the list of all.
        (string Visibility, string? Owner, string ById, string Listed, string ListedAmongAll)[] table =
        [
            ("private", "p-owner", "OR A", "OR A", "OR A"),
            ("shared", "p-owner", "OR A MPJ", "OR A M", "OR A M"),
            ("community", "p-owner", "OR A MPJ S U", "OR", "OR A MPJ S"),
            ("public", "p-owner", "OR A MPJ S U", "OR A MPJ S", "OR A MPJ S"),
            ("shared", "", "OR A MPJ S U", "OR A MPJ S", "OR A MPJ S"),
            ("private", "", "OR A MPJ S U", "OR A MPJ S", "OR A MPJ S"),
        ];
        (char Letter, Caller Caller)[] callers =
        [
            ('O', ImageWorld.Owner), ('R', ImageWorld.Reader), ('A', ImageWorld.Admin), ('M', ImageWorld.Member), ('P', pending), ('J', rejected),
            ('S', ImageWorld.Stranger), ('U', unscoped), ('N', noRoles),
        ];
        foreach (var (visibility, owner, byId, listed, listedAmongAll) in table)
        {
            var image = await world.CreateAsync(ImageWorld.Admin, ("owner", owner));
            foreach (var member in new[] { ImageWorld.Member, pending, rejected })
            {
                await world.Images.Members.AddAsync(ImageWorld.Admin, image.Id, member.ProjectId!, Token);
            }

            await world.Images.Members.SetStatusAsync(ImageWorld.Member, image.Id, "p-member", MemberStatus.Accepted, Token);
            await world.Images.Members.SetStatusAsync(rejected, image.Id, "p-rejected", MemberStatus.Rejected, Token);
            await world.EditAsync(image, ImageWorld.Admin, ImageWorld.Replace("visibility", visibility));

            var seen = new List<char>();
            var inList = new List<char>();
            var amongAll = new List<char>();
            foreach (var (letter, caller) in callers)
            {
                if (await SeesAsync(world, caller, image))
                {
                    seen.Add(letter);
                }

                if (letter is 'U' or 'N')
                {
                    Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(ListAsync(world, caller, VisibilityFilter.Default)));
                    continue;
                }

                if ((await ListAsync(world, caller, VisibilityFilter.Default)).Contains(image.Id))
                {
                    inList.Add(letter);
                }

                if ((await ListAsync(world, caller, VisibilityFilter.All)).Contains(image.Id))
                {
                    amongAll.Add(letter);
                }
            }

            var what = $"{visibility} of {owner}: ";
            Assert.Equal(what + byId.Replace(" ", ""), what + string.Concat(seen));
            Assert.Equal(what + listed.Replace(" ", ""), what + string.Concat(inList));
            Assert.Equal(what + listedAmongAll.Replace(" ", ""), what + string.Concat(amongAll));
        }
    }

    [Fact]
    public async Task What_may_not_be_seen_is_refused_like_what_is_not_there()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        var unseen = await Assert.ThrowsAsync<ImageException>(() => world.FindAsync(image, ImageWorld.Stranger));
        var absent = await Assert.ThrowsAsync<ImageException>(() => world.Images.Catalog.GetAsync(ImageWorld.Owner, "nope", Token));
        Assert.Equal((ImageError.NotFound, $"No image found with ID {image.Id}"), (unseen.Error, unseen.Message));
        Assert.Equal((ImageError.NotFound, "No image found with ID nope"), (absent.Error, absent.Message));
    }

    [Fact]
    public async Task A_list_looks_through_its_callers_eyes_whatever_the_query_says()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync(null, ("visibility", "private"));
        var query = new ImageQuery { Viewer = new ImageViewer("p-owner", SeesEverything: true) };
        Assert.Empty(await world.Images.Catalog.ListAsync(ImageWorld.Stranger, query, Token));
        var refusal = await Assert.ThrowsAsync<ImageException>(
            () => world.Images.Catalog.ListAsync(ImageWorld.Stranger, query with { Marker = image.Id }, Token));
        Assert.Equal(ImageError.Invalid, refusal.Error);
    }

    private static async Task<bool> SeesAsync(ImageWorld world, Caller caller, Image image)
    {
        try
        {
            await world.FindAsync(image, caller);
            return true;
        }
        catch (ImageException refusal) when (refusal.Error == ImageError.NotFound)
        {
            return false;
        }
    }

    private static async Task<IReadOnlyList<string>> ListAsync(ImageWorld world, Caller caller, VisibilityFilter visibility) =>
        [.. (await world.Images.Catalog.ListAsync(caller, new ImageQuery { Viewer = caller.Viewer, Visibility = visibility, Limit = 100 }, Token)).Select(i => i.Id)];
}
