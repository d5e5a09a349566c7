using System.IO.Pipelines;
using System.Security.Cryptography;
using GlanceGateway.Registry;

namespace GlanceGateway.Images.Tests;

/// <summary>Staging and importing: states, stores, failures, deletion.</summary>
public sealed class ImportTests
{
    private const string Direct = """{"method":{"name":"glance-direct"}}""";

    private static readonly byte[] data = RandomNumberGenerator.GetBytes(300_000);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Staged_data_is_imported_and_the_staged_bytes_go()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        await world.StageAsync(image, data);
        var staged = await world.FindAsync(image);
        Assert.Equal((ImageStatus.Uploading, data.Length), (staged.Status, staged.Size));
        Assert.Null(staged.Checksum);

        await world.ImportAsync(image, Direct);
        var task = await world.EndOfTaskAsync(image);

        Assert.Equal(WorkStatus.Success, task.Status);
        var active = await world.FindAsync(image);
        Assert.Equal(ImageStatus.Active, active.Status);
        Assert.Equal((data.Length, data.Length), (active.Size, active.VirtualSize));
        Assert.Equal(Convert.ToHexStringLower(SHA512.HashData(data)), active.HashValue);
        Assert.Equal(Convert.ToHexStringLower(MD5.HashData(data)), active.Checksum);
        Assert.Equal("disk", Assert.Single(active.Locations).Store);
        Assert.Equal(("", ""), (Mark(active, "os_glance_importing_to_stores"), Mark(active, "os_glance_failed_import")));
        Assert.Null(Mark(active, "os_glance_import_task"));
        Assert.Equal(data, await world.ReadAsync(image));
        await world.NothingStagedAsync();
        await SettledAsync(world);
    }

    [Theory]
    [InlineData("""{"method":{"name":"glance-direct"},"stores":["deep","disk"]}""", null, "deep,disk")]
    [InlineData("""{"method":{"name":"glance-direct"},"all_stores":true}""", null, "deep,disk,small")]
    [InlineData("""{"method":{"name":"glance-direct"}}""", "deep", "deep")]
    public async Task Data_goes_to_the_stores_that_are_named(string request, string? header, string expected)
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        await world.StageAsync(image, data);
        await world.ImportAsync(image, request, header);
        Assert.Equal(WorkStatus.Success, (await world.EndOfTaskAsync(image)).Status);
        Assert.Equal(expected, string.Join(',', (await world.FindAsync(image)).Locations.Select(l => l.Store).Order(StringComparer.Ordinal)));
        await SettledAsync(world);
    }

    [Fact]
    public async Task One_store_that_fails_undoes_all_when_all_must_succeed()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        await world.StageAsync(image, RandomNumberGenerator.GetBytes(3 << 20));
        await world.ImportAsync(image, """{"method":{"name":"glance-direct"},"stores":["disk","deep","small"]}""");
        var task = await world.EndOfTaskAsync(image);

        Assert.Equal(WorkStatus.Failure, task.Status);
        Assert.Contains("disk space", task.Message, StringComparison.Ordinal);
        var queued = await world.FindAsync(image);
        Assert.Equal((ImageStatus.Queued, null), (queued.Status, queued.Size));
        Assert.Equal("small", Mark(queued, "os_glance_failed_import"));
        Assert.Equal("", Mark(queued, "os_glance_importing_to_stores"));
        Assert.Empty(queued.Locations);
        Assert.Empty(world.Files);
        Assert.Empty(world.FilesOf("deep"));
        await world.NothingStagedAsync();
        await world.UploadAsync(image, data);
    }

    [Fact]
    public async Task One_store_that_fails_is_left_out_when_not_all_must_succeed()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        await world.StageAsync(image, RandomNumberGenerator.GetBytes(3 << 20));
        await world.ImportAsync(image, """{"method":{"name":"glance-direct"},"stores":["small","disk","deep"],"all_stores_must_succeed":false}""");
        Assert.Equal(WorkStatus.Success, (await world.EndOfTaskAsync(image)).Status);

        var active = await world.FindAsync(image);
        Assert.Equal(ImageStatus.Active, active.Status);
        Assert.Equal(["deep", "disk"], active.Locations.Select(l => l.Store).Order(StringComparer.Ordinal));
        Assert.Equal(("small", ""), (Mark(active, "os_glance_failed_import"), Mark(active, "os_glance_importing_to_stores")));
        await world.NothingStagedAsync();
        await SettledAsync(world);
    }

    [Fact]
    public async Task No_store_that_takes_the_data_is_a_failure_however_few_must_succeed()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        await world.StageAsync(image, RandomNumberGenerator.GetBytes(3 << 20));
        await world.ImportAsync(image, """{"method":{"name":"glance-direct"},"stores":["small"],"all_stores_must_succeed":false}""");
        Assert.Equal(WorkStatus.Failure, (await world.EndOfTaskAsync(image)).Status);
        Assert.Equal(ImageStatus.Queued, (await world.FindAsync(image)).Status);
        await world.NothingStagedAsync();
    }

    [Fact]
    public async Task Content_that_is_not_what_the_image_says_is_refused_in_the_background()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync(attributes: ("disk_format", "qcow2"));
        await world.StageAsync(image, data);
        await world.ImportAsync(image, Direct);
        var task = await world.EndOfTaskAsync(image);
        Assert.Equal(WorkStatus.Failure, task.Status);
        Assert.Equal(ImageStatus.Queued, (await world.FindAsync(image)).Status);
        Assert.Empty(world.Files);
        await world.NothingStagedAsync();
    }

    [Fact]
    public async Task An_active_image_is_copied_and_present_stores_are_refused_or_skipped()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        await world.UploadAsync(image, data);

        const string ToDeep = """{"method":{"name":"copy-image"},"stores":["deep"]}""";
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(world.ImportAsync(image, ToDeep)));
        await world.ImportAsync(image, ToDeep, caller: ImageWorld.Admin);
        Assert.Equal(WorkStatus.Success, (await world.EndOfTaskAsync(image)).Status);
        Assert.Equal(["disk", "deep"], (await world.FindAsync(image)).Locations.Select(l => l.Store));
        Assert.Equal(data, await File.ReadAllBytesAsync(Path.Combine(world.Path, "deep", image.Id), Token));

        Assert.Equal(ImageError.Invalid, await ImageWorld.RefusalAsync(world.ImportAsync(image, ToDeep, caller: ImageWorld.Admin)));
        const string ToAll = """{"method":{"name":"copy-image"},"all_stores":true}""";
        await world.ImportAsync(image, ToAll, caller: ImageWorld.Admin);
        Assert.Equal(WorkStatus.Success, (await world.EndOfTaskAsync(image)).Status);
        Assert.Equal(["disk", "deep", "small"], (await world.FindAsync(image)).Locations.Select(l => l.Store));
        var tasks = (await world.Registry.ListImageTasksAsync(image.Id, Token)).Count;
        await world.ImportAsync(image, ToAll, caller: ImageWorld.Admin);
        Assert.Equal(tasks, (await world.Registry.ListImageTasksAsync(image.Id, Token)).Count);
        await SettledAsync(world);
    }

    [Fact]
    public async Task A_copy_that_fails_leaves_the_image_active_and_as_it_was()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        await world.UploadAsync(image, RandomNumberGenerator.GetBytes(3 << 20));
        await world.ImportAsync(image, """{"method":{"name":"copy-image"},"stores":["deep","small"]}""", caller: ImageWorld.Admin);
        Assert.Equal(WorkStatus.Failure, (await world.EndOfTaskAsync(image)).Status);
        var active = await world.FindAsync(image);
        Assert.Equal(ImageStatus.Active, active.Status);
        Assert.Equal("disk", Assert.Single(active.Locations).Store);
        Assert.Equal("small", Mark(active, "os_glance_failed_import"));
        Assert.Empty(world.FilesOf("deep"));
    }

    [Fact]
    public async Task A_staged_image_that_is_deleted_takes_its_bytes_along()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        await world.StageAsync(image, data);
        await world.Images.Catalog.DeleteAsync(ImageWorld.Owner, image.Id, Token);
        await world.NothingStagedAsync();
    }

    [Fact]
    public async Task An_image_that_is_deleted_while_data_is_staged_ends_the_transfer()
    {
        await using var world = await ImageWorld.OpenAsync(new ImageOptions { LeaseDuration = TimeSpan.FromSeconds(2) });
        var image = await world.CreateAsync();
        var body = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        await body.Writer.WriteAsync(data, Token);
        var staging = world.Images.Staging.StageAsync(ImageWorld.Owner, image.Id, new UploadRequest(body.Reader, null, null), Token);
        while ((await world.FindAsync(image)).Status != ImageStatus.Uploading)
        {
            await Task.Delay(10, Token);
        }

        Assert.Equal(ImageError.Conflict, await ImageWorld.RefusalAsync(world.ImportAsync(image, Direct)));
        Assert.Equal(ImageError.Conflict, await ImageWorld.RefusalAsync(world.StageAsync(image, data)));
        await world.Images.Catalog.DeleteAsync(ImageWorld.Owner, image.Id, Token);
        Assert.Equal(ImageError.Gone, await ImageWorld.RefusalAsync(staging));
        await world.NothingStagedAsync();
    }

    [Theory]
    [InlineData("broken")]
    [InlineData("toolarge")]
    [InlineData("declared")]
    public async Task Staging_that_fails_leaves_the_image_queued_and_nothing_staged(string how)
    {
        await using var world = await ImageWorld.OpenAsync(new ImageOptions { SizeCap = 400_000 });
        var image = await world.CreateAsync();
        var body = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        await body.Writer.WriteAsync(how == "toolarge" ? new byte[400_001] : data, Token);
        await body.Writer.CompleteAsync(how == "broken" ? new IOException("The client went away.") : null);
        var staging = world.Images.Staging.StageAsync(
            ImageWorld.Owner, image.Id, new UploadRequest(body.Reader, how == "declared" ? 5 : null, null), Token);
        var failure = await Assert.ThrowsAnyAsync<Exception>(() => staging);
        Assert.Equal(how switch { "toolarge" => ImageError.TooLarge, "declared" => ImageError.Invalid, _ => null }, (failure as ImageException)?.Error);
        Assert.Equal((ImageStatus.Queued, null), ((await world.FindAsync(image)).Status, (await world.FindAsync(image)).Size));
        await world.NothingStagedAsync();
        await world.StageAsync(image, data);
    }

    [Fact]
    public async Task A_lock_whose_task_is_gone_is_taken_over_and_a_user_can_neither_set_nor_remove_it()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        await world.StageAsync(image, data);
        await world.Registry.WriteAsync(
            async (tx, ct) => await tx.UpdateImageAsync((await tx.FindImageAsync(image.Id, ct))!.WithTask(Guid.NewGuid().ToString()), ct), Token);
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(world.EditAsync(image, ImageWorld.Admin, ImageWorld.Remove("os_glance_import_task"))));
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(world.EditAsync(image, ImageWorld.Admin, ImageWorld.Add("os_glance_import_task", "x"))));
        await world.ImportAsync(image, Direct);
        Assert.Equal(WorkStatus.Success, (await world.EndOfTaskAsync(image)).Status);
    }

    [Fact]
    public async Task Without_a_staging_area_only_copies_are_offered()
    {
        await using var world = await ImageWorld.OpenAsync(import: new ImportOptions { Methods = ["copy-image", "nonsense"] });
        Assert.Equal(["copy-image"], world.Images.Imports.Methods);
        var image = await world.CreateAsync();
        Assert.Equal(ImageError.Invalid, await ImageWorld.RefusalAsync(world.ImportAsync(image, Direct)));
    }

    private static string? Mark(Image image, string name) => image.Properties.FirstOrDefault(p => p.Key == name).Value;

    /// <summary>Waits until no intent is left: registry and stores agree.</summary>
    private static async Task SettledAsync(ImageWorld world)
    {
        for (var tries = 0; tries < 400 && (await world.Registry.ListDeadIntentsAsync(ownToo: true, Token)).Count > 0; tries++)
        {
            await Task.Delay(25, Token);
        }

        Assert.Empty(await world.Registry.ListDeadIntentsAsync(ownToo: true, Token));
    }
}
