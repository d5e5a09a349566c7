namespace GlanceGateway.Registry;

/// <summary>
/// The right to do one piece of work, held by one gateway until it expires. The epoch fences: every write of the work is conditional on
/// it, so a gateway that was paused past the expiry and wakes up after another took over changes nothing.
/// </summary>
/// <param name="Name">What the lease is for, such as <c>image/&lt;id&gt;</c>.</param>
/// <param name="Owner">The instance id of the gateway that holds it.</param>
/// <param name="Epoch">Grows each time the name is taken, for ever.</param>
/// <param name="ExpiresAt">In the database's time.</param>
public sealed record Lease(string Name, string Owner, long Epoch, DateTimeOffset ExpiresAt);

/// <summary>The lease of a unit of work is no longer held: its writes were rolled back.</summary>
public sealed class LeaseLostException(string leaseName) : Exception($"The lease '{leaseName}' was taken over or has expired.")
{
    /// <summary>The lease's name.</summary>
    public string LeaseName { get; } = leaseName;
}

/// <summary>What an intent is about to do to a store.</summary>
public enum IntentKind
{
    /// <summary>Bytes are being written by an attempt.</summary>
    Write,

    /// <summary>The object at <see cref="StoreIntent.Url"/> is being deleted, and the image with it.</summary>
    Delete,

    /// <summary>The object at <see cref="StoreIntent.Url"/>, a location of the image, is being read for its hashes.</summary>
    Verify,
}

/// <summary>
/// Recorded before a store is touched and removed after the registry and the store agree again. Only what an intent names is ever swept, and
/// only when its lease is dead.
/// </summary>
/// <param name="AttemptId">32 hexadecimal digits; the key.</param>
/// <param name="Kind">Write or delete.</param>
/// <param name="ImageId">The image.</param>
/// <param name="Store">The store's id.</param>
/// <param name="Url">The object, for a delete.</param>
/// <param name="LeaseName">The lease under which the work runs.</param>
/// <param name="Registered">True once the written object is a location of the image: only traces of the attempt are left to remove.</param>
/// <param name="CreatedAt">When the work began.</param>
/// <param name="Place">The <see cref="StorePlace.Place"/> where it does so; null when it is not known or does not matter.</param>
/// <param name="NotBefore">Until when, in the database's time, nobody but the holder of the lease goes on with it; null for as soon as the lease is dead.</param>
public sealed record StoreIntent(
    string AttemptId, IntentKind Kind, string ImageId, string Store, string? Url, string LeaseName, bool Registered, DateTimeOffset CreatedAt, string? Place = null,
    DateTimeOffset? NotBefore = null);
