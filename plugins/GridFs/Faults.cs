using System.Security.Authentication;
using GlanceGateway.Abstractions;
using MongoDB.Bson;
using MongoDB.Driver;

namespace GlanceGateway.Plugins.GridFs;

/// <summary>What the exceptions of MongoDB.Driver mean to the host.</summary>
internal static class Faults
{
    private const int Unauthorized = 13;
    private const int DuplicateKey = 11000;
    private const int OutOfDiskSpace = 14031;
    private const int AtlasError = 8000;

    /// <summary>Whether a unique index refused it.</summary>
    public static bool IsDuplicate(Exception exception) => CodesOf(exception).Contains(DuplicateKey);

    /// <summary>An exception as an expected outcome; null when it is a fault.</summary>
    public static StoreOutcome? OutcomeOf(Exception exception)
    {
        foreach (var code in CodesOf(exception))
        {
            if (code == OutOfDiskSpace || (code == AtlasError && exception.Message.Contains("space quota", StringComparison.OrdinalIgnoreCase)))
                return StoreOutcome.Full;
            if (code == Unauthorized)
                return StoreOutcome.Denied;
        }

        return null;
    }

    /// <summary>An exception as a fault.</summary>
    public static StoreException Of(Exception exception, string what, string servers, string? key = null)
    {
        if (exception is StoreException already)
            return already;
        var causes = Causes(exception).ToList();
        if (causes.OfType<MongoAuthenticationException>().Any())
            return new StoreException(StoreError.Misconfigured, $"{what}: MongoDB at {servers} refuses the log-in. Check username, password and auth_database.", key);
        if (causes.OfType<AuthenticationException>().FirstOrDefault() is { } tls)
            return new StoreException(StoreError.Misconfigured, $"{what}: TLS with MongoDB at {servers} failed: {tls.Message} Check ca_file.", key);
        return exception switch
        {
            // The driver's text describes every server at length; the last heartbeat's error is what matters.
            TimeoutException selection => new StoreException(StoreError.Unavailable, $"{what}: no MongoDB server at {servers} takes requests{Heartbeat(selection)}.", key),
            MongoExecutionTimeoutException => new StoreException(StoreError.TimedOut, $"{what}: MongoDB did not finish in time.", key),
            MongoConnectionException when causes.OfType<TimeoutException>().Any() => new StoreException(StoreError.TimedOut, $"{what}: MongoDB at {servers} did not answer in time.", key),
            MongoConnectionPoolPausedException or MongoConnectionException or MongoWaitQueueFullException =>
                new StoreException(StoreError.Unavailable, $"{what}: the connection to MongoDB at {servers} was lost: {causes[^1].Message}", key),
            MongoNotPrimaryException or MongoNodeIsRecoveringException => new StoreException(StoreError.Unavailable, $"{what}: MongoDB has no primary for now.", key),
            BsonException or FormatException => new StoreException(StoreError.Corrupt, $"{what}: a document makes no sense: {exception.Message}", key),
            IOException or ObjectDisposedException => new StoreException(StoreError.Unavailable, $"{what}: the connection to MongoDB was closed.", key),
            _ when CodesOf(exception).Contains(Unauthorized) => new StoreException(StoreError.Misconfigured, $"{what}: the user may not do that. It needs the role readWrite.", key),
            _ => new StoreException(StoreError.Unexpected, $"{what}: {exception.Message}", key),
        };
    }

    private static IEnumerable<int> CodesOf(Exception exception) => exception switch
    {
        MongoCommandException command => [command.Code],
        MongoWriteException { WriteError: { } error } => [error.Code],
        MongoBulkWriteException bulk => bulk.WriteErrors.Select(error => error.Code),
        _ => [],
    };

    private static IEnumerable<Exception> Causes(Exception exception)
    {
        for (var cause = exception; cause is not null; cause = cause.InnerException)
            yield return cause;
    }

    private static string Heartbeat(TimeoutException exception)
    {
        const string Mark = "HeartbeatException: \"";
        var at = exception.Message.IndexOf(Mark, StringComparison.Ordinal);
        if (at < 0)
            return "";
        var text = exception.Message.AsSpan(at + Mark.Length);
        var end = text.IndexOfAny('\n', '"');
        return $": {text[..Math.Min(end < 0 ? text.Length : end, 300)].TrimEnd()}";
    }
}
