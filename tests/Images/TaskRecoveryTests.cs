using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text.Json;
using GlanceGateway.Registry;
using GlanceGateway.Testing;

namespace GlanceGateway.Images.Tests;

/// <summary>Tasks and staging whose gateway died, or was paused, or stopped.</summary>
public sealed class TaskRecoveryTests
{
    private static readonly byte[] data = RandomNumberGenerator.GetBytes(300_000);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_gateway_that_comes_back_goes_on_with_its_import_at_once()
    {
        var time = new ManualTime();
        await using var dead = await ImageWorld.OpenAsync(time: time, sweep: false);
        var image = await dead.CreateAsync();
        await dead.StageAsync(image, data);
        await BeginWithoutWorkAsync(dead, image);

        await using var reborn = await dead.OpenSecondAsync(time, "instance-a");
        await reborn.Images.Sweeper.SweepAsync(ownToo: true, Token);
        await reborn.Images.Runner.SweepAsync(ownToo: true, Token);
        var task = await reborn.EndOfTaskAsync(image);

        Assert.Equal((WorkStatus.Success, 1), (task.Status, task.Attempts));
        Assert.Equal(data, await reborn.ReadAsync(image));
        await reborn.NothingStagedAsync();
    }

    [Fact]
    public async Task Another_gateway_takes_an_import_up_when_the_lease_has_run_out_and_not_before()
    {
        var time = new ManualTime();
        await using var paused = await ImageWorld.OpenAsync(time: time, sweep: false);
        var image = await paused.CreateAsync();
        await paused.StageAsync(image, data);
        await BeginWithoutWorkAsync(paused, image);

        await using var other = await paused.OpenSecondAsync(time, "instance-b");
        await other.Images.Runner.SweepAsync(ownToo: false, Token);
        Assert.Equal(ImageStatus.Importing, (await other.FindAsync(image)).Status);
        time.Advance(TimeSpan.FromSeconds(31));
        await other.Images.Sweeper.SweepAsync(ownToo: false, Token);
        await other.Images.Runner.SweepAsync(ownToo: false, Token);
        Assert.Equal(WorkStatus.Success, (await other.EndOfTaskAsync(image)).Status);
        Assert.Equal(data, await other.ReadAsync(image));
    }

