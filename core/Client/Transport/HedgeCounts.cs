namespace GlanceGateway.Client;

/// <summary>Requests that were asked of a second endpoint because the first one was late.</summary>
/// <param name="Asked">All of them.</param>
/// <param name="Won">Those that the second endpoint answered first.</param>
public sealed record HedgeCounts(long Asked, long Won);
