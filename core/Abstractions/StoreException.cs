namespace GlanceGateway.Abstractions;

/// <summary>The kinds of fault a store can have. One switch maps them to HTTP, one to errno.</summary>
public enum StoreError
{
    /// <summary>The driver or the backend did something that nobody foresaw.</summary>
    Unexpected = 0,

    /// <summary>Options that cannot work.</summary>
    Misconfigured,

    /// <summary>The backend cannot be reached or refuses service for now; a retry may help.</summary>
    Unavailable,

    /// <summary>The backend did not answer in time.</summary>
    TimedOut,

    /// <summary>The location is not one of this store: wrong scheme, shape, or outside of what the store may touch.</summary>
    InvalidLocation,

    /// <summary>The object changed after it was opened: its validator no longer matches.</summary>
    Changed,

    /// <summary>The backend's bytes contradict themselves (short object, failed checksum).</summary>
    Corrupt,
}

/// <summary>A fault in a store. The message is for operators, names the remedy where there is one, and never holds a secret.</summary>
public sealed class StoreException : Exception
{
    /// <summary>Makes a fault.</summary>
    /// <param name="error">The kind.</param>
    /// <param name="message">One sentence for the operator.</param>
    /// <param name="key">The object or location concerned, when there is one; without credentials.</param>
    /// <param name="innerException">The cause. The host logs its text and keeps no reference to it, because its type may belong to a plugin.</param>
    public StoreException(StoreError error, string message, string? key = null, Exception? innerException = null)
        : base(message, innerException)
    {
        Error = error;
        Key = key;
    }

    /// <summary>The kind of fault.</summary>
    public StoreError Error { get; }

    /// <summary>The object or location concerned.</summary>
    public string? Key { get; }
}
