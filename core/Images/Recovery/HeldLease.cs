using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>
/// A lease that is renewed in the background for as long as its work runs. When it cannot be renewed (another gateway took over, the image
/// was deleted under the transfer, the registry is away for too long) <see cref="Lost"/> ends the work; the fence in the registry then keeps
/// whatever the work still tries from having an effect.
/// </summary>
internal sealed class HeldLease : IAsyncDisposable
{
    private readonly ImageRegistry registry;
    private readonly TimeSpan duration;
    private readonly Func<RegistryTransaction, CancellationToken, Task<bool>> stillWanted;
    private readonly CancellationTokenSource lost = new();
    private readonly CancellationTokenSource done = new();
    private readonly Task renewing;

    /// <summary>Starts to renew.</summary>
    /// <param name="registry">Holds the lease.</param>
    /// <param name="lease">Just taken.</param>
    /// <param name="duration">Of each renewal.</param>
    /// <param name="stillWanted">Asked at each renewal, in its transaction: false ends the work.</param>
    /// <param name="time">The clock of the renewals.</param>
    public HeldLease(
        ImageRegistry registry, Lease lease, TimeSpan duration, Func<RegistryTransaction, CancellationToken, Task<bool>> stillWanted, TimeProvider time)
    {
        this.registry = registry;
        this.duration = duration;
        this.stillWanted = stillWanted;
        Lease = lease;
        renewing = Task.Run(() => RenewAsync(time));
    }

    /// <summary>The lease as taken; its epoch never changes.</summary>
    public Lease Lease { get; }

    /// <summary>Cancelled when the work must end.</summary>
    public CancellationToken Lost => lost.Token;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await done.CancelAsync();
        await renewing;
        done.Dispose();
        lost.Dispose();
    }

    private async Task RenewAsync(TimeProvider time)
    {
        var held = Lease;

        // The expiry is in the database's time, which need not be ours: what counts here is how long ago we asked for it.
        var askedAt = time.GetTimestamp();
        try
        {
            while (true)
            {
                await Task.Delay(duration / 3, time, done.Token);
                var asking = time.GetTimestamp();
                var remaining = duration - time.GetElapsedTime(askedAt, asking);
                try
                {
                    using var answer = new CancellationTokenSource(remaining > TimeSpan.Zero ? remaining : TimeSpan.Zero, time);
                    using var either = CancellationTokenSource.CreateLinkedTokenSource(done.Token, answer.Token);
                    var renewed = await registry.WriteAsync(
                        async (tx, ct) => await stillWanted(tx, ct) ? await tx.RenewLeaseAsync(held, duration, ct) : null,
                        either.Token);
                    if (renewed is null)
                    {
                        await lost.CancelAsync();
                        return;
                    }

                    held = renewed;
                    askedAt = asking;
                }
                catch (Exception) when (!done.IsCancellationRequested && time.GetElapsedTime(askedAt) < duration)
                {
                    // The registry may come back before the lease runs out: the next round tries again.
                    continue;
                }
            }
        }
        catch (OperationCanceledException) when (done.IsCancellationRequested)
        {
            // The work is done.
        }
        catch (Exception)
        {
            // The registry stayed away until the lease ran out: the work must assume that another gateway has it now.
            await lost.CancelAsync();
        }
    }
}
