using System.Security.Cryptography;
using GlanceGateway.Registry;
using GlanceGateway.Stores;

namespace GlanceGateway.Images.Tests;

/// <summary>Gateways on one registry that do not see the same behind the names of their stores.</summary>
public sealed class PlaceTests
{
    private const string Import = """{"method":{"name":"glance-direct"}}""";

    private static readonly byte[] data = RandomNumberGenerator.GetBytes(100_000);

    private static readonly ImageOptions first = new() { Node = "node-a" };

    private static readonly ImageOptions second = new() { Node = "node-b" };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Data_in_a_directory_of_another_gateway_is_refused_with_its_node_and_never_taken_for_gone()
    {
        await using var here = await ImageWorld.OpenAsync(first);
        await using var there = await here.OpenElsewhereAsync("b", second);
        var image = await here.CreateAsync();
        await here.UploadAsync(image, data);

        RefersTo("node-a", await Assert.ThrowsAsync<ImageException>(() => there.Images.Downloads.OpenAsync(ImageWorld.Owner, image.Id, Token)));
        RefersTo("node-a", await Assert.ThrowsAsync<ImageException>(() => there.Images.Downloads.OpenMountedAsync(ImageWorld.Owner, image.Id, Token)));
        RefersTo("node-a", await Assert.ThrowsAsync<ImageException>(() => there.Images.Catalog.DeleteAsync(ImageWorld.Owner, image.Id, Token)));
        Assert.Equal(data, await here.ReadAsync(image));
        await here.Images.Catalog.DeleteAsync(ImageWorld.Owner, image.Id, Token);
        Assert.Equal([PlaceMarker.FileName], here.Files.Select(Path.GetFileName));
    }

    [Fact]
    public async Task A_copy_whose_source_is_at_another_gateway_fails_with_its_node()
    {
        await using var here = await ImageWorld.OpenAsync(first);
        await using var there = await here.OpenElsewhereAsync("b", second);
        var image = await here.CreateAsync();
        await here.UploadAsync(image, data);
        await there.ImportAsync(image, """{"method":{"name":"copy-image"},"stores":["deep"]}""", caller: ImageWorld.Admin);
        var task = await there.EndOfTaskAsync(image);
        Assert.Equal(WorkStatus.Failure, task.Status);
        Assert.Contains("node-a", task.Message, StringComparison.Ordinal);
        Assert.Equal(data, await here.ReadAsync(image));
    }

    [Fact]
    public async Task Data_staged_at_another_gateway_is_not_imported_and_not_lost()
    {
        await using var here = await ImageWorld.OpenAsync(first);
        await using var there = await here.OpenElsewhereAsync("b", second);
        var image = await here.CreateAsync();
        await here.StageAsync(image, data);

        RefersTo("node-a", await Assert.ThrowsAsync<ImageException>(() => there.ImportAsync(image, Import)));
        Assert.Equal(ImageStatus.Uploading, (await there.FindAsync(image)).Status);
        await here.ImportAsync(image, Import);
        Assert.Equal(WorkStatus.Success, (await here.EndOfTaskAsync(image)).Status);
        Assert.Equal(data, await here.ReadAsync(image));
    }

    [Fact]
    public async Task What_a_gateway_staged_and_another_deleted_is_removed_where_it_lies()
    {
        await using var here = await ImageWorld.OpenAsync(first);
        await using var there = await here.OpenElsewhereAsync("b", second);
        var image = await here.CreateAsync();
        await here.StageAsync(image, data);
        await there.Images.Catalog.DeleteAsync(ImageWorld.Owner, image.Id, Token);
        await there.Images.Sweeper.SweepAsync(ownToo: false, Token);
        Assert.Contains(here.FilesOf("staging"), file => !file.EndsWith(PlaceMarker.FileName, StringComparison.Ordinal));

        await here.Images.Sweeper.SweepAsync(ownToo: false, Token);
        Assert.Equal([PlaceMarker.FileName], here.FilesOf("staging").Select(Path.GetFileName));
    }

