namespace GlanceGateway.Host.Mounting;

/// <summary>How a remote catalogue is followed.</summary>
internal sealed record RemoteFollowOptions
{
    /// <summary>How often changed images are asked for; scattered by a tenth, so that hypervisors that started together do not ask together.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// How often everything is listed: deletions and lost shares show in no other way. With an endpoint that answers, what was revoked is gone from the tree
    /// after this time and a tenth of it at the latest, and opens no more after <see cref="RecheckAfter"/>.
    /// </summary>
    public TimeSpan SweepInterval { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>An image whose last confirmation is older is asked for once more before it is opened.</summary>
    public TimeSpan RecheckAfter { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long that question may take; after it, and while no endpoint answers, the last known catalogue counts.</summary>
    public TimeSpan RecheckPatience { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long the start tries to get the first list before it goes on with the last known catalogue.</summary>
    public TimeSpan StartPatience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Images of endpoints without ranges that are downloaded side by side.</summary>
    public int Downloads { get; init; } = 4;
}
