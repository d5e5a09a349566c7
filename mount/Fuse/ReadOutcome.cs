namespace GlanceGateway.Fuse;

/// <summary>How a read ended.</summary>
public readonly struct ReadOutcome : IEquatable<ReadOutcome>
{
    private const int PendingValue = int.MinValue;

    // A count when not negative, else an errno turned round.
    private readonly int _value;

    private ReadOutcome(int value) => _value = value;

    /// <summary>Only from <see cref="FuseFileSystem.TryRead"/>: the bytes are not at hand, ask <see cref="FuseFileSystem.ReadAsync"/>.</summary>
    public static ReadOutcome Pending => new(PendingValue);

    /// <summary>Whether this is <see cref="Pending"/>.</summary>
    public bool IsPending => _value == PendingValue;

    /// <summary>Bytes put into the destination; 0 unless the read succeeded.</summary>
    public int Count => Math.Max(0, _value);

    /// <summary>The error, or <see cref="Errno.None"/>.</summary>
    public Errno Error => _value is >= 0 or PendingValue ? Errno.None : (Errno)(-_value);

    /// <summary>The read succeeded. Fewer bytes than asked for mean the end of the file and nothing else.</summary>
    public static ReadOutcome Done(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return new ReadOutcome(count);
    }

    /// <summary>The read failed.</summary>
    public static ReadOutcome Failed(Errno error) => new(error == Errno.None ? -(int)Errno.EIO : -(int)error);

    /// <inheritdoc/>
    public bool Equals(ReadOutcome other) => _value == other._value;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is ReadOutcome other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _value;

    /// <summary>Equality by value.</summary>
    public static bool operator ==(ReadOutcome left, ReadOutcome right) => left.Equals(right);

    /// <summary>Inequality by value.</summary>
    public static bool operator !=(ReadOutcome left, ReadOutcome right) => !left.Equals(right);
}
