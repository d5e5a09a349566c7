using System.Text.Json;
using System.Text.Json.Serialization;

namespace GlanceGateway.Blocks;

/// <summary>The file <c>object.json</c> of a cached object: what it is, and what is worth knowing after a restart.</summary>
internal sealed record ObjectRecord
{
    public const int CurrentFormat = 1;

    /// <summary>A cache of another format is not read; its objects are dropped.</summary>
    public required int Format { get; init; }

    public required BlockKey Key { get; init; }

    public required long Length { get; init; }

    public required int BlockBytes { get; init; }

    /// <summary>Whether all of it was there once and had the right hash, or, where nobody knows one, was equal to its source.</summary>
    public bool HashProven { get; init; }

    /// <summary>Whether its plain file was ever given out: a kernel may read on from it for a process that is no more, so no hole is made in it.</summary>
    public bool HandedOut { get; init; }

    public bool Pinned { get; init; }

    public long Hits { get; init; }

    public DateTimeOffset LastAccessed { get; init; }

    public DateTimeOffset LastModified { get; init; }

    /// <summary>Reads a record; null when it is absent, torn, or of another format.</summary>
    public static ObjectRecord? TryRead(string path)
    {
        try
        {
            var record = JsonSerializer.Deserialize(File.ReadAllBytes(path), ObjectRecordJson.Default.ObjectRecord);
            return record is { Format: CurrentFormat, Key.Id.Length: > 0, Length: >= 0, BlockBytes: >= ObjectFiles.ChunkBytes } ? record : null;
        }
        catch (Exception unreadable) when (unreadable is IOException or JsonException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Where a record is written before it replaces the other.</summary>
    public static string NextPath(string path) => path + ".new";

    /// <summary>Replaces the record in one step: a reader sees the old one or the new one.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="durable">Whether it must be on the disk when this returns.</param>
    public void Write(string path, bool durable)
    {
        var next = NextPath(path);
        using (var file = File.OpenHandle(next, FileMode.Create, FileAccess.Write))
        {
            RandomAccess.Write(file, JsonSerializer.SerializeToUtf8Bytes(this, ObjectRecordJson.Default.ObjectRecord), 0);
            if (durable)
                RandomAccess.FlushToDisk(file);
        }

        File.Move(next, path, overwrite: true);
    }
}

[JsonSerializable(typeof(ObjectRecord))]
internal sealed partial class ObjectRecordJson : JsonSerializerContext;
