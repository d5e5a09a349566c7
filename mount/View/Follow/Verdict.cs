namespace GlanceGateway.View;

/// <summary>What an examination found.</summary>
/// <param name="IsSafe">Whether the image may be shown.</param>
/// <param name="RawSize">Bytes of the disk inside, null without a raw view.</param>
/// <param name="Reason">Why not, or why without a raw view.</param>
internal sealed record Verdict(bool IsSafe, long? RawSize, string? Reason);
