using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace GlanceGateway.Registry.Sql;

/// <summary>All that differs in the statements between the databases; everything else is the same text for both.</summary>
internal sealed class Dialect
{
    /// <summary>The channel on which PostgreSQL announces the sequences of committed changes.</summary>
    public const string ChangeChannel = "glance_registry_changes";

    public static readonly Dialect Sqlite = new()
    {
        LockingRows = "",
        InsertingChange = "INSERT INTO changes (image_id, kind, changed_at) VALUES (@ImageId, @Kind, @ChangedAt) RETURNING sequence",
    };

    public static readonly Dialect Postgres = new()
    {
        LockingRows = " FOR UPDATE",

        // The turn is held until the commit. So a sequence is only given out after all smaller ones are committed, and a follower who has seen
        // one has seen all before it. The announcement is sent with the commit.
        InsertingChange = $"""
            LOCK TABLE change_turn IN EXCLUSIVE MODE;
            WITH change AS (INSERT INTO changes (image_id, kind, changed_at) VALUES (@ImageId, @Kind, @ChangedAt) RETURNING sequence)
            SELECT sequence, pg_notify('{ChangeChannel}', sequence::text) FROM change
            """,
    };

    /// <summary>
    /// After a SELECT: keeps its rows as they are until the transaction ends, so that nobody takes a lease over while a unit that found it held
    /// has not committed. SQLite has one writer: nothing changes under a unit.
    /// </summary>
    public required string LockingRows { get; init; }

    /// <summary>Writes a <see cref="ChangeRow"/> and returns its sequence. Sequences must be committed in their order.</summary>
    public required string InsertingChange { get; init; }

    public static Dialect Of(DbConnection connection) => connection is SqliteConnection ? Sqlite : Postgres;

    /// <summary>
    /// After a table in FROM: the <c>images i</c> whose ids a column of it holds, looked up one by one. Left to itself PostgreSQL walks all images
    /// beside a few ids when its statistics say that it is cheap; SQLite keeps the order of a CROSS JOIN.
    /// </summary>
    public string JoiningImages(string id) => this == Sqlite
        ? "CROSS JOIN images i"
        : $"CROSS JOIN LATERAL (SELECT * FROM images WHERE id = {id} OFFSET 0) i";

    /// <summary>The condition that a column is one of the values of an array parameter, which Dapper passes whole only where the driver has arrays.</summary>
    public string AnyOf(string column, string parameter) => this == Sqlite ? $"{column} IN {parameter}" : $"{column} = ANY({parameter})";
}
