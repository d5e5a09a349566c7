using GlanceGateway.Abstractions;

namespace GlanceGateway.Stores;

/// <summary>What an operator can do about each kind of fault.</summary>
public static class StoreRemedies
{
    /// <summary>The remedy for a fault.</summary>
    public static string Of(StoreError error) => error switch
    {
        StoreError.Misconfigured => "Correct the store's options in the configuration; 'glance-gateway plugins list' shows the drivers.",
        StoreError.Unavailable => "Check that the backend runs and that this machine reaches its address and port (name resolution, firewall, proxy).",
        StoreError.TimedOut => "The backend answers too slowly or not at all: look at its load, and at the network between.",
        StoreError.InvalidLocation => "The store does not know its own location: its address or directory differs from what its driver writes down. Compare the options.",
        StoreError.Changed => "Somebody else changes objects in this store; give the gateway a place of its own.",
        StoreError.Corrupt => "The backend returns other bytes than it was given: check its disks and memory, and a proxy or cache in between. Do not use it until then.",
        _ => "This is most likely a bug of the driver: the log of the gateway has the whole exception; report it with that.",
    };

    /// <summary>The remedy for an outcome that should have been Ok.</summary>
    public static string Of(StoreOutcome outcome) => outcome switch
    {
        StoreOutcome.Absent => "What was just written cannot be found: is the directory, bucket or pool the same for reading and writing, and is it one that all servers share?",
        StoreOutcome.Duplicate => "An object of a new name exists already: the place is shared with something that makes names for itself. Give the gateway its own.",
        StoreOutcome.InUse => "Something else holds the object: look for clones, snapshots or attachments in the backend.",
        StoreOutcome.Full => "There is no room: free some, or raise the quota of the backend.",
        StoreOutcome.Denied => "The backend forbids it: give the store's user the permissions that the driver's README lists. Fine for a store that is only to be read.",
        _ => "",
    };
}
