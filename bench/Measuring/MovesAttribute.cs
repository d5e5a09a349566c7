namespace GlanceGateway.Bench;

/// <summary>How many bytes one operation of a benchmark moves: gives it the columns of <see cref="TransferDiagnoser"/>.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class MovesAttribute(long bytes) : Attribute
{
    /// <summary>Bytes of one operation.</summary>
    public long Bytes { get; } = bytes;
}
