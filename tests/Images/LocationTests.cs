using System.Security.Cryptography;
using GlanceGateway.Registry;

namespace GlanceGateway.Images.Tests;

/// <summary>Data that lies in a store already, added to an image by its location; copies removed.</summary>
public sealed class LocationTests
{
    private static readonly Caller service = new("p-owner", "nova", ["service", "member", "reader"]);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task With_proof_an_image_becomes_active_when_its_data_is_what_was_said()
    {
        await using var world = await ImageWorld.OpenAsync();
        var (url, data) = await PlaceAsync(world);
        var image = await world.CreateAsync();
        await world.Images.Locations.AddAsync(service, image.Id, url, LocationClaim.Of("sha256", Convert.ToHexString(SHA256.HashData(data))), Token);
        var active = await StatusAsync(world, image, ImageStatus.Active);
        Assert.Equal((data.LongLength, Convert.ToHexStringLower(MD5.HashData(data)), "sha512", Convert.ToHexStringLower(SHA512.HashData(data))),
            (active.Size, active.Checksum, active.HashAlgorithm, active.HashValue));
        Assert.Equal(data, await world.ReadAsync(image));
        Assert.Equal(url, Assert.Single(await world.Images.Locations.ListAsync(service, image.Id, Token)).Url);
    }

    [Fact]
    public async Task Data_that_is_not_what_was_said_leaves_the_image_queued_and_the_data_where_it_was()
    {
        await using var world = await ImageWorld.OpenAsync();
        var (url, _) = await PlaceAsync(world);
        var image = await world.CreateAsync();
        await world.Images.Locations.AddAsync(service, image.Id, url, LocationClaim.Of("sha512", new string('0', 128)), Token);
        var queued = await StatusAsync(world, image, ImageStatus.Queued);
        Assert.Empty(queued.Locations);
        Assert.Null(queued.HashValue);
        await world.Images.Locations.AddAsync(service, image.Id, url, null, Token);
        Assert.Equal(ImageStatus.Active, (await world.FindAsync(image)).Status);
    }

    [Fact]
    public async Task Without_proof_an_image_is_active_at_once_and_its_hashes_follow()
    {
        await using var world = await ImageWorld.OpenAsync();
        var (url, data) = await PlaceAsync(world);
        var image = await world.CreateAsync();
        await world.Images.Locations.AddAsync(service, image.Id, url, null, Token);
        Assert.Equal(ImageStatus.Active, (await world.FindAsync(image)).Status);
        await UntilAsync(async () => (await world.FindAsync(image)).HashValue == Convert.ToHexStringLower(SHA512.HashData(data)));
    }

    [Fact]
    public async Task What_a_dead_gateway_was_proving_is_proven_by_the_next()
    {
        await using var world = await ImageWorld.OpenAsync();
        var (url, data) = await PlaceAsync(world);
        var image = await world.CreateAsync();
        await world.Registry.WriteAsync(
            async (tx, ct) =>
            {
                var now = (await tx.FindImageAsync(image.Id, ct))!;
                await tx.AddLocationAsync(image.Id, new ImageLocation(0, "small", url, new Dictionary<string, string>()), ct);
                await tx.UpdateImageAsync(now with { Status = ImageStatus.Importing, HashAlgorithm = "sha512", HashValue = Convert.ToHexStringLower(SHA512.HashData(data)) }, ct);
                await tx.InsertIntentAsync(new StoreIntent(new string('a', 32), IntentKind.Verify, image.Id, "small", url, $"hash/{image.Id}", false, tx.Now), ct);
                return true;
            },
            Token);
        await world.Images.Sweeper.SweepAsync(ownToo: true, Token);
        await StatusAsync(world, image, ImageStatus.Active);
    }

