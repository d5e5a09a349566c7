using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Sheepdog;

/// <summary>What the cluster's results mean to the host.</summary>
internal static class Refusals
{
    /// <summary>Whether the cluster asks to come back later, and has done nothing.</summary>
    public static bool IsPassing(SheepResult result) => result is SheepResult.StartingUp or SheepResult.WaitForJoin or SheepResult.Halted
        or SheepResult.OldEpoch or SheepResult.NewEpoch or SheepResult.NetworkError or SheepResult.NodeInRecovery or SheepResult.TryAgain;

    /// <summary>A cluster that stayed so for too long.</summary>
    public static StoreException NotReady(SheepResult result) => new(
        StoreError.Unavailable,
        result == SheepResult.Halted
            ? "The Sheepdog cluster is halted: it has fewer nodes than copies. Bring the missing nodes back."
            : $"The Sheepdog cluster is not ready ({result}).");

    /// <summary>A result as an expected outcome of a write; null when it is a fault.</summary>
    public static StoreOutcome? OutcomeOf(SheepResult result) => result switch
    {
        SheepResult.Ok => StoreOutcome.Ok,
        SheepResult.NoSpace or SheepResult.VdiTableFull => StoreOutcome.Full,
        _ => null,
    };

    /// <summary>A result as a fault.</summary>
    public static StoreException Of(SheepResult result, string what, string? key = null)
    {
        var error = result switch
        {
            SheepResult.ShuttingDown or SheepResult.JoinFailed or SheepResult.Killed or SheepResult.ClusterError => StoreError.Unavailable,
            SheepResult.WaitForFormat or SheepResult.NotFormatted or SheepResult.VersionMismatch => StoreError.Misconfigured,
            _ => StoreError.Unexpected,
        };
        var remedy = result switch
        {
            SheepResult.WaitForFormat or SheepResult.NotFormatted => " Format the cluster with 'dog cluster format'.",
            SheepResult.VersionMismatch => " The driver needs a Sheepdog of version 0.9 or later.",
            SheepResult.VdiLocked => " Another client has locked it.",
            _ => "",
        };
        return new StoreException(error, $"{what}: Sheepdog answers {(Enum.IsDefined(result) ? result : $"0x{(uint)result:x2}")}.{remedy}", key);
    }
}
