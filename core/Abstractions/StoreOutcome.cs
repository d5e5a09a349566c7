namespace GlanceGateway.Abstractions;

/// <summary>What can be expected to happen in a store. Faults are <see cref="StoreException"/>s.</summary>
public enum StoreOutcome
{
    /// <summary>Done.</summary>
    Ok = 0,

    /// <summary>There is no such object.</summary>
    Absent,

    /// <summary>The object's name is taken, and not by the same attempt.</summary>
    Duplicate,

    /// <summary>Something else needs the object: a clone, a snapshot, an attachment.</summary>
    InUse,

    /// <summary>No room: disk, pool or quota of the backend.</summary>
    Full,

    /// <summary>The backend forbids it to our credentials.</summary>
    Denied,
}

/// <summary>An outcome, and the value that comes with <see cref="StoreOutcome.Ok"/>.</summary>
/// <param name="Outcome">What happened.</param>
/// <param name="Value">Set exactly when <see cref="Outcome"/> is <see cref="StoreOutcome.Ok"/>.</param>
/// <param name="Detail">Text for the operator's log, without secrets; never shown to users.</param>
public readonly record struct StoreResult<T>(StoreOutcome Outcome, T? Value, string? Detail = null)
    where T : class
{
    /// <summary>Whether there is a value.</summary>
    [System.Diagnostics.CodeAnalysis.MemberNotNullWhen(true, nameof(Value))]
    public bool IsOk => Outcome == StoreOutcome.Ok;

    /// <summary>A success.</summary>
    public static implicit operator StoreResult<T>(T value) => new(StoreOutcome.Ok, value);

    /// <summary>Any other outcome.</summary>
    public static implicit operator StoreResult<T>(StoreOutcome outcome) => new(outcome, null);
}
