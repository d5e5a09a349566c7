using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>What one piece of work has reserved of its project's quota, and the way to reserve more as bytes come. One caller at a time.</summary>
public sealed class QuotaHold : IDisposable
{
    /// <summary>Bytes of a step are a half of what was reserved before it, from 16 MiB to 1 GiB: 30 steps for a tebibyte.</summary>
    internal const long SmallestStep = 16L << 20;

    internal const long LargestStep = 1L << 30;

    /// <summary>Of what is free beyond the need a step takes at most this part, so that nobody's slack is the last of a quota.</summary>
    private const int ShareOfFree = 4;

    private readonly QuotaLedger ledger;
    private readonly long? limit;
    private readonly Lease lease;
    private readonly Lock gate = new();
    private long reserved;
    private long used;

    internal QuotaHold(QuotaLedger ledger, string project, UsageKind kind, long? limit, long reserved, bool grows, Lease lease)
    {
        this.ledger = ledger;
        this.limit = limit;
        this.lease = lease;
        this.reserved = reserved;
        Project = project;
        Kind = kind;
        if (grows && limit is not null)
        {
            ledger.Track(this);
        }
    }

    internal string Project { get; }

    internal UsageKind Kind { get; }

    /// <summary>Makes sure that so much is reserved. Nearly always it is, and nothing is asked.</summary>
    /// <param name="total">Bytes from the beginning, those included that are about to be handed on. Never less than before.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <exception cref="ImageException"><see cref="ImageError.TooLarge"/>: they do not fit.</exception>
    /// <exception cref="LeaseLostException">The work is no longer this gateway's.</exception>
    public ValueTask EnsureAsync(long total, CancellationToken cancellationToken) =>
        limit is not { } most || TryUse(total) ? ValueTask.CompletedTask : new(GrowAsync(total, most, cancellationToken));

    /// <summary>Ends the reservation in the unit of work that makes its bytes count, when the lease lives on after it.</summary>
    public async Task SettleAsync(RegistryTransaction tx, CancellationToken cancellationToken)
    {
        if (limit is not null)
        {
            await tx.ReserveAsync(lease.Epoch, Project, Kind, 0, cancellationToken);
        }
    }

    /// <summary>Ends the growing; the reservation itself ends with the lease.</summary>
    public void Dispose() => ledger.Forget(this);

    /// <summary>Uses of what is reserved.</summary>
    private bool TryUse(long total)
    {
        lock (gate)
        {
            if (total > reserved)
            {
                return false;
            }

            used = Math.Max(used, total);
            return true;
        }
    }

    private async Task GrowAsync(long total, long most, CancellationToken cancellationToken)
    {
        await ledger.Steps.WaitAsync(cancellationToken);
        try
        {
            var step = Math.Clamp(total / 2, SmallestStep, LargestStep);
            if (await TryReserveAsync(total, total + step, most, [], cancellationToken) is not { } granted)
            {
                // The quota is nearly used up: now the slack of the others counts.
                var peers = ledger.Peers(this).Select(peer => (Hold: peer, Amount: peer.GiveBack())).ToArray();
                granted = await TryReserveAsync(total, total, most, peers, cancellationToken)
                    ?? throw await RefusalAsync(total, most, cancellationToken);
            }

            lock (gate)
            {
                reserved = granted;
                used = Math.Max(used, total);
            }
        }
        finally
        {
            ledger.Steps.Release();
        }
    }

    /// <summary>Gives up what is not used.</summary>
    /// <returns>What stays reserved.</returns>
    private long GiveBack()
    {
        lock (gate)
        {
            return reserved = used;
        }
    }

    /// <summary>Reserves as much as wanted, or as much as fits when that is at least what is needed.</summary>
    /// <returns>What is reserved now; null when not even what is needed fits, and nothing has changed for this hold.</returns>
    private Task<long?> TryReserveAsync(
        long needed, long wanted, long most, (QuotaHold Hold, long Amount)[] peers, CancellationToken cancellationToken) => ledger.Registry.WriteAsync(
        async (tx, ct) =>
        {
            foreach (var (peer, amount) in peers)
            {
                await tx.LowerReservationAsync(peer.lease.Epoch, Kind, amount, ct);
            }

            // Under the lease there is only this hold of this kind, so what it has is added back to what is free.
            var free = most - await tx.SumUsageAsync(Project, Kind, ct) + Mine();
            if (free < needed)
            {
                return (long?)null;
            }

            var granted = Math.Min(wanted, needed + ((free - needed) / ShareOfFree));
            return await tx.ReserveAsync(lease.Epoch, Project, Kind, granted, ct) ? granted : throw new LeaseLostException(lease.Name);
        },
        cancellationToken);

    private long Mine()
    {
        lock (gate)
        {
            return reserved;
        }
    }

    private async Task<ImageException> RefusalAsync(long total, long most, CancellationToken cancellationToken)
    {
        var sum = await ledger.Registry.SumUsageAsync(Project, Kind, cancellationToken);
        return ProjectQuota.OverLimit(Project, Kind, most, sum - Mine(), total);
    }
}
