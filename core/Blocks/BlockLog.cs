using Microsoft.Extensions.Logging;

namespace GlanceGateway.Blocks;

/// <summary>Every log line of this project.</summary>
internal static partial class BlockLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "The cache {Directory} holds {Objects} objects, {Bytes} of at most {MaxBytes} bytes.")]
    public static partial void Opened(ILogger log, string directory, int objects, long bytes, long maxBytes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The cache stores nothing for {Seconds} s and reads go to the stores: {Reason}")]
    public static partial void Trouble(ILogger log, double seconds, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Block {Block} of cached {Id} is not what was stored; it is fetched again.")]
    public static partial void Corrupt(ILogger log, string id, long block);

    [LoggerMessage(Level = LogLevel.Error, Message = "Cached {Id} is complete and does not have the {Algorithm} hash of its image; it is dropped. The store may hold wrong bytes.")]
    public static partial void WrongHash(ILogger log, string id, string? algorithm);

    [LoggerMessage(Level = LogLevel.Information, Message = "Cached {Id} is complete and verified: {Bytes} bytes.")]
    public static partial void Verified(ILogger log, string id, long bytes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Cached {Id} cannot be used: {Reason}")]
    public static partial void Unusable(ILogger log, string id, string reason);
}