    [Fact]
    public async Task A_paused_gateway_whose_import_was_taken_over_changes_nothing()
    {
        var time = new ManualTime();
        await using var paused = await ImageWorld.OpenAsync(time: time, sweep: false);
        var image = await paused.CreateAsync();
        await paused.StageAsync(image, data);
        var (task, late) = await BeginWithoutWorkAsync(paused, image);

        await using var other = await paused.OpenSecondAsync(time, "instance-b");
        time.Advance(TimeSpan.FromSeconds(31));
        await other.Images.Runner.SweepAsync(ownToo: false, Token);
        var ended = await other.EndOfTaskAsync(image);
        var before = await other.FindAsync(image);

        // It wakes up and starts to work, as if it had never slept.
        paused.Images.Runner.Start(task, late);
        await paused.Images.Runner.DisposeAsync();
        Assert.Equivalent(before, await other.FindAsync(image), strict: true);
        Assert.Equal(ended, (await other.Registry.ListImageTasksAsync(image.Id, Token)).Single());
        Assert.Equal(data, await other.ReadAsync(image));
        Assert.Equal([Path.Combine(other.Path, "disk", image.Id)], other.Files.Where(file => !file.Contains(".glance-", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task What_kills_its_gateway_every_time_is_given_up()
    {
        var time = new ManualTime();
        await using var world = await ImageWorld.OpenAsync(time: time, sweep: false);
        var image = await world.CreateAsync();
        await world.StageAsync(image, data);
        var (task, _) = await BeginWithoutWorkAsync(world, image);
        await world.Registry.WriteAsync((tx, ct) => tx.UpdateTaskAsync(task with { Attempts = TaskRunner.MostAttempts }, ct), Token);

        time.Advance(TimeSpan.FromSeconds(31));
        await world.Images.Runner.SweepAsync(ownToo: false, Token);
        var ended = await world.EndOfTaskAsync(image);
        Assert.Equal(WorkStatus.Failure, ended.Status);
        Assert.Contains("Given up", ended.Message, StringComparison.Ordinal);
        var queued = await world.FindAsync(image);
        Assert.Equal(ImageStatus.Queued, queued.Status);
        Assert.DoesNotContain(queued.Properties, p => p.Key == "os_glance_import_task");
        await world.Images.Sweeper.SweepAsync(ownToo: true, Token);
        await world.NothingStagedAsync();
        await world.UploadAsync(image, data);
    }

    [Fact]
    public async Task Staging_that_died_leaves_the_image_queued_and_no_bytes()
    {
        var time = new ManualTime();
        await using var dead = await ImageWorld.OpenAsync(time: time, sweep: false);
        var image = await dead.CreateAsync();
        var body = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        await body.Writer.WriteAsync(data, Token);
        _ = dead.Images.Staging.StageAsync(ImageWorld.Owner, image.Id, new UploadRequest(body.Reader, null, null), CancellationToken.None);
        while (dead.FilesOf("staging").Length == 0)
        {
            await Task.Delay(10, Token);
        }

        await using var reborn = await dead.OpenSecondAsync(time, "instance-a");
        await reborn.Images.Sweeper.SweepAsync(ownToo: true, Token);
        Assert.Equal(ImageStatus.Queued, (await reborn.FindAsync(image)).Status);
        Assert.Empty(reborn.FilesOf("staging"));
        await reborn.StageAsync(image, data);
        await body.Writer.CompleteAsync();
    }

    [Fact]
    public async Task A_staged_image_outlives_its_gateway()
    {
        var time = new ManualTime();
        await using var dead = await ImageWorld.OpenAsync(time: time, sweep: false);
        var image = await dead.CreateAsync();
        await dead.StageAsync(image, data);

        await using var reborn = await dead.OpenSecondAsync(time, "instance-a");
        time.Advance(TimeSpan.FromDays(1));
        await reborn.Images.Sweeper.SweepAsync(ownToo: true, Token);
        Assert.Equal(ImageStatus.Uploading, (await reborn.FindAsync(image)).Status);
        await reborn.ImportAsync(image, """{"method":{"name":"glance-direct"}}""");
        Assert.Equal(WorkStatus.Success, (await reborn.EndOfTaskAsync(image)).Status);
    }

    /// <summary>Begins an import as a gateway does that dies before its first step: everything that the request writes, and nothing more.</summary>
    private static async Task<(TaskRecord Task, Lease Lease)> BeginWithoutWorkAsync(ImageWorld world, Image image)
    {
        var request = ImportRequest.Parse(JsonElement.Parse("""{"method":{"name":"glance-direct"},"stores":["disk","deep"]}"""));
        return await world.Registry.WriteAsync(
            async (tx, ct) =>
            {
                var lease = (await tx.TakeLeaseAsync(LeaseNames.OfImage(image.Id), TimeSpan.FromSeconds(30), ownToo: false, ct))!;
                var task = await tx.InsertTaskAsync(
                    new TaskRecord
                    {
                        Id = Guid.NewGuid().ToString(),
                        Type = ImageTasks.ImportType,
                        Owner = "p-owner",
                        ImageId = image.Id,
                        Input = request.ToTaskInput(image.Id, ["disk", "deep"], isExempt: false),
                        LeaseName = lease.Name,
                    },
                    ct);
                var now = (await tx.FindImageAsync(image.Id, ct))!;
                await tx.UpdateImageAsync(now.WithTask(task.Id) with { Status = ImageStatus.Importing }, ct);
                return (task, lease);
            },
            Token);
    }
}
