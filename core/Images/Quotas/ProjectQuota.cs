using System.Globalization;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>The limits of one project, to be held against what it uses within units of work. Without a limit nothing is summed up.</summary>
public sealed class ProjectQuota
{
    private readonly QuotaLedger ledger;
    private readonly string project;
    private readonly ProjectLimits limits;

    internal ProjectQuota(QuotaLedger ledger, string project, ProjectLimits limits)
    {
        this.ledger = ledger;
        this.project = project;
        this.limits = limits;
    }

    /// <summary>Refuses, in a unit of work that is about to use more, what does not fit.</summary>
    /// <param name="tx">The unit.</param>
    /// <param name="kind">What is used.</param>
    /// <param name="more">Bytes or a number beyond what is used already.</param>
    /// <param name="cancellationToken">Ends the question.</param>
    /// <exception cref="ImageException"><see cref="ImageError.TooLarge"/>.</exception>
    public async Task RequireAsync(RegistryTransaction tx, UsageKind kind, long more, CancellationToken cancellationToken)
    {
        if (limits.Of(kind) is not { } limit)
        {
            return;
        }

        var used = await tx.SumUsageAsync(project, kind, cancellationToken);
        if (more > limit - used)
        {
            throw OverLimit(kind, limit, used, more);
        }
    }

    /// <summary>Reserves, in the unit of work that took the lease, for work under it. Nothing must be reserved under it yet.</summary>
    /// <param name="tx">The unit.</param>
    /// <param name="kind">What is reserved.</param>
    /// <param name="amount">Bytes or a number; null when it is not known.</param>
    /// <param name="lease">What is reserved ends with it.</param>
    /// <param name="cancellationToken">Ends the question.</param>
    /// <returns>How much is reserved, for <see cref="Hold"/>.</returns>
    /// <exception cref="ImageException"><see cref="ImageError.TooLarge"/> when it does not fit.</exception>
    public async Task<long> ReserveAsync(RegistryTransaction tx, UsageKind kind, long? amount, Lease lease, CancellationToken cancellationToken)
    {
        if (limits.Of(kind) is null)
        {
            return 0;
        }

        await RequireAsync(tx, kind, amount ?? 0, cancellationToken);
        return await tx.ReserveAsync(lease.Epoch, project, kind, amount ?? 0, cancellationToken) ? amount ?? 0 : throw new LeaseLostException(lease.Name);
    }

    /// <summary>What was reserved, for the length of the work.</summary>
    /// <param name="kind">What was reserved.</param>
    /// <param name="reserved">As <see cref="ReserveAsync"/> returned it.</param>
    /// <param name="amount">As it was given to <see cref="ReserveAsync"/>: null grows.</param>
    /// <param name="lease">As it was given.</param>
    public QuotaHold Hold(UsageKind kind, long reserved, long? amount, Lease lease) =>
        new(ledger, project, kind, limits.Of(kind), reserved, grows: amount is null, lease);

    internal static ImageException OverLimit(string project, UsageKind kind, long limit, long used, long more)
    {
        var unit = ProjectLimits.UnitOf(kind);
        return new(
            ImageError.TooLarge,
            string.Create(
                CultureInfo.InvariantCulture,
                $"Project {project} is over a limit for [Resource {ProjectLimits.NameOf(kind)} is over limit of {limit / unit} due to current usage {used / unit} and delta {(more + unit - 1) / unit}]"));
    }

    private ImageException OverLimit(UsageKind kind, long limit, long used, long more) => OverLimit(project, kind, limit, used, more);
}
