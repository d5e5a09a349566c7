using GlanceGateway.Registry;

namespace GlanceGateway.Registry.Tests;

public abstract class TaskTests(RegistryHome home) : IAsyncDisposable
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await home.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private static TaskRecord New(string owner = "p1", string type = "import") => new()
    {
        Id = Units.NewId(),
        Type = type,
        Owner = owner,
        ImageId = Units.NewId(),
        UserId = "u",
        RequestId = "req-1",
        Input = """{"a":"é"}""",
        LeaseName = $"image/{Units.NewId()}",
    };

    private static Task<TaskRecord> Insert(ImageRegistry registry, TaskRecord task) =>
        registry.Do((unit, token) => unit.InsertTaskAsync(task, token));

    [Fact]
    public async Task A_task_is_kept_as_it_is_and_changes()
    {
        var registry = await home.OpenAsync();
        var task = await Insert(registry, New());
        Assert.Equal(home.Clock.Now, task.CreatedAt);
        Assert.Equal(task, await registry.FindTaskAsync(task.Id, Cancellation));
        home.Clock.Advance(Minute);
        var ended = await registry.Do((unit, token) => unit.UpdateTaskAsync(
            task with { Status = WorkStatus.Failure, Result = "{}", Message = "why", Attempts = 2, ExpiresAt = unit.Now + Minute }, token));
        Assert.Equal(home.Clock.Now, ended.UpdatedAt);
        Assert.Equal(ended, await registry.FindTaskAsync(task.Id, Cancellation));
        Assert.Equal(ended, Assert.Single(await registry.ListImageTasksAsync(task.ImageId, Cancellation)));
        Assert.Null(await registry.FindTaskAsync(Units.NewId(), Cancellation));
        Assert.Null(await registry.FindTaskAsync("a\0b", Cancellation));
    }

    [Fact]
    public async Task An_expired_task_is_gone()
    {
        var registry = await home.OpenAsync();
        var task = await Insert(registry, New());
        await registry.Do((unit, token) => unit.UpdateTaskAsync(task with { Status = WorkStatus.Success, ExpiresAt = unit.Now + Minute }, token));
        home.Clock.Advance(Minute);
        Assert.Null(await registry.FindTaskAsync(task.Id, Cancellation));
        Assert.Empty(await registry.ListImageTasksAsync(task.ImageId, Cancellation));
        Assert.Empty(await registry.ListTasksAsync(new TaskQuery { Viewer = new ImageViewer(null, SeesEverything: true) }, Cancellation));
        Assert.Equal(1, await registry.Do((unit, token) => unit.RemoveExpiredTasksAsync(token)));
        Assert.Equal(0, await registry.Count("tasks"));
    }

    [Fact]
    public async Task Lists_are_of_ones_own_filtered_sorted_and_paged()
    {
        var registry = await home.OpenAsync();
        List<TaskRecord> tasks = [];
        for (var i = 0; i < 7; i++)
        {
            // Two of the same instant: the id decides.
            if (i != 3)
                home.Clock.Advance(Minute);
            tasks.Add(await Insert(registry, New(i % 2 == 0 ? "p1" : "p2", i < 5 ? "import" : "api_image_import")));
        }

        var all = new TaskQuery { Viewer = new ImageViewer(null, SeesEverything: true) };
        foreach (var sort in Enum.GetValues<TaskColumn>())
        {
            foreach (var descending in new[] { false, true })
            {
                var whole = await registry.ListTasksAsync(all with { Sort = sort, Descending = descending }, Cancellation);
                Assert.Equal(7, whole.Count);
                List<TaskRecord> paged = [];
                string? marker = null;
                while (await registry.ListTasksAsync(all with { Sort = sort, Descending = descending, Limit = 2, Marker = marker }, Cancellation) is { Count: > 0 } page)
                {
                    paged.AddRange(page);
                    marker = page[^1].Id;
                }

                Assert.Equal(whole, paged);
            }
        }

        Assert.Equal(tasks[^1], (await registry.ListTasksAsync(all, Cancellation))[0]);
        Assert.Equal(2, (await registry.ListTasksAsync(all with { Type = "api_image_import" }, Cancellation)).Count);
        Assert.Empty(await registry.ListTasksAsync(all with { Status = WorkStatus.Success }, Cancellation));
        var own = all with { Viewer = new ImageViewer("p2", SeesEverything: false) };
        Assert.Equal(3, (await registry.ListTasksAsync(own, Cancellation)).Count);
        await Assert.ThrowsAsync<UnknownMarkerException>(() => registry.ListTasksAsync(own with { Marker = tasks[0].Id }, Cancellation));
    }

    [Fact]
    public async Task A_task_is_dead_when_nobody_holds_its_lease_and_it_has_not_ended()
    {
        var registry = await home.OpenAsync();
        var other = await home.OpenAsync("gateway-2");
        var task = await Insert(registry, New());
        await registry.Do((unit, token) => unit.TakeLeaseAsync(task.LeaseName, Minute, ownToo: false, token));
        Assert.Empty(await registry.ListDeadTasksAsync(ownToo: false, Cancellation));
        Assert.Empty(await other.ListDeadTasksAsync(ownToo: true, Cancellation));
        Assert.Equal(task, Assert.Single(await registry.ListDeadTasksAsync(ownToo: true, Cancellation)));
        home.Clock.Advance(Minute);
        Assert.Equal(task, Assert.Single(await other.ListDeadTasksAsync(ownToo: false, Cancellation)));
        await registry.Do((unit, token) => unit.UpdateTaskAsync(task with { Status = WorkStatus.Success }, token));
        Assert.Empty(await other.ListDeadTasksAsync(ownToo: false, Cancellation));
    }

    [Fact]
    public async Task Staged_data_is_one_for_an_image()
    {
        var registry = await home.OpenAsync();
        var staged = new StagedData(Units.NewId(), "store", "file:///x", 5, "abc", home.Clock.Now);
        Assert.Null(await registry.FindStagedAsync(staged.ImageId, Cancellation));
        await registry.Do(async (unit, token) =>
        {
            await unit.InsertStagedAsync(staged, token);
            return 0;
        });
        Assert.Equal(staged, await registry.FindStagedAsync(staged.ImageId, Cancellation));
        await registry.Do(async (unit, token) =>
        {
            await unit.RemoveStagedAsync(staged.ImageId, token);
            return 0;
        });
        Assert.Null(await registry.FindStagedAsync(staged.ImageId, Cancellation));
    }

    [Fact]
    public async Task Intents_are_found_by_the_lease_of_their_work()
    {
        var registry = await home.OpenAsync();
        var found = await registry.Do(async (unit, token) =>
        {
            await unit.InsertIntentAsync(new StoreIntent("1", IntentKind.Write, "i", "s", null, "image/i", Registered: false, unit.Now), token);
            await unit.InsertIntentAsync(new StoreIntent("2", IntentKind.Delete, "j", "s", "u", "image/j", Registered: false, unit.Now), token);
            return await unit.ListIntentsAsync("image/j", token);
        });
        Assert.Equal("2", Assert.Single(found).AttemptId);
    }
}
