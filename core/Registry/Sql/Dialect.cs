using System.Data.Common;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Data.Sqlite;

namespace GlanceGateway.Registry.Sql;

/// <summary>All that differs in the statements between the databases; everything else is the same text for both.</summary>
internal sealed partial class Dialect
{
    /// <summary>The channel on which PostgreSQL announces the sequences of committed changes.</summary>
    public const string ChangeChannel = "glance_registry_changes";

    public static readonly Dialect Sqlite = new()
    {
        LockingRows = "",
        InsertingProperty = """
            INSERT INTO image_properties (image_id, name, value, value_key, position)
            VALUES (@ImageId, @Name, @Value, substr(COALESCE(@Value, ''), 1, 64), @Position)
            """,
        InsertingChange = "INSERT INTO changes (image_id, kind, changed_at, lost_by) VALUES (@ImageId, @Kind, @ChangedAt, @LostBy) RETURNING sequence",
    };

    public static readonly Dialect Postgres = new()
    {
        LockingRows = " FOR UPDATE",
        InsertingProperty = "INSERT INTO image_properties (image_id, name, value, position) VALUES (@ImageId, @Name, @Value, @Position)",

        // The turn is held until the commit. So a sequence is only given out after all smaller ones are committed, and a follower who has seen
        // one has seen all before it. The announcement is sent with the commit.
        InsertingChange = $"""
            LOCK TABLE change_turn IN EXCLUSIVE MODE;
            WITH change AS (INSERT INTO changes (image_id, kind, changed_at, lost_by) VALUES (@ImageId, @Kind, @ChangedAt, @LostBy) RETURNING sequence)
            SELECT sequence, pg_notify('{ChangeChannel}', sequence::text) FROM change
            """,
    };

    /// <summary>
    /// After a SELECT: keeps its rows as they are until the transaction ends, so that nobody takes a lease over while a unit that found it held
    /// has not committed. SQLite has one writer: nothing changes under a unit.
    /// </summary>
    public required string LockingRows { get; init; }

    /// <summary>Writes a <see cref="PropertyRow"/>, and what the index by value holds of it where the database does not compute that itself.</summary>
    public required string InsertingProperty { get; init; }

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

    /// <summary>
    /// A table along an index. SQLite is told: it plans without looking at the values, and a wrong walk is one over everything. PostgreSQL finds
    /// out from its statistics.
    /// </summary>
    public string Along(string table, string? index) => this == Sqlite && index is not null ? $"{table} INDEXED BY {index}" : table;

    /// <summary>
    /// What the index by value holds of a property's value, as an index takes no long ones: its beginning, or a digest. The value itself is to be
    /// compared too.
    /// </summary>
    public string ValueKey(string value) => this == Sqlite
        ? $"substr(CAST({value} AS TEXT), 1, 64)"
        : $"('x' || substr(md5(CAST({value} AS TEXT)), 1, 8))::bit(32)::integer";

    /// <summary>
    /// The condition that an image has a property, asked of the index by value: most of those asked are not in it, which ends the matter, and the
    /// entries of one value lie close together. By image, each of a million takes the database to another page. A property without a value is
    /// shown as the empty text, so it is found by it.
    /// </summary>
    public string HasProperty(string id, string name, string value)
    {
        // PostgreSQL would go by image: a range makes that look dear.
        var ofImage = this == Sqlite ? $"p.image_id = {id}" : $"p.image_id BETWEEN {id} AND {id}";
        return $"""
            EXISTS (SELECT 1 FROM {Along("image_properties p", "image_properties_by_value")} WHERE p.name = {name} AND p.value_key = {ValueKey(value)}
                AND {ofImage} AND COALESCE(p.value, '') = {value}{AskedOfEach})
            """;
    }

    /// <summary>
    /// Whether branches of a union are merged where only the union is ordered. SQLite reads each along its index then, row by row as the merge asks.
    /// PostgreSQL wants each branch ordered, and merges those that are.
    /// </summary>
    public bool MergesByItself => this == Sqlite;

    /// <summary>
    /// At the end of a subquery of EXISTS: keeps it a question for each image. PostgreSQL would make a join of it that begins with all images of a
    /// tag.
    /// </summary>
    public string AskedOfEach => this == Sqlite ? "" : " OFFSET 0";

    /// <summary>The size to sort by: SQLite starts in the middle of an index only where its columns are columns.</summary>
    public string SortSize => this == Sqlite ? "i.sort_size" : "COALESCE(i.size, 0)";

    /// <summary>The condition that a column is one of the values of an array parameter, which Dapper passes whole only where the driver has arrays.</summary>
    public string AnyOf(string column, string parameter) => this == Sqlite ? $"{column} IN {parameter}" : $"{column} = ANY({parameter})";

    /// <summary>The condition that a column is one of <see cref="ManyTexts"/>.</summary>
    public string AmongTexts(string column, string parameter) =>
        this == Sqlite ? $"{column} IN (SELECT value FROM json_each({parameter}))" : $"{column} = ANY({parameter})";

    /// <summary>
    /// Texts as one parameter: SQLite has no arrays, but reads JSON. With a parameter for each, half of the time of a page of 1000 images went into
    /// the statements' text.
    /// </summary>
    public object ManyTexts(string[] values) => this == Sqlite ? JsonSerializer.Serialize(values, TextsJson.Default.StringArray) : values;

    [JsonSerializable(typeof(string[]))]
    private sealed partial class TextsJson : JsonSerializerContext;
}