    [Theory]
    [InlineData("file:///etc/passwd")]
    [InlineData("filesystem:///etc/passwd")]
    [InlineData("swift+config://ref/container/object")]
    [InlineData("nosuch://x/y")]
    [InlineData("memory://user:secret@small/x")]
    [InlineData("memory://small/../x")]
    [InlineData("memory://small/absent")]
    [InlineData("memory:small")]
    [InlineData("memory://small/a b")]
    [InlineData("http://127.0.0.1:1/x")]
    public async Task What_is_no_place_for_data_of_users_is_refused(string url)
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        Assert.Equal(ImageError.Invalid, await ImageWorld.RefusalAsync(world.Images.Locations.AddAsync(service, image.Id, url, null, Token)));
        Assert.Equal(ImageStatus.Queued, (await world.FindAsync(image)).Status);
    }

    [Fact]
    public async Task Data_of_another_image_is_refused()
    {
        await using var world = await ImageWorld.OpenAsync();
        var other = await world.CreateAsync();
        await world.UploadAsync(other, [1, 2, 3], store: "small");
        var image = await world.CreateAsync();
        var url = Assert.Single((await world.FindAsync(other)).Locations).Url;
        Assert.Equal(ImageError.Invalid, await ImageWorld.RefusalAsync(world.Images.Locations.AddAsync(service, image.Id, url, null, Token)));
    }

    [Fact]
    public async Task Only_services_add_places_that_are_not_on_the_web_and_only_to_queued_images()
    {
        await using var world = await ImageWorld.OpenAsync();
        var (url, _) = await PlaceAsync(world);
        var image = await world.CreateAsync();
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(world.Images.Locations.AddAsync(ImageWorld.Owner, image.Id, url, null, Token)));
        Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(world.Images.Locations.AddAsync(ImageWorld.Stranger, image.Id, url, null, Token)));
        await world.Images.Locations.AddAsync(ImageWorld.Owner.Through(service), image.Id, url, null, Token);
        Assert.Equal(ImageError.Conflict, await ImageWorld.RefusalAsync(world.Images.Locations.AddAsync(service, image.Id, url, null, Token)));
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(world.Images.Locations.ListAsync(ImageWorld.Owner, image.Id, Token)));
    }

    [Fact]
    public async Task A_copy_in_one_store_goes_the_last_one_stays()
    {
        await using var world = await ImageWorld.OpenAsync(new ImageOptions { ShowMultipleLocations = true });
        var data = new byte[] { 1, 2, 3 };
        var image = await world.CreateAsync();
        await world.UploadAsync(image, data);
        Assert.Equal(ImageError.Forbidden, await RemoveAsync("disk"));
        Assert.Equal(ImageError.NotFound, await RemoveAsync("small"));
        Assert.Equal(ImageError.Conflict, await RemoveAsync("nosuch"));
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(world.Images.Locations.RemoveFromStoreAsync(ImageWorld.Owner, image.Id, "disk", Token)));

        var (url, _) = await PlaceAsync(world, data);
        await world.EditAsync(image, ImageWorld.Owner, AddLocation(url));
        Assert.Equal(["disk", "small"], (await world.FindAsync(image)).Locations.Select(location => location.Store));
        await world.Images.Locations.RemoveFromStoreAsync(ImageWorld.Admin, image.Id, "disk", Token);
        Assert.Equal(["small"], (await world.FindAsync(image)).Locations.Select(location => location.Store));
        Assert.Empty(world.Files);
        Assert.Equal(data, await world.ReadAsync(image));

        async Task<ImageError> RemoveAsync(string store) => await ImageWorld.RefusalAsync(world.Images.Locations.RemoveFromStoreAsync(ImageWorld.Admin, image.Id, store, Token));
    }

    [Fact]
    public async Task Locations_are_edited_only_when_they_are_shown_and_never_give_an_active_image_other_data()
    {
        await using var closed = await ImageWorld.OpenAsync();
        var hidden = await closed.CreateAsync();
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(closed.EditAsync(hidden, ImageWorld.Owner, AddLocation("memory://small/x"))));

        await using var world = await ImageWorld.OpenAsync(new ImageOptions { ShowMultipleLocations = true, ShowDirectUrl = true, LocationQuota = 2 });
        var (url, data) = await PlaceAsync(world);
        var image = await world.CreateAsync();
        await world.EditAsync(image, ImageWorld.Owner, AddLocation(url), ImageWorld.Replace("name", "n"));
        var active = await world.FindAsync(image);
        Assert.Equal((ImageStatus.Active, "n", data.LongLength), (active.Status, active.Name, active.Size));
        Assert.Equal(url, world.Images.Locations.Show(ImageWorld.Owner, active).DirectUrl);
        Assert.Null(world.Images.Locations.Show(ImageWorld.Stranger, active).DirectUrl);

        var (other, _) = await PlaceAsync(world, [.. data.Reverse()]);
        await UntilAsync(async () => (await world.FindAsync(image)).HashValue is not null);
        Assert.Equal(ImageError.Conflict, await ImageWorld.RefusalAsync(world.EditAsync(image, ImageWorld.Owner, AddLocation(other))));
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(world.EditAsync(image, ImageWorld.Owner, ImageWorld.Replace("locations", Array.Empty<string>()))));
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(world.EditAsync(image, ImageWorld.Owner, new ImageEdit(EditOperation.Remove, "locations", "0", default))));
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(world.EditAsync(image, ImageWorld.Admin, new ImageEdit(EditOperation.Remove, "locations", "0", default))));
        await world.EditAsync(image, ImageWorld.Owner, ImageWorld.Replace("locations", new object[] { new { url, metadata = new { a = "b" } } }));
        Assert.Equal("b", Assert.Single((await world.FindAsync(image)).Locations).Metadata["a"]);
    }

    [Fact]
    public async Task Location_is_added_to_an_image_that_is_changed_at_the_same_time()
    {
        await using var world = await ImageWorld.OpenAsync(new ImageOptions { ShowMultipleLocations = true });
        for (var round = 0; round < 20; round++)
        {
            var (url, data) = await PlaceAsync(world);
            var (other, _) = await PlaceAsync(world, data);
            var image = await world.CreateAsync();
            await world.EditAsync(image, ImageWorld.Owner, AddLocation(url));

            // Besides the rename there is the hash of the first location, which ends now.
            await Task.WhenAll(
                Task.Run(() => world.EditAsync(image, ImageWorld.Owner, AddLocation(other)), Token),
                Task.Run(() => world.EditAsync(image, ImageWorld.Owner, ImageWorld.Replace("name", "n")), Token));

            var now = await world.FindAsync(image);
            Assert.Equal(("n", url, other), (now.Name, now.Locations[0].Url, now.Locations[1].Url));
            await world.Images.Catalog.DeleteAsync(ImageWorld.Owner, image.Id, Token);
        }
    }

    private static ImageEdit AddLocation(string url) =>
        new(EditOperation.Add, "locations", "-", ImageWorld.Json(new { url, metadata = new Dictionary<string, string>() }));

    /// <summary>Data in the store of memory that no image of the registry has.</summary>
    private static async Task<(string Url, byte[] Data)> PlaceAsync(ImageWorld world, byte[]? data = null)
    {
        data ??= [.. Enumerable.Range(0, 5000).Select(i => (byte)(i * 3))];
        var image = await world.CreateAsync();
        await world.UploadAsync(image, data, store: "small");
        var url = Assert.Single((await world.FindAsync(image)).Locations).Url;

        // The image goes and the bytes stay, as after the loss of a registry.
        await world.Registry.WriteAsync((tx, ct) => tx.DeleteImageAsync(image.Id, ct), Token);
        return (url, data);
    }

    private static async Task<Image> StatusAsync(ImageWorld world, Image image, ImageStatus status)
    {
        await UntilAsync(async () => (await world.FindAsync(image)).Status == status);
        return await world.FindAsync(image);
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        for (var i = 0; !await condition(); i++)
        {
            Assert.True(i < 1200, "It did not come about within a minute.");
            await Task.Delay(50, Token);
        }
    }
}