    [Fact]
    public async Task What_a_dead_gateway_left_in_its_own_directory_waits_for_it()
    {
        await using var here = await ImageWorld.OpenAsync(first, sweep: true);
        await using var there = await here.OpenElsewhereAsync("b", second);
        var image = await here.CreateAsync();
        var intent = await here.Registry.WriteAsync(
            async (tx, ct) =>
            {
                var lease = await tx.TakeLeaseAsync($"image/{image.Id}", TimeSpan.FromMilliseconds(1), ownToo: false, ct);
                var place = (await tx.ListPlacesAsync(ct)).Single(each => each is { Node: "node-a", Store: "disk" }).Place;
                var begun = new StoreIntent(Guid.NewGuid().ToString("N"), IntentKind.Write, image.Id, "disk", null, lease!.Name, false, tx.Now, place);
                await tx.InsertIntentAsync(begun, ct);
                await tx.UpdateImageAsync(image with { Status = ImageStatus.Saving }, ct);
                return begun;
            },
            Token);
        var part = Path.Combine(here.Path, "disk", $".glance-{image.Id}-{intent.AttemptId}.part");
        await File.WriteAllBytesAsync(part, data, Token);
        await Task.Delay(20, Token);

        await there.Images.Sweeper.SweepAsync(ownToo: false, Token);
        Assert.Equal(ImageStatus.Queued, (await there.FindAsync(image)).Status);
        Assert.True(File.Exists(part));
        await there.UploadAsync(image, data);

        await here.Images.Sweeper.SweepAsync(ownToo: false, Token);
        Assert.False(File.Exists(part));
        Assert.Equal(data, await there.ReadAsync(image));
        RefersTo("node-b", await Assert.ThrowsAsync<ImageException>(() => here.Images.Downloads.OpenAsync(ImageWorld.Owner, image.Id, Token)));
    }

    [Fact]
    public async Task Gateways_that_share_their_directories_agree_and_what_vanished_there_is_gone()
    {
        await using var here = await ImageWorld.OpenAsync(first);
        await using var there = await here.OpenSecondAsync(TimeProvider.System, "instance-b", second);
        await there.Images.StartAsync(Token);
        var image = await here.CreateAsync();
        await here.StageAsync(image, data);
        await there.ImportAsync(image, Import);
        Assert.Equal(WorkStatus.Success, (await there.EndOfTaskAsync(image)).Status);
        Assert.Equal(data, await here.ReadAsync(image));

        var places = await here.Registry.ListPlacesAsync(Token);
        Assert.Equal(["node-a", "node-b"], places.Where(place => place.Store == "disk").Select(place => place.Node));
        Assert.Empty(StoreDisagreement.Find(places, DateTimeOffset.UtcNow));
        File.Delete(Path.Combine(here.Path, "disk", image.Id));
        Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(there.Images.Downloads.OpenAsync(ImageWorld.Owner, image.Id, Token)));
    }

    [Fact]
    public async Task Gateways_that_differ_are_told_by_store_and_node()
    {
        await using var here = await ImageWorld.OpenAsync(first);
        await using var there = await here.OpenElsewhereAsync("b", second);
        var places = await here.Registry.ListPlacesAsync(Token);
        var found = StoreDisagreement.Find([.. places, new StorePlace("c", "node-c", "attic", "x", DateTimeOffset.UtcNow)], DateTimeOffset.UtcNow);
        string[] expected =
        [
            "the staging area is not the same for every gateway: node 'node-a' and node 'node-b' see different directories",
            "the store 'attic' is known to node 'node-c' only",
            "the store 'deep' is not the same for every gateway: node 'node-a' and node 'node-b' see different directories",
            "the store 'disk' is not the same for every gateway: node 'node-a' and node 'node-b' see different directories",
            "the store 'small' is known to nodes 'node-a', 'node-b' only",
        ];
        Assert.Equal(expected, found.Select(one => $"{one.Name} {one.Text}").Order(StringComparer.Ordinal));
        Assert.Empty(StoreDisagreement.Find(places, DateTimeOffset.UtcNow.AddHours(1)));
    }

    private static void RefersTo(string node, ImageException refusal)
    {
        Assert.Equal(ImageError.Unavailable, refusal.Error);
        Assert.Contains(node, refusal.Message, StringComparison.Ordinal);
    }
}
