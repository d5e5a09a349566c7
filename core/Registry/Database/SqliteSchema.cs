using System.Text;
using Dapper;
using DbUp;
using DbUp.Engine;
using DbUp.Sqlite.Helpers;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using SQLitePCL;

namespace GlanceGateway.Registry.Database;

/// <summary>Brings a SQLite file to this version's schema, or says why it cannot be.</summary>
internal sealed class SqliteSchema(IReadOnlyList<SqlScript> scripts, ILogger logger)
{
    /// <summary>The version to which the scripts lead.</summary>
    public int Version => SchemaScripts.NumberOf(scripts[^1].Name);

    /// <summary>This version's scripts, in order.</summary>
    public static IReadOnlyList<SqlScript> Scripts { get; } = SchemaScripts.Read("Sqlite");

    /// <exception cref="RegistryException">The file holds something else, or a newer schema.</exception>
    public void Migrate(SqliteConnection connection, string file)
    {
        var current = CurrentVersion(connection, file);
        if (current > Version)
        {
            throw new RegistryException(
                $"The registry '{file}' has schema {current}, but this version of the gateway knows schemas up to {Version} only: " +
                "run the newer version, or put back the copy made before the upgrade.");
        }

        if (current == Version)
            return;
        if (current > 0)
            Copy(connection, file, current);
        SqliteDatabase.MakeWriter(connection);
        using var shared = new SharedConnection(connection);
        var result = DeployChanges.To.SqliteDatabase(shared)
            .WithScripts(scripts)
            .WithPreprocessor(new OneStatementAtATime())
            .WithVariablesDisabled()
            .WithTransactionPerScript()
            .JournalToSqliteTable(SchemaScripts.Journal)
            .LogTo(SchemaScripts.LogTo(logger))
            .Build()
            .PerformUpgrade();
        if (!result.Successful)
        {
            throw new RegistryException(
                $"The registry '{file}' could not be brought from schema {current} to {Version} (script {result.ErrorScript?.Name}: {result.Error.Message}); " +
                "the script that failed changed nothing.", result.Error);
        }

        RegistryLog.Migrated(logger, file, Version);
    }

    /// <summary>Refuses a file whose schema is not this version's, changing nothing.</summary>
    /// <exception cref="RegistryException">It has another schema, or is no registry.</exception>
    public void Require(SqliteConnection connection, string file)
    {
        var current = CurrentVersion(connection, file);
        if (current != Version)
        {
            throw new RegistryException(
                $"The registry '{file}' has schema {current}, this version of the gateway reads schema {Version}: " +
                (current > Version ? "run the newer version." : "start the gateway, or run 'glance-gateway db migrate', to bring it up to date."));
        }
    }

    /// <summary>0 for a file that holds nothing yet.</summary>
    private static int CurrentVersion(SqliteConnection connection, string file)
    {
        var tables = connection.Query<string>("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'").AsList();
        var journal = tables.Remove(SchemaScripts.Journal);
        var done = journal ? connection.Query<string>($"SELECT ScriptName FROM {SchemaScripts.Journal}").AsList() : [];
        if (done.Count == 0 && tables.Count == 0)
            return 0;
        if (done.Count == 0 || !done.Contains(Scripts[0].Name))
            throw new RegistryException($"'{file}' is a database, but not a registry: name another file.");
        return done.Max(SchemaScripts.NumberOf);
    }

    private void Copy(SqliteConnection connection, string file, int current)
    {
        var copy = $"{file}.before-{Version}";
        for (var number = 2; File.Exists(copy); number++)
            copy = $"{file}.before-{Version}.{number}";
        var partial = copy + ".partial";
        File.Delete(partial);
        connection.Execute("VACUUM INTO @partial", new { partial });
        using (var handle = File.OpenHandle(partial, FileMode.Open, FileAccess.ReadWrite))
            RandomAccess.FlushToDisk(handle);
        File.Move(partial, copy);
        RegistryLog.Copied(logger, file, copy, current, Version);
    }

    /// <summary>
    /// Sets statements apart by lines of a lone semicolon, at which DbUp cuts. Uncut, Microsoft.Data.Sqlite silently leaves out all that follows a
    /// statement with result columns, and ALTER TABLE ADD COLUMN on a STRICT table is one of these.
    /// </summary>
    private sealed class OneStatementAtATime : IScriptPreprocessor
    {
        public string Process(string contents)
        {
            var cut = new StringBuilder();
            var statement = new StringBuilder();
            foreach (var line in contents.Split('\n'))
            {
                statement.Append(line).Append('\n');
                if (!line.AsSpan().TrimEnd().EndsWith(";") || raw.sqlite3_complete(statement.ToString()) == 0)
                    continue;
                cut.Append(statement).Append(";\n");
                statement.Clear();
            }

            return cut.Append(statement).ToString();
        }
    }
}
