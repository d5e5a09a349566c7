using System.IO.Pipelines;
using GlanceGateway.Registry;
using GlanceGateway.Registry.Tests;
using GlanceGateway.Testing;

namespace GlanceGateway.Images.Tests;

/// <summary>Quotas hold exactly, whoever uploads at the same time.</summary>
public abstract class QuotaTests
{
    private const int Kilobyte = 1000;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Of_64_images_created_and_uploaded_at_once_the_10_that_are_allowed_succeed()
    {
        await using var world = await OpenAsync(new ProjectLimits { Images = 10 });
        var done = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => SucceedsAsync(async () =>
            await world.UploadAsync(await world.CreateAsync(), new byte[Kilobyte], Kilobyte))));
        Assert.Equal(10, done.Count(ok => ok));
        Assert.Equal(10, await world.Registry.SumUsageAsync("p-owner", UsageKind.Images, Token));
    }

    [Fact]
    public async Task Of_64_uploads_at_once_the_10_that_fit_succeed()
    {
        await using var world = await OpenAsync(new ProjectLimits { StoredBytes = (10 * Kilobyte) + 999 });
        var images = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => world.CreateAsync()));
        var done = await Task.WhenAll(images.Select(image => SucceedsAsync(() => world.UploadAsync(image, new byte[Kilobyte], Kilobyte))));
        Assert.Equal(10, done.Count(ok => ok));
        Assert.Equal(10 * Kilobyte, await world.Registry.SumUsageAsync("p-owner", UsageKind.StoredBytes, Token));
        await Eventually(() => world.Files.Length == 10);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Eight_uploads_at_once_that_just_fit_all_succeed_whether_their_length_is_known_or_not(bool known)
    {
        var size = Requires.FullCounts ? 1 << 30 : 40 << 20;
        await using var world = await OpenAsync(new ProjectLimits { StoredBytes = 8L * size });
        var images = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => world.CreateAsync()));
        await Task.WhenAll(images.Select(image => world.Images.Uploads.UploadAsync(
            ImageWorld.Owner, image.Id, new UploadRequest(PipeReader.Create(new ZeroStream(size)), known ? size : null, null), Token)));
        Assert.Equal(8L * size, await world.Registry.SumUsageAsync("p-owner", UsageKind.StoredBytes, Token));
        var late = await world.CreateAsync();
        Assert.Equal(ImageError.TooLarge, await ImageWorld.RefusalAsync(world.UploadAsync(late, [1])));
        await world.Images.Catalog.DeleteAsync(ImageWorld.Owner, images[0].Id, Token);
        await world.UploadAsync(late, [1]);
    }

    [Fact]
    public async Task Transfers_at_once_are_limited()
    {
        await using var world = await OpenAsync(new ProjectLimits { Transfers = 2 });
        var bodies = new[] { new Pipe(), new Pipe() };
        var running = new List<Task>();
        foreach (var body in bodies)
        {
            var image = await world.CreateAsync();
            running.Add(world.Images.Uploads.UploadAsync(ImageWorld.Owner, image.Id, new UploadRequest(body.Reader, null, null), Token));
            await Eventually(async () => (await world.FindAsync(image)).Status == ImageStatus.Saving);
        }

        var third = await world.CreateAsync();
        Assert.Equal(ImageError.TooLarge, await ImageWorld.RefusalAsync(world.UploadAsync(third, [1])));
        await bodies[0].Writer.CompleteAsync();
        await running[0];
        await world.UploadAsync(third, [1]);
        await bodies[1].Writer.CompleteAsync();
        await running[1];
    }

    private protected abstract Task<ImageWorld> OpenAsync(ProjectLimits limits);

    private protected static async Task Eventually(Func<Task<bool>> condition)
    {
        for (var i = 0; !await condition(); i++)
        {
            Assert.True(i < 1200, "It did not come about within a minute.");
            await Task.Delay(50, Token);
        }
    }

    private protected static Task Eventually(Func<bool> condition) => Eventually(() => Task.FromResult(condition()));

    private static async Task<bool> SucceedsAsync(Func<Task> work)
    {
        try
        {
            await work();
            return true;
        }
        catch (ImageException refusal) when (refusal.Error == ImageError.TooLarge)
        {
            Assert.Contains("Project p-owner is over a limit for [Resource image_", refusal.Message, StringComparison.Ordinal);
            return false;
        }
    }

    /// <summary>So many zeros.</summary>
    private protected sealed class ZeroStream(long length) : MemoryStream
    {
        private long left = length;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var count = (int)Math.Min(left, buffer.Length);
            buffer.Span[..count].Clear();
            left -= count;
            return new(count);
        }
    }
}

