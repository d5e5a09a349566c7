using GlanceGateway.Registry;

namespace GlanceGateway.Images.Tests;

public sealed class HeldLeaseTests
{
    private static readonly TimeSpan duration = TimeSpan.FromSeconds(1.5);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_lease_outlives_its_duration_while_its_work_runs()
    {
        await using var world = await ImageWorld.OpenAsync(sweep: false);
        var lease = await TakeAsync(world);
        await using (var held = new HeldLease(world.Registry, lease, duration, Wanted, TimeProvider.System))
        {
            await Task.Delay(duration * 2, Token);
            Assert.False(held.Lost.IsCancellationRequested);
            await world.Registry.WriteAsync(
                async (tx, ct) =>
                {
                    await tx.RequireLeaseAsync(lease, ct);
                    return true;
                },
                Token);
        }

        // Renewed no more: it runs out.
        await Task.Delay(duration * 1.2, Token);
        await Assert.ThrowsAsync<LeaseLostException>(() => world.Registry.WriteAsync(
            async (tx, ct) =>
            {
                await tx.RequireLeaseAsync(lease, ct);
                return true;
            },
            Token));
    }

    [Fact]
    public async Task A_lease_taken_over_ends_the_work()
    {
        await using var world = await ImageWorld.OpenAsync(sweep: false);
        await using var held = new HeldLease(world.Registry, await TakeAsync(world), duration, Wanted, TimeProvider.System);
        Assert.NotNull(await world.Registry.WriteAsync((tx, ct) => tx.TakeLeaseAsync("work", duration, ownToo: true, ct), Token));
        await LostAsync(held);
    }

    [Fact]
    public async Task Work_that_is_no_longer_wanted_ends()
    {
        await using var world = await ImageWorld.OpenAsync(sweep: false);
        await using var held = new HeldLease(world.Registry, await TakeAsync(world), duration, (_, _) => Task.FromResult(false), TimeProvider.System);
        await LostAsync(held);
    }

    [Fact]
    public async Task A_renewal_that_fails_is_tried_again_until_the_lease_has_run_out()
    {
        await using var world = await ImageWorld.OpenAsync(sweep: false);
        var lease = await TakeAsync(world);
        var asked = 0;
        await using (var held = new HeldLease(
            world.Registry, lease, duration, (_, _) => Interlocked.Increment(ref asked) == 1 ? throw new IOException("away for a moment") : Task.FromResult(true), TimeProvider.System))
        {
            await Task.Delay(duration * 1.5, Token);
            Assert.False(held.Lost.IsCancellationRequested);
        }

        await using var given = new HeldLease(world.Registry, lease, duration, (_, _) => throw new IOException("away for good"), TimeProvider.System);
        await LostAsync(given);
    }

    private static Task<bool> Wanted(RegistryTransaction tx, CancellationToken cancellationToken) => Task.FromResult(true);

    private static async Task<Lease> TakeAsync(ImageWorld world) =>
        (await world.Registry.WriteAsync((tx, ct) => tx.TakeLeaseAsync("work", duration, ownToo: false, ct), Token))!;

    private static async Task LostAsync(HeldLease held)
    {
        var lost = new TaskCompletionSource();
        await using var registration = held.Lost.Register(lost.SetResult);
        await lost.Task.WaitAsync(TimeSpan.FromSeconds(20), Token);
    }
}
