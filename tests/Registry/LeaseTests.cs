using GlanceGateway.Registry;

namespace GlanceGateway.Registry.Tests;

public abstract class LeaseTests(RegistryHome home) : IAsyncDisposable
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    public async ValueTask DisposeAsync()
    {
        await home.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private static Task<Lease?> Take(ImageRegistry registry, string name = "image/1", bool ownToo = false) =>
        registry.Do((unit, token) => unit.TakeLeaseAsync(name, Minute, ownToo, token));

    private static Task<int> Require(ImageRegistry registry, Lease lease) => registry.Do(async (unit, token) =>
    {
        await unit.RequireLeaseAsync(lease, token);
        return 0;
    });

    private static Task<int> Release(ImageRegistry registry, Lease lease) => registry.Do(async (unit, token) =>
    {
        await unit.ReleaseLeaseAsync(lease, token);
        return 0;
    });

    [Fact]
    public async Task A_lease_is_held_by_one_until_it_is_given_back()
    {
        var registry = await home.OpenAsync();
        var other = await home.OpenAsync("gateway-2");
        var lease = await Take(registry);
        Assert.Equal(new Lease("image/1", "gateway-1", lease!.Epoch, home.Clock.Now + Minute), lease);
        Assert.Null(await Take(other));
        Assert.Null(await Take(other, ownToo: true));
        Assert.Null(await Take(registry));
        Assert.NotNull(await Take(registry, "image/2"));
        await Require(registry, lease);
        await Release(registry, lease);
        await Assert.ThrowsAsync<LeaseLostException>(() => Require(registry, lease));
        Assert.True((await Take(other))!.Epoch > lease.Epoch);
    }

    [Fact]
    public async Task The_epoch_grows_for_ever_even_over_a_restart()
    {
        var last = 0L;
        for (var life = 0; life < 3; life++)
        {
            await using var registry = await home.OpenAsync();
            for (var taking = 0; taking < 3; taking++)
            {
                var lease = await Take(registry, ownToo: true);
                Assert.True(lease!.Epoch > last);
                last = lease.Epoch;
                if (taking == 1)
                    await Release(registry, lease);
            }
        }
    }

    [Fact]
    public async Task A_renewed_lease_lasts_from_the_renewal()
    {
        var registry = await home.OpenAsync();
        var lease = (await Take(registry))!;
        home.Clock.Advance(Minute * 0.9);
        var renewed = await registry.Do((unit, token) => unit.RenewLeaseAsync(lease, Minute, token));
        Assert.Equal(lease with { ExpiresAt = home.Clock.Now + Minute }, renewed);
        home.Clock.Advance(Minute * 0.9);
        await Require(registry, lease);
        home.Clock.Advance(Minute * 0.1);
        Assert.Null(await registry.Do((unit, token) => unit.RenewLeaseAsync(lease, Minute, token)));
    }

    [Fact]
    public async Task After_the_expiry_another_takes_over_and_the_late_owner_writes_nothing()
    {
        var registry = await home.OpenAsync();
        var other = await home.OpenAsync("gateway-2");
        var image = await registry.Insert(new Image { Id = Units.NewId(), Name = "before" });
        var late = (await Take(registry))!;
        home.Clock.Advance(Minute - TimeSpan.FromMicroseconds(1));
        Assert.Null(await Take(other));
        await Require(registry, late);
        home.Clock.Advance(TimeSpan.FromMicroseconds(1));
        await Assert.ThrowsAsync<LeaseLostException>(() => Require(registry, late));
        var taken = (await Take(other))!;
        Assert.True(taken.Epoch > late.Epoch);
        Assert.Equal("gateway-2", taken.Owner);

        var changes = await registry.LatestChangeAsync(TestContext.Current.CancellationToken);
        var lost = await Assert.ThrowsAsync<LeaseLostException>(() => registry.Do(async (unit, token) =>
        {
            await unit.UpdateImageAsync(image with { Name = "late" }, token);
            await unit.RequireLeaseAsync(late, token);
            return 0;
        }));
        Assert.Equal("image/1", lost.LeaseName);
        await Release(registry, late);
        Assert.Null(await registry.Do((unit, token) => unit.RenewLeaseAsync(late, Minute, token)));
        Assert.Equal("before", (await registry.Find(image.Id))!.Name);
        Assert.Equal(changes, await registry.LatestChangeAsync(TestContext.Current.CancellationToken));
        await Require(other, taken);
    }

    [Fact]
    public async Task A_unit_that_swallows_the_loss_of_its_lease_is_rolled_back_all_the_same()
    {
        var registry = await home.OpenAsync();
        var lease = (await Take(registry))!;
        await Release(registry, lease);
        var id = Units.NewId();
        await Assert.ThrowsAsync<LeaseLostException>(() => registry.Do(async (unit, token) =>
        {
            try
            {
                await unit.RequireLeaseAsync(lease, token);
            }
            catch (LeaseLostException)
            {
                await unit.InsertImageAsync(new Image { Id = id }, token);
            }

            return 0;
        }));
        Assert.Null(await registry.Find(id));
    }

    [Fact]
    public async Task A_gateway_that_comes_back_takes_its_own_lease_at_once()
    {
        var registry = await home.OpenAsync();
        var lease = (await Take(registry))!;
        Assert.Null(await Take(registry));
        var again = (await Take(registry, ownToo: true))!;
        Assert.True(again.Epoch > lease.Epoch);
        await Assert.ThrowsAsync<LeaseLostException>(() => Require(registry, lease));
        await Require(registry, again);
    }

    [Fact]
    public async Task Intents_are_dead_when_nobody_holds_their_lease()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var registry = await home.OpenAsync();
        var other = await home.OpenAsync("gateway-2");
        async Task<Lease> Begin(ImageRegistry of, string attempt, string lease)
        {
            home.Clock.Advance(TimeSpan.FromSeconds(1));
            return await of.Do(async (unit, token) =>
            {
                var taken = await unit.TakeLeaseAsync(lease, Minute, ownToo: false, token);
                await unit.InsertIntentAsync(
                    new StoreIntent(attempt, IntentKind.Write, "image", "default", null, lease, Registered: false, unit.Now), token);
                return taken!;
            });
        }

        async Task<string> Dead(ImageRegistry seenBy, bool ownToo) =>
            string.Join(' ', (await seenBy.ListDeadIntentsAsync(ownToo, cancellation)).Select(intent => intent.AttemptId));

        var started = home.Clock.Now.AddSeconds(1);
        var lease = await Begin(registry, "b-mine", "image/1");
        await Begin(other, "a-theirs", "image/2");
        Assert.Equal("", await Dead(registry, ownToo: false));
        Assert.Equal("b-mine", await Dead(registry, ownToo: true));
        Assert.Equal("a-theirs", await Dead(other, ownToo: true));

        await Release(registry, lease);
        Assert.Equal("b-mine", await Dead(other, ownToo: false));
        var adopted = (await Take(other))!;
        Assert.Equal("", await Dead(registry, ownToo: true));
        home.Clock.Advance(Minute);
        Assert.Equal("b-mine a-theirs", await Dead(registry, ownToo: false));
        await Assert.ThrowsAsync<LeaseLostException>(() => Require(other, adopted));

        await registry.Do(async (unit, token) =>
        {
            await unit.RegisterIntentAsync("b-mine", token);
            await unit.InsertIntentAsync(
                new StoreIntent("c", IntentKind.Delete, "image", "ceph", "rbd://x", "image/9", Registered: false, unit.Now), token);
            await unit.RemoveIntentAsync("a-theirs", token);
            await unit.RemoveIntentAsync("a-theirs", token);
            return 0;
        });
        Assert.Equal(
            [
                new StoreIntent("b-mine", IntentKind.Write, "image", "default", null, "image/1", Registered: true, started),
                new StoreIntent("c", IntentKind.Delete, "image", "ceph", "rbd://x", "image/9", Registered: false, home.Clock.Now),
            ],
            await registry.ListDeadIntentsAsync(ownToo: false, cancellation));
        await Assert.ThrowsAsync<RegistryException>(() => Begin(registry, "c", "image/10"));
        Assert.NotNull(await Take(registry, "image/10"));
    }

    [Fact]
    public async Task A_deletion_that_is_to_wait_is_left_by_everybody_until_its_time_though_its_gateway_is_dead()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var registry = await home.OpenAsync();
        var other = await home.OpenAsync("gateway-2");
        var begun = home.Clock.Now;
        var image = await registry.Do(async (unit, token) =>
        {
            var inserted = (await unit.InsertImageAsync(new Image { Id = "a", Status = ImageStatus.Active, Size = 7, Checksum = "c" }, token))!;
            await unit.TakeLeaseAsync("image/a", Minute, ownToo: false, token);
            foreach (var (attempt, kind, url, wait) in new[]
            {
                ("2", IntentKind.Delete, "u://2", 5 * Minute), ("1", IntentKind.Delete, "u://1", 5 * Minute), ("3", IntentKind.Delete, "u://3", Minute), ("4", IntentKind.Write, null, 5 * Minute),
            })
            {
                await unit.InsertIntentAsync(new StoreIntent(attempt, kind, "a", "s" + attempt, url, "image/a", Registered: false, unit.Now, "here", unit.Now + wait), token);
            }

            return inserted;
        });
        Assert.Empty(await other.ListDeletedWithDataAsync(cancellation));
        await registry.Do((unit, token) => unit.DeleteImageAsync("a", token));

        // At first the lease is alive, then dead, and at a restart of the gateway it is its own.
        Assert.Empty(await registry.ListDeadIntentsAsync(ownToo: true, cancellation));
        home.Clock.Advance(Minute);
        Assert.Equal(["3"], (await other.ListDeadIntentsAsync(ownToo: false, cancellation)).Select(intent => intent.AttemptId));
        var readable = Assert.Single(await other.ListDeletedWithDataAsync(cancellation));
        Assert.Equal((image.Id, image.Size, image.Checksum, ImageStatus.Deleted), (readable.Id, readable.Size, readable.Checksum, readable.Status));
        Assert.Equal([("s1", "u://1", "here"), ("s2", "u://2", "here")], readable.Locations.Select(location => (location.Store, location.Url, location.Place)));

        home.Clock.Advance(4 * Minute);
        Assert.Empty(await other.ListDeletedWithDataAsync(cancellation));
        var dead = await other.ListDeadIntentsAsync(ownToo: false, cancellation);
        Assert.Equal(["1", "2", "3", "4"], dead.Select(intent => intent.AttemptId));
        Assert.Equal(begun + (5 * Minute), dead[0].NotBefore);
    }
}
