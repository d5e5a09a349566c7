namespace GlanceGateway.Images;

/// <summary>Why something was refused. The faces map it: one switch to HTTP, one to errno.</summary>
public enum ImageError
{
    /// <summary>The request cannot be right.</summary>
    Invalid,

    /// <summary>The caller may see the image, but not do this.</summary>
    Forbidden,

    /// <summary>There is no such thing, or the caller may not know of it.</summary>
    NotFound,

    /// <summary>The state of the image forbids it.</summary>
    Conflict,

    /// <summary>The image, or the way to write it, went away meanwhile.</summary>
    Gone,

    /// <summary>A limit or quota.</summary>
    TooLarge,

    /// <summary>The content is not what it should be.</summary>
    UnsupportedContent,

    /// <summary>The other side stopped sending.</summary>
    Stalled,

    /// <summary>A backend cannot do it for now.</summary>
    Unavailable,

    /// <summary>A backend failed.</summary>
    Failed,
}

/// <summary>A refusal. The message is for the user: it names what was wrong and holds no location, path or secret.</summary>
public sealed class ImageException(ImageError error, string message, Exception? innerException = null) : Exception(message, innerException)
{
    /// <summary>The kind of refusal.</summary>
    public ImageError Error { get; } = error;
}
