using GlanceGateway.Abstractions;
using GlanceGateway.Registry;
using GlanceGateway.Testing;

namespace GlanceGateway.Images.Tests;

public sealed class DeletionTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Who_may_delete()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        await world.Images.Members.AddAsync(ImageWorld.Owner, image.Id, "p-member", Token);
        var unseen = await Assert.ThrowsAsync<ImageException>(() => DeleteAsync(world, image, ImageWorld.Stranger));
        Assert.Equal((ImageError.NotFound, $"Failed to find image {image.Id} to delete"), (unseen.Error, unseen.Message));
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(DeleteAsync(world, image, ImageWorld.Member)));
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(DeleteAsync(world, image, ImageWorld.Reader)));
        await DeleteAsync(world, image, ImageWorld.Admin);
        Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(DeleteAsync(world, image, ImageWorld.Admin)));
    }

    [Fact]
    public async Task Protected_images_stay()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync(null, ("protected", true));
        await world.UploadAsync(image, [1]);
        foreach (var caller in new[] { ImageWorld.Owner, ImageWorld.Admin })
        {
            var refusal = await Assert.ThrowsAsync<ImageException>(() => DeleteAsync(world, image, caller));
            Assert.Equal((ImageError.Forbidden, $"Image {image.Id} is protected and cannot be deleted."), (refusal.Error, refusal.Message));
        }

        Assert.Equal([1], await world.ReadAsync(image));
        await world.EditAsync(image, ImageWorld.Owner, ImageWorld.Replace("protected", false));
        await DeleteAsync(world, image);
    }

    [Fact]
    public async Task Data_goes_with_the_image()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        await world.UploadAsync(image, [1]);
        await DeleteAsync(world, image);
        Assert.False(File.Exists(ObjectOf(world, image)));
        Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(world.FindAsync(image)));
        Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(world.Images.Downloads.OpenAsync(ImageWorld.Owner, image.Id, Token)));
        Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(world.UploadAsync(image, [1])));
        Assert.Equal(ImageError.Conflict, await ImageWorld.RefusalAsync(world.CreateAsync(null, ("id", image.Id))));
        await AssertNothingUnfinishedAsync(world);
    }

    [Fact]
    public async Task Of_many_deletions_of_one_image_exactly_one_succeeds()
    {
        await using var world = await ImageWorld.OpenAsync();
        for (var round = 0; round < 5; round++)
        {
            var image = await world.CreateAsync();
            await world.UploadAsync(image, new byte[100]);
            var results = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => OutcomeAsync(DeleteAsync(world, image)), Token)));
            Assert.Single(results, "done");
            Assert.All(results, result => Assert.Contains(result, ImageWorld.Words("done", "NotFound", "Conflict")));
            Assert.False(File.Exists(ObjectOf(world, image)));
        }

        await AssertNothingUnfinishedAsync(world);
    }

    [Fact]
    public async Task An_image_goes_with_all_its_copies()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        await world.UploadAsync(image, [1]);
        await AddCopyAsync(world, image, "second");
        await DeleteAsync(world, image);
        Assert.False(File.Exists(ObjectOf(world, image)) || File.Exists(Path.Combine(world.Path, "disk", "second")));
        await AssertNothingUnfinishedAsync(world);
    }

    [Fact]
    public async Task A_store_that_does_not_know_the_data_leaves_the_image_as_it_was()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        await world.UploadAsync(image, [1]);
        File.Delete(ObjectOf(world, image));
        Directory.CreateDirectory(ObjectOf(world, image));
        var refusal = await Assert.ThrowsAsync<ImageException>(() => DeleteAsync(world, image));
        Assert.Equal(ImageError.Failed, refusal.Error);
        Assert.DoesNotContain("/", refusal.Message);
        Assert.Equal(ImageStatus.Active, (await world.FindAsync(image)).Status);
        await AssertNothingUnfinishedAsync(world);

        Directory.Delete(ObjectOf(world, image));
        await DeleteAsync(world, image);
    }

    [Fact]
    public async Task A_store_that_is_not_there_leaves_the_rest_of_the_image_usable()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        await world.UploadAsync(image, [1]);
        await world.Registry.WriteAsync((tx, ct) => tx.AddLocationAsync(image.Id, new ImageLocation(0, "retired", "x://y", new Dictionary<string, string>()), ct), Token);
        var refusal = await Assert.ThrowsAsync<ImageException>(() => DeleteAsync(world, image));
        Assert.Equal((ImageError.Unavailable, $"Image {image.Id} could not be deleted: its store 'retired' is not available."), (refusal.Error, refusal.Message));

        // The copy that went is no longer claimed; the one that could not be reached is.
        Assert.Equal(["retired"], (await world.FindAsync(image)).Locations.Select(l => l.Store));
        await AssertNothingUnfinishedAsync(world);
    }

    [Fact]
    public async Task A_store_that_forbids_it_leaves_the_image_whole()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        await world.UploadAsync(image, [1, 2, 3]);
        Requires.Programs("chattr");
        var made = await Command.RunAsync("chattr", ["+i", ObjectOf(world, image)]);
        if (made.ExitCode != 0)
        {
            Assert.Skip("the temporary directory's filesystem has no immutable files, or this is not root");
        }

        try
        {
            Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(DeleteAsync(world, image)));
            Assert.Equal([1, 2, 3], await world.ReadAsync(image));
            await AssertNothingUnfinishedAsync(world);
        }
        finally
        {
            (await Command.RunAsync("chattr", ["-i", ObjectOf(world, image)])).Succeeded();
        }

        await DeleteAsync(world, image);
    }

    [Fact]
    public async Task A_deletion_without_an_answer_is_carried_on_until_there_is_one()
    {
        await using var world = await ImageWorld.OpenAsync(sweep: false);
        var image = await world.CreateAsync();
        await world.UploadAsync(image, [1, 2, 3]);
        await AddCopyAsync(world, image, "second");

        // The kernel refuses to remove what something is mounted on, and the driver does not know what to make of that.
        if ((await Command.RunAsync("mount", ["--bind", "/etc/hostname", Path.Combine(world.Path, "disk", "second")])).ExitCode != 0)
        {
            Assert.Skip("mounting takes root");
        }

        try
        {
            for (var tries = 0; tries < 2; tries++)
            {
                Assert.Equal(ImageError.Unavailable, await ImageWorld.RefusalAsync(DeleteAsync(world, image)));
                Assert.EndsWith("/second", Assert.Single((await world.FindAsync(image)).Locations).Url);
                Assert.Single(await DeletionsAsync(world));
            }

            await world.Images.Sweeper.SweepAsync(ownToo: false, Token);
            Assert.Single((await world.FindAsync(image)).Locations);
        }
        finally
        {
            (await Command.RunAsync("umount", [Path.Combine(world.Path, "disk", "second")])).Succeeded();
        }

        await world.Images.Sweeper.SweepAsync(ownToo: false, Token);
        Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(world.FindAsync(image)));
        Assert.Empty(world.Files);
        await AssertNothingUnfinishedAsync(world);
    }

    [Fact]
    public async Task A_deletion_that_takes_longer_than_its_lease_is_recorded_all_the_same()
    {
        var time = new LeapingTime();
        await using var world = await ImageWorld.OpenAsync(time: time, sweep: false);
        var image = await world.CreateAsync();
        await world.UploadAsync(image, [1]);
        time.Leap = TimeSpan.FromSeconds(31);
        await DeleteAsync(world, image);
        time.Leap = TimeSpan.Zero;
        Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(world.FindAsync(image)));
        Assert.Empty(await DeletionsAsync(world));
    }

    private static string ObjectOf(ImageWorld world, Image image) => Path.Combine(world.Path, "disk", image.Id);

    private static Task DeleteAsync(ImageWorld world, Image image, Caller? caller = null) =>
        world.Images.Catalog.DeleteAsync(caller ?? ImageWorld.Owner, image.Id, Token);

    private static async Task AddCopyAsync(ImageWorld world, Image image, string name)
    {
        var copy = Path.Combine(world.Path, "disk", name);
        File.Copy(ObjectOf(world, image), copy);
        await world.Registry.WriteAsync(
            (tx, ct) => tx.AddLocationAsync(image.Id, new ImageLocation(0, "disk", $"file://{copy}", new Dictionary<string, string>()), ct), Token);
    }

    private static async Task<IReadOnlyList<StoreIntent>> DeletionsAsync(ImageWorld world) =>
        [.. (await world.Registry.ListDeadIntentsAsync(ownToo: true, Token)).Where(i => i.Kind == IntentKind.Delete)];

    /// <summary>No deletion is left to carry on, and no lease keeps anybody out.</summary>
    private static async Task AssertNothingUnfinishedAsync(ImageWorld world) => Assert.Empty(await DeletionsAsync(world));

    private static async Task<string> OutcomeAsync(Task call)
    {
        try
        {
            await call;
            return "done";
        }
        catch (ImageException refusal)
        {
            return refusal.Error.ToString();
        }
    }

    /// <summary>A clock on which a stretch of time goes by whenever somebody looks.</summary>
    private sealed class LeapingTime : TimeProvider
    {
        private long now = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero).Ticks;

        public TimeSpan Leap { get; set; }

        public override DateTimeOffset GetUtcNow() => new(Interlocked.Add(ref now, Leap.Ticks), TimeSpan.Zero);
    }
}
