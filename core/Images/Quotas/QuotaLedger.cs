using GlanceGateway.Registry;

namespace GlanceGateway.Images;

// Quotas that hold exactly, whoever uploads at the same time through however many gateways.
//
// What a project uses is never a counter: it is summed up from the images and reservations in the registry, inside the unit of work that is
// about to use more. Units are serializable, so of two that would only fit one after the other the second sees the first.
//
// * What counts in the unit itself (a new image, a location that is added) needs no reservation: ProjectQuota.RequireAsync in that unit.
// * What will count when work ends (bytes of an upload) is reserved until then: a row that names the work's lease. Nothing releases it by hand.
//   The unit that registers the bytes gives the lease back, and the row goes with it in the same commit: reserved bytes become stored bytes,
//   never both, never neither. A dead gateway's lease expires, and what it reserved counts no longer from that moment.
// * Bytes of unknown number are reserved in steps, ahead of the bytes that are written. When a step does not fit, the ledger takes back from
//   this gateway's other transfers of the project what they have reserved and not used, then asks for no more than is needed: so data that
//   fits is never refused for the sake of steps. Other gateways' steps cannot be taken back; they are bounded by QuotaHold.LargestStep.
//
// To use it around other work (staging, import):
//   using var hold = await ledger.ReserveAsync(image.Owner, UsageKind.StagedBytes, declaredOrNull, lease, ct);   // 413 when it does not fit
//   ... before handing on byte number n of unknown many: await hold.EnsureAsync(n, ct);                               // 413 likewise
//   ... in the unit that makes the bytes count (sets the size of an image that is 'uploading', adds a location): give the lease back, or, when
//       the lease lives on, await hold.SettleAsync(tx, ct). A copy to three stores reserves three times the size.
// Within a unit that begins work the same goes as (await ledger.OpenAsync(project, ct)), then RequireAsync and ReserveAsync in the unit.

/// <summary>The quotas of projects: who may use how much, and what is used.</summary>
public sealed class QuotaLedger
{
    private readonly ImageRegistry registry;
    private readonly ILimitSource limits;
    private readonly Lock gate = new();
    private readonly HashSet<QuotaHold> growing = [];

    internal QuotaLedger(ImageRegistry registry, ILimitSource limits)
    {
        this.registry = registry;
        this.limits = limits;
    }

    internal ImageRegistry Registry => registry;

    /// <summary>Steps of this gateway are asked for one after the other: each may take back from the others.</summary>
    internal SemaphoreSlim Steps { get; } = new(1);

    /// <summary>The quota of a project. Asked for outside of units of work: the limits may come from Keystone.</summary>
    /// <param name="project">The owner of the image; null, for an image that nobody owns, has no limits.</param>
    /// <param name="cancellationToken">Ends the question.</param>
    public async ValueTask<ProjectQuota> OpenAsync(string? project, CancellationToken cancellationToken) =>
        new(this, project ?? "", project is null || !limits.HasLimits ? ProjectLimits.None : await limits.FindAsync(project, cancellationToken));

    /// <summary>Reserves for work under a lease, in a unit of its own.</summary>
    /// <param name="project">The owner of the image.</param>
    /// <param name="kind">What is reserved.</param>
    /// <param name="amount">Bytes or a number; null when it is not known, to reserve in steps.</param>
    /// <param name="lease">What is reserved ends with it.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>To be disposed at the end of the work, which releases nothing: the end of the lease does.</returns>
    /// <exception cref="ImageException"><see cref="ImageError.TooLarge"/> when it does not fit.</exception>
    public async Task<QuotaHold> ReserveAsync(string? project, UsageKind kind, long? amount, Lease lease, CancellationToken cancellationToken)
    {
        var quota = await OpenAsync(project, cancellationToken);
        var reserved = await registry.WriteAsync((tx, ct) => quota.ReserveAsync(tx, kind, amount, lease, ct), cancellationToken);
        return quota.Hold(kind, reserved, amount, lease);
    }

    /// <summary>What the caller's project uses and may use, by the names of the limits, in their units. Empty when there are no limits.</summary>
    public async Task<IReadOnlyList<QuotaUsage>> ListUsageAsync(Caller caller, CancellationToken cancellationToken)
    {
        if (!limits.HasLimits || caller.ProjectId is not { } project)
        {
            return [];
        }

        var allowed = await limits.FindAsync(project, cancellationToken);
        var usages = new List<QuotaUsage>();
        foreach (var kind in Enum.GetValues<UsageKind>())
        {
            var used = await registry.SumUsageAsync(project, kind, cancellationToken);
            var unit = ProjectLimits.UnitOf(kind);
            usages.Add(new(ProjectLimits.NameOf(kind), used / unit, allowed.Of(kind) is { } limit ? limit / unit : null));
        }

        return usages;
    }

    internal void Track(QuotaHold hold)
    {
        lock (gate)
        {
            growing.Add(hold);
        }
    }

    internal void Forget(QuotaHold hold)
    {
        lock (gate)
        {
            growing.Remove(hold);
        }
    }

    /// <summary>The other holds of this gateway on the same quota.</summary>
    internal QuotaHold[] Peers(QuotaHold hold)
    {
        lock (gate)
        {
            return [.. growing.Where(other => other != hold && other.Kind == hold.Kind && other.Project == hold.Project)];
        }
    }
}

/// <summary>A line of a project's usage.</summary>
/// <param name="Name">The name of the limit.</param>
/// <param name="Used">In MiB for sizes, rounded down.</param>
/// <param name="Limit">In the same unit; null for none.</param>
public sealed record QuotaUsage(string Name, long Used, long? Limit);
