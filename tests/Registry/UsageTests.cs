using Dapper;
using GlanceGateway.Registry;

namespace GlanceGateway.Registry.Tests;

/// <summary>What a project uses: summed up from images, and reserved under leases.</summary>
public abstract class UsageTests(RegistryHome home) : IAsyncLifetime
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private ImageRegistry _registry = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _registry = await home.OpenAsync();

    public async ValueTask DisposeAsync()
    {
        await home.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Images_count_by_what_they_are()
    {
        await InsertAsync(ImageStatus.Queued, size: null);
        await InsertAsync(ImageStatus.Saving, size: null);
        await InsertAsync(ImageStatus.Uploading, size: 7);
        await InsertAsync(ImageStatus.Importing, size: 11);
        await InsertAsync(ImageStatus.Active, size: 100, locations: 1);
        await InsertAsync(ImageStatus.Deactivated, size: 1000, locations: 2);
        await InsertAsync(ImageStatus.Killed, size: 5, locations: 1);
        await InsertAsync(ImageStatus.PendingDelete, size: 50, locations: 1);
        var gone = await InsertAsync(ImageStatus.Active, size: 500, locations: 1);
        await _registry.Delete(gone.Id);
        await InsertAsync(ImageStatus.Active, size: 10_000, locations: 1, owner: "other");

        Assert.Equal([2100, 18, 7, 3], await UsageAsync("p"));
        Assert.Equal([10_000, 0, 1, 0], await UsageAsync("other"));
        Assert.Equal([0, 0, 0, 0], await UsageAsync("none"));
        Assert.Equal([0, 0, 0, 0], await UsageAsync("nul\0"));
    }

    [Fact]
    public async Task A_reservation_goes_with_its_lease()
    {
        var lease = await TakeAsync("a");
        Assert.True(await ReserveAsync(lease, 5));
        Assert.True(await ReserveAsync(lease, 8));
        Assert.Equal(8, await StoredAsync());
        await _registry.Do(async (unit, token) =>
        {
            await unit.LowerReservationAsync(lease.Epoch, UsageKind.StoredBytes, 9, token);
            await unit.LowerReservationAsync(lease.Epoch, UsageKind.StoredBytes, 6, token);
            await unit.LowerReservationAsync(lease.Epoch, UsageKind.StagedBytes, 6, token);
            return true;
        });
        Assert.Equal([6, 0, 0, 0], await UsageAsync("p"));

        await _registry.Do(async (unit, token) =>
        {
            await unit.ReleaseLeaseAsync(lease, token);
            return true;
        });
        Assert.Equal(0, await StoredAsync());
        Assert.Equal(0, await _registry.Count("reservations"));
        Assert.False(await ReserveAsync(lease, 1));
        Assert.Equal(0, await StoredAsync());
    }

    [Fact]
    public async Task What_a_dead_gateway_reserved_counts_until_its_lease_expires_and_goes_when_it_is_taken_over()
    {
        var dead = await home.OpenAsync("gateway-2");
        var lease = (await dead.Do((unit, token) => unit.TakeLeaseAsync("a", Minute, ownToo: false, token)))!;
        await dead.Do((unit, token) => unit.ReserveAsync(lease.Epoch, "p", UsageKind.StoredBytes, 5, token));
        home.Clock.Advance(Minute - TimeSpan.FromSeconds(1));
        Assert.Equal(5, await StoredAsync());
        home.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0, await StoredAsync());
        Assert.Equal(1, await _registry.Count("reservations"));
        await TakeAsync("a");
        Assert.Equal(0, await _registry.Count("reservations"));
    }

    [Fact]
    public async Task The_image_at_a_place_is_found_by_its_exact_URL()
    {
        var image = await InsertAsync(ImageStatus.Active, size: 1, locations: 1);
        Assert.Equal(image.Id, await _registry.Do((unit, token) => unit.FindImageAtAsync($"memory://{image.Id}/0", token)));
        Assert.Null(await _registry.Do((unit, token) => unit.FindImageAtAsync($"memory://{image.Id}", token)));
    }

    protected async Task<string> PlanAsync(string explain)
    {
        var rows = await _registry.ReadAsync(
            (connection, token) => connection.QueryAsync<dynamic>(new CommandDefinition(
                explain + " SELECT COUNT(*) FROM images i WHERE i.owner = @project AND i.status NOT IN ('killed', 'deleted')", new { project = "p" }, cancellationToken: token)),
            Cancellation);
        return string.Join('\n', rows.Select(row => string.Join(' ', ((IDictionary<string, object>)row).Values)));
    }

    private async Task<Image> InsertAsync(ImageStatus status, long? size, int locations = 0, string owner = "p")
    {
        var image = await _registry.Insert(new Image { Id = Units.NewId(), Owner = owner, Status = status, Size = size });
        for (var i = 0; i < locations; i++)
        {
            var location = new ImageLocation(0, "memory", $"memory://{image.Id}/{i}", new Dictionary<string, string>());
            await _registry.Do((unit, token) => unit.AddLocationAsync(image.Id, location, token));
        }

        return image;
    }

    private async Task<Lease> TakeAsync(string name) =>
        await _registry.Do((unit, token) => unit.TakeLeaseAsync(name, Minute, ownToo: false, token)) ?? throw new InvalidOperationException("It is held.");

    private Task<bool> ReserveAsync(Lease lease, long amount) =>
        _registry.Do((unit, token) => unit.ReserveAsync(lease.Epoch, "p", UsageKind.StoredBytes, amount, token));

    private Task<long> StoredAsync() => _registry.SumUsageAsync("p", UsageKind.StoredBytes, Cancellation);

    /// <summary>By reads, and the same within a unit.</summary>
    private async Task<IReadOnlyList<long>> UsageAsync(string project)
    {
        var sums = new List<long>();
        foreach (var kind in Enum.GetValues<UsageKind>())
        {
            var sum = await _registry.SumUsageAsync(project, kind, Cancellation);
            Assert.Equal(sum, await _registry.Do((unit, token) => unit.SumUsageAsync(project, kind, token)));
            sums.Add(sum);
        }

        return sums;
    }
}
