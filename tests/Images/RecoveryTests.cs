using System.IO.Pipelines;
using System.Security.Cryptography;
using GlanceGateway.Abstractions;
using GlanceGateway.Registry;
using GlanceGateway.Testing;

namespace GlanceGateway.Images.Tests;

public sealed class RecoveryTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_paused_gateway_that_wakes_after_its_lease_was_taken_over_changes_nothing()
    {
        var time = new ManualTime();
        await using var paused = await ImageWorld.OpenAsync(time: time, sweep: false);
        var (image, body, upload) = await BeginUploadAsync(paused);

        await using var other = await paused.OpenSecondAsync(time, "instance-b");
        await other.Images.Sweeper.SweepAsync(ownToo: false, Token);
        Assert.Equal(ImageStatus.Saving, (await other.FindAsync(image)).Status);

        time.Advance(TimeSpan.FromSeconds(31));
        await other.Images.Sweeper.SweepAsync(ownToo: false, Token);
        Assert.Equal(ImageStatus.Queued, (await other.FindAsync(image)).Status);
        Assert.Empty(other.Files);

        var data = RandomNumberGenerator.GetBytes(100);
        await other.UploadAsync(image, data);
        await body.Writer.CompleteAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => upload);

        var active = await other.FindAsync(image);
        Assert.Equal(ImageStatus.Active, active.Status);
        Assert.Equal(data, await other.ReadAsync(image));
        Assert.Equal(data, await paused.ReadAsync(image));
    }

    [Fact]
    public async Task A_gateway_that_comes_back_cleans_up_behind_itself_at_once()
    {
        var time = new ManualTime();
        await using var dead = await ImageWorld.OpenAsync(time: time, sweep: false);
        var (image, _, _) = await BeginUploadAsync(dead);
        Assert.NotEmpty(dead.Files);

        await using var reborn = await dead.OpenSecondAsync(time, "instance-a");
        await reborn.Images.Sweeper.StartAsync(Token);
        Assert.Equal(ImageStatus.Queued, (await reborn.FindAsync(image)).Status);
        Assert.Empty(reborn.Files);
        await reborn.UploadAsync(image, [1, 2, 3]);
        Assert.Equal([1, 2, 3], await reborn.ReadAsync(image));
    }

    [Fact]
    public async Task Bytes_committed_but_not_registered_are_removed()
    {
        var time = new ManualTime();
        await using var dead = await ImageWorld.OpenAsync(time: time, sweep: false);
        var (image, _, _) = await BeginUploadAsync(dead);

        // The moment between the driver's commit and the registry's transaction: the object stands under its final name.
        var part = Assert.Single(dead.Files);
        (await Command.RunAsync("ln", [part, Path.Combine(dead.Path, "disk", image.Id)])).Succeeded();

        await using var reborn = await dead.OpenSecondAsync(time, "instance-a");
        await reborn.Images.Sweeper.StartAsync(Token);
        Assert.Empty(reborn.Files);
        Assert.Equal(ImageStatus.Queued, (await reborn.FindAsync(image)).Status);
    }

    [Fact]
    public async Task Bytes_that_no_intent_names_are_left_alone()
    {
        await using var world = await ImageWorld.OpenAsync(sweep: false);
        var foreign = Path.Combine(world.Path, "disk", Guid.NewGuid().ToString());
        var residue = Path.Combine(world.Path, "disk", $".glance-{Guid.NewGuid()}-{Guid.NewGuid():N}.part");
        await File.WriteAllTextAsync(foreign, "somebody else's", Token);
        await File.WriteAllTextAsync(residue, "somebody else's", Token);
        await world.Images.Sweeper.StartAsync(Token);
        Assert.True(File.Exists(foreign) && File.Exists(residue));
    }

    [Fact]
    public async Task A_deletion_that_died_half_way_is_finished()
    {
        var time = new ManualTime();
        await using var world = await ImageWorld.OpenAsync(time: time, sweep: false);
        var image = await world.CreateAsync();
        await world.UploadAsync(image, [1, 2, 3]);
        await BeginDeletionAsync(world, await world.FindAsync(image));

        await using var reborn = await world.OpenSecondAsync(time, "instance-a");
        await reborn.Images.Sweeper.StartAsync(Token);
        Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(reborn.FindAsync(image)));
        Assert.DoesNotContain(Path.Combine(world.Path, "disk", image.Id), world.Files);
    }

    [Fact]
    public async Task A_deletion_of_several_copies_that_died_half_way_takes_the_image_with_the_last()
    {
        var time = new ManualTime();
        await using var world = await ImageWorld.OpenAsync(time: time, sweep: false);
        var image = await world.CreateAsync();
        await world.UploadAsync(image, [1, 2, 3]);
        var first = Path.Combine(world.Path, "disk", image.Id);
        var second = Path.Combine(world.Path, "disk", "second");

        // A directory is nothing that the store takes for an image: the second copy is refused.
        Directory.CreateDirectory(second);
        await world.Registry.WriteAsync(
            (tx, ct) => tx.AddLocationAsync(image.Id, new ImageLocation(0, "disk", $"file://{second}", new Dictionary<string, string>()), ct), Token);
        await BeginDeletionAsync(world, await world.FindAsync(image));
        await using (var reborn = await world.OpenSecondAsync(time, "instance-a"))
        {
            await reborn.Images.Sweeper.SweepAsync(ownToo: true, Token);
        }

        Assert.False(File.Exists(first));
        Assert.Equal([$"file://{second}"], (await world.FindAsync(image)).Locations.Select(l => l.Url));

        Directory.Delete(second);
        await File.WriteAllTextAsync(second, "123", Token);
        await BeginDeletionAsync(world, await world.FindAsync(image));
        await using (var reborn = await world.OpenSecondAsync(time, "instance-a"))
        {
            await reborn.Images.Sweeper.SweepAsync(ownToo: true, Token);
        }

        Assert.False(File.Exists(second));
        Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(world.FindAsync(image)));
    }

    [Fact]
    public async Task Work_in_a_store_that_is_gone_waits_and_is_in_nobodys_way()
    {
        var time = new ManualTime();
        await using var world = await ImageWorld.OpenAsync(time: time, sweep: false);
        var saving = await world.CreateAsync();
        var active = await world.CreateAsync();
        await world.UploadAsync(active, [1]);
        await world.Registry.WriteAsync(
            async (tx, ct) =>
            {
                await tx.UpdateImageAsync((await tx.FindImageAsync(saving.Id, ct))! with { Status = ImageStatus.Saving }, ct);
                for (var n = 0; n < 20; n++)
                {
                    await tx.InsertIntentAsync(IntentOf(tx, saving, IntentKind.Write), ct);
                    await tx.InsertIntentAsync(IntentOf(tx, active, IntentKind.Delete), ct);
                }

                return true;
            },
            Token);

        await world.Images.Sweeper.SweepAsync(ownToo: false, Token);
        await world.Images.Sweeper.SweepAsync(ownToo: false, Token);
        Assert.Equal(ImageStatus.Queued, (await world.FindAsync(saving)).Status);
        Assert.Equal(40, (await world.Registry.ListDeadIntentsAsync(ownToo: false, Token)).Count);
        await world.UploadAsync(saving, [2]);
        Assert.Equal([1], await world.ReadAsync(active));
        await world.Images.Catalog.DeleteAsync(ImageWorld.Owner, active.Id, Token);
        Assert.DoesNotContain(Path.Combine(world.Path, "disk", active.Id), world.Files);

        static StoreIntent IntentOf(RegistryTransaction tx, Image image, IntentKind kind) =>
            new(Guid.NewGuid().ToString("N"), kind, image.Id, "retired", kind == IntentKind.Delete ? "x://y" : null, $"image/{image.Id}", false, tx.Now);
    }

    [Fact]
    public async Task An_image_whose_data_vanished_says_so_and_can_be_deleted()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        await world.UploadAsync(image, [1, 2, 3]);
        File.Delete(Path.Combine(world.Path, "disk", image.Id));
        Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(world.Images.Downloads.OpenAsync(ImageWorld.Owner, image.Id, Token)));
        await world.Images.Catalog.DeleteAsync(ImageWorld.Owner, image.Id, Token);
    }

    [Fact]
    public async Task An_image_deleted_while_it_is_read_reads_on()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        var data = RandomNumberGenerator.GetBytes(1 << 20);
        await world.UploadAsync(image, data);
        await using var opened = await world.Images.Downloads.OpenAsync(ImageWorld.Owner, image.Id, Token);
        await world.Images.Catalog.DeleteAsync(ImageWorld.Owner, image.Id, Token);
        var buffer = new byte[data.Length];
        Assert.True(opened!.Source is ILocalFile);
        Assert.Equal(data.Length, await opened.Source.ReadAsync(0, buffer, Token));
        Assert.Equal(data, buffer);
    }

    /// <summary>What a gateway leaves that dies after it recorded what it is about to delete.</summary>
    private static Task<bool> BeginDeletionAsync(ImageWorld world, Image image) => world.Registry.WriteAsync(
        async (tx, ct) =>
        {
            var lease = await tx.TakeLeaseAsync($"image/{image.Id}", TimeSpan.FromSeconds(30), ownToo: false, ct);
            foreach (var location in image.Locations)
            {
                await tx.InsertIntentAsync(
                    new StoreIntent(Guid.NewGuid().ToString("N"), IntentKind.Delete, image.Id, location.Store, location.Url, lease!.Name, false, tx.Now), ct);
            }

            return true;
        },
        Token);

    private static async Task<(Image Image, Pipe Body, Task Upload)> BeginUploadAsync(ImageWorld world)
    {
        var image = await world.CreateAsync();
        var body = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        await body.Writer.WriteAsync(RandomNumberGenerator.GetBytes(2 << 20), Token);
        var upload = world.Images.Uploads.UploadAsync(ImageWorld.Owner, image.Id, new UploadRequest(body.Reader, null, null), CancellationToken.None);
        while (world.Files.Length == 0)
        {
            await Task.Delay(10, Token);
        }

        return (image, body, upload);
    }
}
