using Microsoft.Extensions.Logging;

namespace GlanceGateway.Registry.Database;

internal static partial class RegistryLog
{
    [LoggerMessage(1, LogLevel.Information, "Registry {File}: copied to {Copy} before its schema changes from {From} to {To}")]
    public static partial void Copied(ILogger logger, string file, string copy, int from, int to);

    [LoggerMessage(2, LogLevel.Information, "Registry {File}: schema {Version} is in place")]
    public static partial void Migrated(ILogger logger, string file, int version);

    [LoggerMessage(3, LogLevel.Error, "A commit failed; {Units} units of work were not written")]
    public static partial void GroupFailed(ILogger logger, int units, Exception exception);

    [LoggerMessage(4, LogLevel.Error, "A failed transaction could not be rolled back")]
    public static partial void RollbackFailed(ILogger logger, Exception exception);

    [LoggerMessage(5, LogLevel.Debug, "Schema migration: {Message}")]
    public static partial void MigrationStep(ILogger logger, string message);

    [LoggerMessage(6, LogLevel.Warning, "The registry {Place} is away ({Problem}); a unit of work waits for it")]
    public static partial void WaitingForDatabase(ILogger logger, string place, string problem);

    [LoggerMessage(7, LogLevel.Warning, "The registry {Place} went away during a commit ({Problem}); asking what became of it")]
    public static partial void CommitUnclear(ILogger logger, string place, string problem);

    [LoggerMessage(8, LogLevel.Warning, "The registry {Place} does not announce changes now ({Problem}); trying to connect until it does")]
    public static partial void NotListening(ILogger logger, string place, string problem);

    [LoggerMessage(9, LogLevel.Information, "The registry {Place} announces changes again")]
    public static partial void ListeningAgain(ILogger logger, string place);

    [LoggerMessage(10, LogLevel.Information, "Another process migrates the registry {Place}; waiting for it")]
    public static partial void WaitingForMigration(ILogger logger, string place);
}
