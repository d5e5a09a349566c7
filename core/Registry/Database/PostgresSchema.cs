using System.Globalization;
using Dapper;
using DbUp;
using DbUp.Engine;
using DbUp.Postgresql;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace GlanceGateway.Registry.Database;

/// <summary>Compares a PostgreSQL database with this version's schema, and brings it there when told to.</summary>
internal sealed class PostgresSchema(IReadOnlyList<SqlScript> scripts, ILogger logger)
{
    private const int OldestServer = 13;

    /// <summary>The advisory lock under which one process at a time migrates; any number that nobody else in the database uses.</summary>
    private const long MigrationLock = 0x676C616E63650001;

    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromMilliseconds(500);

    /// <summary>The version to which the scripts lead.</summary>
    public int Version => SchemaScripts.NumberOf(scripts[^1].Name);

    /// <summary>This version's scripts, in order.</summary>
    public static IReadOnlyList<SqlScript> Scripts { get; } = SchemaScripts.Read("Postgres");

    /// <exception cref="RegistryException">The database does not have exactly the scripts' schema.</exception>
    public async Task DemandAsync(NpgsqlConnection connection, string place, CancellationToken cancellationToken)
    {
        var current = await CurrentVersionAsync(connection, place, cancellationToken);
        if (current == 0)
            throw new RegistryException($"The database {place} holds no registry yet: run 'glance-gateway db migrate'.");
        if (current < Version)
        {
            throw new RegistryException(
                $"The registry {place} has schema {current}, and this version of the gateway needs schema {Version}: run 'glance-gateway db migrate'.");
        }
    }

    /// <exception cref="RegistryException">The schema is newer than the scripts, or the database holds something else.</exception>
    public async Task MigrateAsync(PostgresSource source, CancellationToken cancellationToken)
    {
        // The lock goes with this connection, so it outlives no process that is killed.
        await using var connection = await source.Unbounded.OpenConnectionAsync(cancellationToken);
        for (var waited = false; !await TryLockAsync(connection, cancellationToken); await Task.Delay(AskAgainAfter, cancellationToken))
        {
            if (!waited)
                RegistryLog.WaitingForMigration(logger, source.Place);
            waited = true;
        }

        var current = await CurrentVersionAsync(connection, source.Place, cancellationToken);
        if (current == Version)
            return;
        var result = await Task.Run(
            () => DeployChanges.To.PostgresqlDatabase(new PostgresqlConnectionManager(source.Unbounded))
                .WithScripts(scripts)
                .WithVariablesDisabled()
                .WithTransactionPerScript()
                .WithExecutionTimeout(TimeSpan.Zero)
                .JournalToPostgresqlTable(null!, SchemaScripts.Journal)
                .LogTo(SchemaScripts.LogTo(logger))
                .Build()
                .PerformUpgrade(),
            cancellationToken);
        if (!result.Successful)
        {
            throw new RegistryException(
                $"The registry {source.Place} could not be brought from schema {current} to {Version} " +
                $"(script {result.ErrorScript?.Name}: {source.Explained(result.Error).Message}); the script that failed changed nothing.",
                result.Error);
        }

        RegistryLog.Migrated(logger, source.Place, Version);
    }

    /// <summary>0 for a database that holds nothing yet.</summary>
    private async Task<int> CurrentVersionAsync(NpgsqlConnection connection, string place, CancellationToken cancellationToken)
    {
        if (connection.PostgreSqlVersion.Major < OldestServer)
            throw new RegistryException($"The server of {place} is PostgreSQL {connection.PostgreSqlVersion}: the registry needs {OldestServer} or newer.");
        var found = await connection.QuerySingleAsync<FoundRow>(new CommandDefinition(
            $"SELECT to_regclass('{SchemaScripts.Journal}') IS NOT NULL AS Journal, to_regclass('images') IS NOT NULL AS Images",
            cancellationToken: cancellationToken));
        var done = found.Journal
            ? (await connection.QueryAsync<string>(new CommandDefinition(
                $"SELECT scriptname FROM {SchemaScripts.Journal}", cancellationToken: cancellationToken))).AsList()
            : [];
        if (done.Count == 0 && !found.Images)
            return 0;
        if (done.Count == 0 || !done.Contains(Scripts[0].Name))
            throw new RegistryException($"The database {place} is in use for something else: name another one.");
        var current = done.Max(SchemaScripts.NumberOf);
        return current <= Version ? current : throw new RegistryException(string.Create(
            CultureInfo.InvariantCulture,
            $"The registry {place} has schema {current}, but this version of the gateway knows schemas up to {Version} only: run the newer version."));
    }

    private static Task<bool> TryLockAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "SELECT pg_try_advisory_lock(@key)", new { key = MigrationLock }, cancellationToken: cancellationToken));

    private sealed record FoundRow(bool Journal, bool Images);
}
