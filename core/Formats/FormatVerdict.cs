namespace GlanceGateway.Formats;

/// <summary>Whether an image may have the content that it got.</summary>
public abstract record FormatVerdict
{
    private FormatVerdict()
    {
    }

    /// <summary>It may.</summary>
    /// <param name="VirtualSize">Bytes of the disk that a guest sees; null when unknown.</param>
    /// <param name="Warning">What a log should say about it, as a sentence; null when all is well.</param>
    public sealed record Accepted(long? VirtualSize, string? Warning = null) : FormatVerdict;

    /// <summary>It may not.</summary>
    /// <param name="Message">Why, for the client that sent it: the text of a 415.</param>
    public sealed record Refused(string Message) : FormatVerdict;
}
