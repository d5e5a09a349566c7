using System.Globalization;
using System.Text;
using Dapper;
using DbUp;
using DbUp.Engine;
using DbUp.Engine.Output;
using DbUp.Sqlite.Helpers;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using SQLitePCL;

namespace GlanceGateway.Registry.Database;

/// <summary>Brings a SQLite file to this version's schema, or says why it cannot be. A script's number is the schema version that it leads to.</summary>
internal sealed class SqliteSchema(IReadOnlyList<SqlScript> scripts, ILogger logger)
{
    private const string Journal = "schema_versions";

    /// <summary>The version to which the scripts lead.</summary>
    public int Version => NumberOf(scripts[^1].Name);

    /// <summary>This version's scripts, in order.</summary>
    public static IReadOnlyList<SqlScript> Scripts { get; } = ReadScripts();

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
            .JournalToSqliteTable(Journal)
            .LogTo(new UpgradeLog(logger))
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
        var journal = tables.Remove(Journal);
        var done = journal ? connection.Query<string>($"SELECT ScriptName FROM {Journal}").AsList() : [];
        if (done.Count == 0 && tables.Count == 0)
            return 0;
        if (done.Count == 0 || !done.Contains(Scripts[0].Name))
            throw new RegistryException($"'{file}' is a database, but not a registry: name another file.");
        return done.Max(NumberOf);
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

    private static int NumberOf(string script) => int.Parse(script.AsSpan(0, script.IndexOf('_')), NumberStyles.None, CultureInfo.InvariantCulture);

    private static List<SqlScript> ReadScripts()
    {
        const string Folder = "Sqlite/";
        var assembly = typeof(SqliteSchema).Assembly;
        return [.. assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(Folder, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(name => SqlScript.FromStream(name[Folder.Length..], assembly.GetManifestResourceStream(name)))];
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

    private sealed class UpgradeLog(ILogger logger) : IUpgradeLog
    {
        public void LogTrace(string format, params object[] args) => Write(format, args);

        public void LogDebug(string format, params object[] args) => Write(format, args);

        public void LogInformation(string format, params object[] args) => Write(format, args);

        public void LogWarning(string format, params object[] args) => Write(format, args);

        public void LogError(string format, params object[] args) => Write(format, args);

        public void LogError(Exception ex, string format, params object[] args) => Write(format, args);

        private void Write(string format, object[] args) =>
            RegistryLog.MigrationStep(logger, args.Length == 0 ? format : string.Format(CultureInfo.InvariantCulture, format, args));
    }
}
