using GlanceGateway.Abstractions;
using GlanceGateway.Registry;
using GlanceGateway.Testing;

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
        Assert.True(await IsUnfinishedAsync(world, image));
        await data.DisposeAsync();
        await FinishedAsync(world, image);
    }

    [Fact]
    public async Task After_the_grace_time_the_data_goes_whoever_reads()
    {
        await using var world = await ImageWorld.OpenAsync(new ImageOptions { MountDeleteGrace = TimeSpan.FromMilliseconds(50) });
        var (image, data) = await OpenAsync(world);
        await using (data)
        {
            await world.Images.Catalog.DeleteAsync(ImageWorld.Owner, image.Id, Token);
            await FinishedAsync(world, image);
        }
    }

    [Theory]
    [InlineData("instance-b")]
    [InlineData("instance-c")]
    public async Task When_its_gateway_stops_meanwhile_the_data_can_be_opened_by_the_next_one_and_goes_when_the_grace_time_is_over(string instance)
    {
        var time = new ManualTime();
        var kept = new ImageOptions { MountIsKept = true };
        await using var world = await ImageWorld.OpenAsync(time: time, sweep: false);
        var stopped = await world.OpenSecondAsync(time, "instance-b", kept);
        stopped.Images.BeginMount();
        var (image, data) = await OpenAsync(stopped, "deep");
        Assert.Null(await stopped.Images.Downloads.OpenDeletedMountedAsync(image.Id, Token));
        await stopped.Images.Catalog.DeleteAsync(ImageWorld.Owner, image.Id, Token);
        await stopped.Images.LeaveMountAsync();
        await data.DisposeAsync();
        await stopped.DisposeAsync();
        time.Advance(kept.MountDeleteGrace - TimeSpan.FromSeconds(1));

        await using var again = await world.OpenSecondAsync(time, instance, kept);
        await again.Images.StartAsync(Token);
        Assert.Single(world.FilesOf("deep"));
        Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(again.FindAsync(image)));
        Assert.Equal(image.Id, Assert.Single(await again.Images.Downloads.ListDeletedMountedAsync(Token)).Id);
        await using (var inherited = (await again.Images.Downloads.OpenDeletedMountedAsync(image.Id, Token))!)
        {
            var buffer = new byte[1000];
            Assert.Equal(1000, await inherited.Source.ReadAsync(0, buffer, Token));
            Assert.All(buffer, b => Assert.Equal(7, b));
        }

        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(await again.Images.Downloads.OpenDeletedMountedAsync(image.Id, Token));
        await again.Images.Sweeper.SweepAsync(ownToo: false, Token);
        Assert.Empty(world.FilesOf("deep"));
        Assert.False(await IsUnfinishedAsync(again, image));
    }

    [Fact]
    public async Task Behind_a_keeper_what_is_older_than_the_gateway_counts_as_read_unless_the_mount_is_new()
    {
        var time = new ManualTime();
        await using var world = await ImageWorld.OpenAsync(time: time, sweep: false);
        var (old, other) = (await UploadAsync(world), await UploadAsync(world));
        time.Advance(TimeSpan.FromHours(1));
        await using var gateway = await world.OpenSecondAsync(time, "instance-b", new ImageOptions { MountIsKept = true });
        time.Advance(TimeSpan.FromHours(1));
        var young = await UploadAsync(gateway);
        await gateway.Images.Catalog.DeleteAsync(ImageWorld.Owner, old.Id, Token);
        await gateway.Images.Catalog.DeleteAsync(ImageWorld.Owner, young.Id, Token);
        Assert.True(await IsUnfinishedAsync(gateway, old));
        Assert.False(await IsUnfinishedAsync(gateway, young));
        await using var readable = await gateway.Images.Downloads.OpenDeletedMountedAsync(old.Id, Token);
        Assert.NotNull(readable);

        gateway.Images.BeginMount();
        await gateway.Images.Catalog.DeleteAsync(ImageWorld.Owner, other.Id, Token);
        Assert.False(await IsUnfinishedAsync(gateway, other));
    }

    [Fact]
    public async Task A_local_file_is_left_to_its_readers_where_the_mount_outlives_the_process()
    {
        await using var world = await ImageWorld.OpenAsync(new ImageOptions { MountIsKept = true });
        world.Images.BeginMount();
        var (image, data) = await OpenAsync(world, "deep");
        Assert.IsAssignableFrom<ILocalFile>(data.Source);
        await world.Images.Catalog.DeleteAsync(ImageWorld.Owner, image.Id, Token);
        Assert.Single(world.FilesOf("deep"));
        await data.DisposeAsync();
        await FinishedAsync(world, image);
        Assert.Empty(world.FilesOf("deep"));
    }

    [Fact]
    public async Task Without_a_reader_or_without_a_grace_time_the_data_goes_at_once()
    {
        await using var world = await ImageWorld.OpenAsync(new ImageOptions { MountDeleteGrace = TimeSpan.Zero });
        var (image, data) = await OpenAsync(world);
        await using (data)
        {
            await world.Images.Catalog.DeleteAsync(ImageWorld.Owner, image.Id, Token);
            Assert.False(await IsUnfinishedAsync(world, image));
        }
    }

    /// <summary>An image in a store without local files, open as a mount has it.</summary>
    private static async Task<(Image Image, ImageData Data)> OpenAsync(ImageWorld world, string store = "small")
    {
        var image = await UploadAsync(world, store);
        return (image, (await world.Images.Downloads.OpenMountedAsync(ImageWorld.Owner, image.Id, Token))!);
    }

    private static async Task<Image> UploadAsync(ImageWorld world, string store = "deep")
    {
        var image = await world.CreateAsync();
        var content = new byte[1000];
        Array.Fill(content, (byte)7);
        await world.UploadAsync(image, content, store: store);
        return image;
    }

    private static async Task<bool> IsUnfinishedAsync(ImageWorld world, Image image) =>
        (await world.Registry.WriteAsync((tx, ct) => tx.ListIntentsAsync(LeaseNames.OfImage(image.Id), ct), Token)).Any(intent => intent.Kind == IntentKind.Delete);

    private static async Task FinishedAsync(ImageWorld world, Image image)
    {
        for (var tries = 0; tries < 1200 && await IsUnfinishedAsync(world, image); tries++)
            await Task.Delay(50, Token);
        Assert.False(await IsUnfinishedAsync(world, image));
    }
}
