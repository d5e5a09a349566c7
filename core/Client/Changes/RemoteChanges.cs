namespace GlanceGateway.Client;

/// <summary>A page of a gateway's change feed.</summary>
/// <param name="Changed">Ids of images that appeared or changed.</param>
/// <param name="Gone">Ids of images that are deleted, or that this identity may not see any more.</param>
/// <param name="Next">What to ask with next.</param>
public sealed record RemoteChanges(IReadOnlyList<string> Changed, IReadOnlyList<string> Gone, string Next);
