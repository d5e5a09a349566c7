using System.Collections.ObjectModel;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace GlanceGateway.Registry.Sql;

/// <summary>Location metadata as a JSON object in a column.</summary>
internal static partial class LocationMetadata
{
    public static string Write(IReadOnlyDictionary<string, string> metadata) =>
        JsonSerializer.Serialize(new Dictionary<string, string>(metadata), MetadataJson.Default.DictionaryStringString);

    public static IReadOnlyDictionary<string, string> Read(string json) => json == "{}"
        ? ReadOnlyDictionary<string, string>.Empty
        : JsonSerializer.Deserialize(json, MetadataJson.Default.DictionaryStringString) ?? [];

    [JsonSerializable(typeof(Dictionary<string, string>))]
    private sealed partial class MetadataJson : JsonSerializerContext;
}
