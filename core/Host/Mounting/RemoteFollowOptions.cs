namespace GlanceGateway.Host.Mounting;

/// <summary>How a remote catalogue is followed.</summary>
internal sealed record RemoteFollowOptions
{
    /// <summary>How often changed images are asked for where there is no change feed; scattered by a tenth, so that hypervisors that started together do not ask together.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// How often everything is listed where there is no change feed: deletions and lost shares show in no other way. With an endpoint that answers, what was
    /// revoked is gone from the tree after this time and a tenth of it at the latest, and opens no more after <see cref="RecheckAfter"/>.
    /// </summary>
    public TimeSpan SweepInterval { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How many times the <see cref="SweepInterval"/> lies between lists of everything while a change feed works: only changes of an operator's rules need them.</summary>
    public int SweepsSavedByFeed { get; init; } = 6;

    /// <summary>How long the feed may wait for a change before it answers: below the idle limits of proxies.</summary>
    public TimeSpan FeedWait { get; init; } = TimeSpan.FromSeconds(45);

    /// <summary>The pause after an answer of the feed that told something or came at once; scattered by half.</summary>
    public TimeSpan FeedPause { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>An image whose last confirmation is older is asked for once more before it is opened.</summary>
    public TimeSpan RecheckAfter { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long that question may take; after it, and while no endpoint answers, the last known catalogue counts.</summary>
    public TimeSpan RecheckPatience { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long the start tries to get the first list before it goes on with the last known catalogue.</summary>
    public TimeSpan StartPatience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Images of endpoints without ranges that are downloaded side by side.</summary>
    public int Downloads { get; init; } = 4;
}
