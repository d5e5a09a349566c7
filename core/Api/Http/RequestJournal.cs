namespace GlanceGateway.Api;

/// <summary>What the frame wants to know of a request when it is over. Lives as a feature of the request.</summary>
internal sealed class RequestJournal
{
    /// <summary>Bytes of body handed to the connection.</summary>
    public long BytesSent { get; set; }
}
