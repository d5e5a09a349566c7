namespace GlanceGateway.Plugins.S3;

/// <summary>
/// How large each part of an upload is. S3 takes 10,000 parts of at most 5 GiB. A declared size is spread evenly, so that all parts but the
/// last are equal; an image of unknown size doubles its parts every 900, so that a small one has small parts and the largest still fits.
/// </summary>
internal sealed class PartPlan(long partSize, long? declaredSize)
{
    public const long LargestPart = 5L << 30;
    public const int MostParts = 10_000;
    private const int PartsOfOneSize = 900;
    private const long MiB = 1024 * 1024;

    private readonly long first = declaredSize > partSize * MostParts
        ? ((declaredSize.Value + (MostParts * MiB) - 1) / (MostParts * MiB)) * MiB
        : partSize;

    /// <summary>Whether any plan can hold as many bytes.</summary>
    public static bool Fits(long size) => size <= LargestPart * MostParts;

    /// <summary>Bytes of a part.</summary>
    /// <param name="number">From 1.</param>
    public long SizeOf(int number)
    {
        if (declaredSize is not null)
            return Math.Min(first, LargestPart);
        var doublings = Math.Min((number - 1) / PartsOfOneSize, 32);
        return first > LargestPart >> doublings ? LargestPart : first << doublings;
    }
}
