using System.Text.Json;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>The schemas of metadata definitions: what clients are told is what is checked.</summary>
public static class MetadefSchemas
{
    /// <summary>A namespace with all that it holds.</summary>
    public static JsonElement Namespace { get; } = Read("namespace");

    /// <summary>The definition of a property.</summary>
    public static JsonElement Property { get; } = Read("property");

    /// <summary>Properties that go together.</summary>
    public static JsonElement PropertyObject { get; } = Read("object");

    /// <summary>A tag.</summary>
    public static JsonElement Tag { get; } = Read("tag");

    /// <summary>The association of a namespace with a resource type.</summary>
    public static JsonElement ResourceType { get; } = Read("resource_type");

    /// <summary>The schema of what a namespace holds.</summary>
    public static JsonElement Of(MetadefPartKind kind) => kind switch
    {
        MetadefPartKind.Property => Property,
        MetadefPartKind.PropertyObject => PropertyObject,
        MetadefPartKind.Tag => Tag,
        _ => ResourceType,
    };

    private static JsonElement Read(string name)
    {
        using var stream = typeof(MetadefSchemas).Assembly.GetManifestResourceStream($"Metadefs/Schemas/{name}.json")!;
        using var document = JsonDocument.Parse(stream);
        return document.RootElement.Clone();
    }
}