public sealed class QuotasOnSqlite : QuotaTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_upload_of_unknown_length_that_turns_out_not_to_fit_is_ended_and_leaves_nothing()
    {
        await using var world = await OpenAsync(new ProjectLimits { StoredBytes = 5 << 20 });
        var image = await world.CreateAsync();
        Assert.Equal(ImageError.TooLarge, await ImageWorld.RefusalAsync(world.Images.Uploads.UploadAsync(
            ImageWorld.Owner, image.Id, new UploadRequest(PipeReader.Create(new ZeroStream(20 << 20)), null, null), Token)));
        Assert.Equal(ImageStatus.Queued, (await world.FindAsync(image)).Status);
        Assert.Empty(world.Files);
        Assert.Equal(0, await world.Registry.SumUsageAsync("p-owner", UsageKind.StoredBytes, Token));
        await world.UploadAsync(image, new byte[5 << 20]);
    }

    [Fact]
    public async Task What_a_dead_gateway_had_reserved_is_free_once_its_lease_has_expired()
    {
        var time = new ManualTime();
        var limits = new ConfiguredLimits(new ProjectLimits { StoredBytes = 100 }, new Dictionary<string, ProjectLimits>());
        await using var world = await ImageWorld.OpenAsync(time: time, sweep: false, limits: limits);
        var lease = (await world.Registry.WriteAsync((tx, ct) => tx.TakeLeaseAsync("image/x", TimeSpan.FromSeconds(30), ownToo: false, ct), Token))!;
        using (await world.Images.Quotas.ReserveAsync("p-owner", UsageKind.StoredBytes, 90, lease, Token))
        {
            var image = await world.CreateAsync();
            Assert.Equal(ImageError.TooLarge, await ImageWorld.RefusalAsync(world.UploadAsync(image, new byte[11], 11)));
            time.Advance(TimeSpan.FromSeconds(31));
            await world.UploadAsync(image, new byte[11], 11);
        }
    }

    [Fact]
    public async Task A_hold_that_is_settled_leaves_no_reservation_although_its_lease_lives_on()
    {
        await using var world = await OpenAsync(new ProjectLimits { StagedBytes = 100 });
        var lease = (await world.Registry.WriteAsync((tx, ct) => tx.TakeLeaseAsync("task/x", TimeSpan.FromSeconds(30), ownToo: false, ct), Token))!;
        using var hold = await world.Images.Quotas.ReserveAsync("p-owner", UsageKind.StagedBytes, null, lease, Token);
        await hold.EnsureAsync(60, Token);
        Assert.InRange(await world.Registry.SumUsageAsync("p-owner", UsageKind.StagedBytes, Token), 60, 100);
        await Assert.ThrowsAsync<ImageException>(async () => await hold.EnsureAsync(101, Token));
        await hold.EnsureAsync(100, Token);
        await world.Registry.WriteAsync(
            async (tx, ct) =>
            {
                await hold.SettleAsync(tx, ct);
                return true;
            },
            Token);
        Assert.Equal(0, await world.Registry.SumUsageAsync("p-owner", UsageKind.StagedBytes, Token));
    }

    [Fact]
    public async Task Limits_are_of_the_owner_and_may_differ_by_project()
    {
        var limits = new ConfiguredLimits(
            new ProjectLimits { Images = 1 }, new Dictionary<string, ProjectLimits> { ["p-member"] = new() { Images = 2 }, ["p-stranger"] = ProjectLimits.None });
        await using var world = await ImageWorld.OpenAsync(limits: limits);
        await world.CreateAsync(ImageWorld.Admin, ("owner", "p-owner"));
        Assert.Equal(ImageError.TooLarge, await ImageWorld.RefusalAsync(world.CreateAsync()));
        await world.CreateAsync(ImageWorld.Member);
        await world.CreateAsync(ImageWorld.Member);
        Assert.Equal(ImageError.TooLarge, await ImageWorld.RefusalAsync(world.CreateAsync(ImageWorld.Member)));
        for (var i = 0; i < 5; i++)
        {
            await world.CreateAsync(ImageWorld.Stranger);
        }

        Assert.Equal(
            [new("image_size_total", 0, null), new("image_stage_total", 0, null), new("image_count_total", 2, 2), new("image_count_uploading", 0, null)],
            await world.Images.Quotas.ListUsageAsync(ImageWorld.Member, Token));
    }

    [Fact]
    public async Task Without_limits_nothing_is_counted_and_no_usage_is_shown()
    {
        await using var world = await ImageWorld.OpenAsync();
        await world.UploadAsync(await world.CreateAsync(), [1]);
        Assert.Empty(await world.Images.Quotas.ListUsageAsync(ImageWorld.Owner, Token));
    }

    private protected override Task<ImageWorld> OpenAsync(ProjectLimits limits) =>
        ImageWorld.OpenAsync(limits: new ConfiguredLimits(limits, new Dictionary<string, ProjectLimits>()));
}

/// <summary>The same with the registry in PostgreSQL, where units of work run side by side.</summary>
public sealed class QuotasOnPostgres : QuotaTests, IClassFixture<QuotasOnPostgres.Server>
{
    private readonly Server server;

    public QuotasOnPostgres(Server server) => this.server = server;

    private protected override async Task<ImageWorld> OpenAsync(ProjectLimits limits) => await ImageWorld.OpenAsync(
        limits: new ConfiguredLimits(limits, new Dictionary<string, ProjectLimits>()),
        postgres: new PostgresOptions { ConnectionString = server.Running.ConnectionTo(await server.Running.CreateDatabaseAsync(migrated: true)) });

    /// <summary>One server for the class.</summary>
    public sealed class Server : IAsyncLifetime
    {
        internal PostgresServer Running { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Running = await PostgresServer.StartNewAsync();

        public async ValueTask DisposeAsync()
        {
            if (Running is not null)
            {
                await Running.DisposeAsync();
            }
        }
    }
}
