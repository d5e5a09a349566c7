using GlanceGateway.Registry;

namespace GlanceGateway.Images.Tests;

public sealed class DeactivationTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_deactivated_image_is_read_by_administrators_only_until_it_is_reactivated()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        await world.UploadAsync(image, [1, 2, 3]);

        await world.Images.Catalog.DeactivateAsync(ImageWorld.Owner, image.Id, Token);
        await world.Images.Catalog.DeactivateAsync(ImageWorld.Owner, image.Id, Token);
        Assert.Equal(ImageStatus.Deactivated, (await world.FindAsync(image)).Status);
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(world.Images.Downloads.OpenAsync(ImageWorld.Owner, image.Id, Token)));
        Assert.Equal([1, 2, 3], await world.ReadAsync(image, ImageWorld.Admin));

        await world.Images.Catalog.ReactivateAsync(ImageWorld.Owner, image.Id, Token);
        Assert.Equal([1, 2, 3], await world.ReadAsync(image));
    }

    [Fact]
    public async Task The_owner_deletes_a_deactivated_image_with_its_data()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        await world.UploadAsync(image, [1, 2, 3]);
        await world.Images.Catalog.DeactivateAsync(ImageWorld.Admin, image.Id, Token);
        await world.Images.Catalog.DeleteAsync(ImageWorld.Owner, image.Id, Token);
        Assert.DoesNotContain(Path.Combine(world.Path, "disk", image.Id), world.Files);
    }

    [Fact]
    public async Task An_image_without_data_is_neither_active_nor_deactivated()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(world.Images.Catalog.DeactivateAsync(ImageWorld.Owner, image.Id, Token)));
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(world.Images.Catalog.ReactivateAsync(ImageWorld.Admin, image.Id, Token)));
        Assert.Equal(ImageStatus.Queued, (await world.FindAsync(image)).Status);
    }
}
