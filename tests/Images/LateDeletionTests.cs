using GlanceGateway.Registry;

namespace GlanceGateway.Images.Tests;

/// <summary>Images that are deleted while a mount of this process reads them.</summary>
public sealed class LateDeletionTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Deleted_under_a_reader_the_image_is_gone_and_the_data_stays_until_he_leaves()
    {
        await using var world = await ImageWorld.OpenAsync();
        var (image, data) = await OpenAsync(world);
        var other = (await world.Images.Downloads.OpenMountedAsync(ImageWorld.Owner, image.Id, Token))!;
        await world.Images.Catalog.DeleteAsync(ImageWorld.Owner, image.Id, Token);
        Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(world.FindAsync(image)));
        Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(world.Images.Downloads.OpenMountedAsync(ImageWorld.Owner, image.Id, Token)));
        await other.DisposeAsync();
        var buffer = new byte[1000];
        Assert.Equal(1000, await data.Source.ReadAsync(0, buffer, Token));
        Assert.All(buffer, b => Assert.Equal(7, b));
        Assert.True(await IsUnfinishedAsync(world));
        await data.DisposeAsync();
        await FinishedAsync(world);
    }

    [Fact]
    public async Task After_the_grace_time_the_data_goes_whoever_reads()
    {
        await using var world = await ImageWorld.OpenAsync(new ImageOptions { MountDeleteGrace = TimeSpan.FromMilliseconds(50) });
        var (image, data) = await OpenAsync(world);
        await using (data)
        {
            await world.Images.Catalog.DeleteAsync(ImageWorld.Owner, image.Id, Token);
            await FinishedAsync(world);
        }
    }

    [Fact]
    public async Task A_gateway_that_stops_meanwhile_deletes_the_data_at_its_next_start()
    {
        await using var world = await ImageWorld.OpenAsync();
        var stopped = await world.OpenSecondAsync(TimeProvider.System, "instance-b");
        var (image, data) = await OpenAsync(stopped);
        await stopped.Images.Catalog.DeleteAsync(ImageWorld.Owner, image.Id, Token);
        await stopped.DisposeAsync();
        await data.DisposeAsync();
        await using var again = await world.OpenSecondAsync(TimeProvider.System, "instance-b");
        Assert.True(await IsUnfinishedAsync(again));
        await again.Images.StartAsync(Token);
        Assert.False(await IsUnfinishedAsync(again));
    }

    [Fact]
    public async Task Without_a_reader_or_without_a_grace_time_the_data_goes_at_once()
    {
        await using var world = await ImageWorld.OpenAsync(new ImageOptions { MountDeleteGrace = TimeSpan.Zero });
        var (image, data) = await OpenAsync(world);
        await using (data)
        {
            await world.Images.Catalog.DeleteAsync(ImageWorld.Owner, image.Id, Token);
            Assert.False(await IsUnfinishedAsync(world));
        }
    }

    /// <summary>An image in a store without local files, open as a mount has it.</summary>
    private static async Task<(Image Image, ImageData Data)> OpenAsync(ImageWorld world)
    {
        var image = await world.CreateAsync();
        var content = new byte[1000];
        Array.Fill(content, (byte)7);
        await world.UploadAsync(image, content, store: "small");
        return (image, (await world.Images.Downloads.OpenMountedAsync(ImageWorld.Owner, image.Id, Token))!);
    }

    private static async Task<bool> IsUnfinishedAsync(ImageWorld world) => (await world.Registry.ListDeadIntentsAsync(ownToo: true, Token)).Any(intent => intent.Kind == IntentKind.Delete);

    private static async Task FinishedAsync(ImageWorld world)
    {
        for (var tries = 0; tries < 1200 && await IsUnfinishedAsync(world); tries++)
            await Task.Delay(50, Token);
        Assert.False(await IsUnfinishedAsync(world));
    }
}
