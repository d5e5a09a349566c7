using Dapper;
using Microsoft.Data.Sqlite;

namespace GlanceGateway.Registry.Database;

/// <summary>Connections to a SQLite file as the registry wants them, and what its errors mean to an operator.</summary>
internal static class SqliteDatabase
{
    private const int BusyMilliseconds = 10_000;

    /// <summary>Filled only as far as the file is read. With SQLite's own 2 MiB, lists of a million images took up to twice the time.</summary>
    private const int CacheKibibytes = 16 << 10;

    private const int SqliteReadOnly = 8;
    private const int SqliteCorrupt = 11;
    private const int SqliteFull = 13;
    private const int SqliteCannotOpen = 14;
    private const int SqliteNotADatabase = 26;

    /// <summary>Opens the file as it is, changing nothing.</summary>
    public static SqliteConnection Open(string file, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = file,
            Mode = mode,
            Cache = SqliteCacheMode.Private,
            Pooling = false,
            ForeignKeys = true,
        }.ToString());
        try
        {
            connection.Open();
            connection.Execute($"PRAGMA busy_timeout = {BusyMilliseconds}; PRAGMA cache_size = -{CacheKibibytes}");
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Makes a connection the writer: durable commits in a write-ahead log that readers read past.</summary>
    public static void MakeWriter(SqliteConnection connection)
    {
        var mode = connection.ExecuteScalar<string>("PRAGMA journal_mode = WAL");
        if (mode != "wal")
        {
            throw new RegistryException(
                $"The registry '{connection.DataSource}' cannot have a write-ahead log (journal mode '{mode}'): put it on a local file system.");
        }

        connection.Execute("PRAGMA synchronous = FULL; PRAGMA locking_mode = NORMAL");
    }

    public static SqliteConnection OpenReader(string file) => Open(file, SqliteOpenMode.ReadOnly);

    public static RegistryException Explained(string file, SqliteException exception)
    {
        var remedy = exception.SqliteErrorCode switch
        {
            SqliteReadOnly => "make the file and its directory writable for the gateway",
            SqliteCorrupt => "the file is damaged; restore it from a backup",
            SqliteFull => "the disk is full; free some space",
            SqliteCannotOpen => "its directory must exist and be writable for the gateway",
            SqliteNotADatabase => "the file is not a registry; name another one",
            _ => "see the cause",
        };
        return new RegistryException($"The registry '{file}' cannot be used ({exception.Message}): {remedy}.", exception);
    }
}
