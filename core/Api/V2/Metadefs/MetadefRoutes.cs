using GlanceGateway.Images;
using GlanceGateway.Registry;

namespace GlanceGateway.Api.V2;

/// <summary>Every route below <c>/v2/metadefs</c> and <c>/v2/schemas/metadefs</c>.</summary>
internal sealed class MetadefRoutes(ImageServices images, ApiOptions options)
{
    private const string Namespaces = "metadefs/namespaces";
    private const string Namespace = Namespaces + "/{namespace}";

    /// <summary>Makes the lines of the table.</summary>
    public IEnumerable<Route> Build()
    {
        var namespaces = new MetadefNamespaceHandlers(images, options);
        var properties = Of(MetadefPartKind.Property);
        var objects = Of(MetadefPartKind.PropertyObject);
        var tags = Of(MetadefPartKind.Tag);
        var types = Of(MetadefPartKind.ResourceType);
        return
        [
            new("GET", Namespaces, BodyRule.Ignored, namespaces.ListAsync),
            new("POST", Namespaces, BodyRule.Json, namespaces.CreateAsync),
            new("GET", Namespace, BodyRule.Refused, namespaces.ShowAsync),
            new("PUT", Namespace, BodyRule.Json, namespaces.ReplaceAsync),
            new("DELETE", Namespace, BodyRule.Refused, namespaces.DeleteAsync),

            new("GET", "metadefs/resource_types", BodyRule.Refused, namespaces.ListResourceTypesAsync),
            new("GET", Namespace + "/resource_types", BodyRule.Refused, types.ListAsync),
            new("POST", Namespace + "/resource_types", BodyRule.Json, types.AddAsync),
            new("DELETE", Namespace + "/resource_types/{type}", BodyRule.Refused, types.RemoveAsync),

            .. Contents("properties", properties, properties.AddAsync),
            .. Contents("objects", objects, objects.AddAsync),
            .. Contents("tags", tags, tags.SetTagsAsync),
            new("POST", Namespace + "/tags/{name}", BodyRule.Refused, tags.AddTagAsync),

            .. MetadefSchemaJson.All.Select(schema => new Route(
                "GET", "schemas/metadefs/" + schema.Name, BodyRule.Ignored, call => call.WriteJsonAsync(200, schema.Write))),
        ];
    }

    private MetadefPartHandlers Of(MetadefPartKind kind) => new(images.Metadefs, options, kind);

    private static IEnumerable<Route> Contents(string name, MetadefPartHandlers handlers, ApiHandler add) =>
    [
        new("GET", $"{Namespace}/{name}", BodyRule.Ignored, handlers.ListAsync),
        new("POST", $"{Namespace}/{name}", BodyRule.Json, add),
        new("DELETE", $"{Namespace}/{name}", BodyRule.Refused, handlers.ClearAsync),
        new("GET", $"{Namespace}/{name}/{{name}}", BodyRule.Refused, handlers.ShowAsync),
        new("PUT", $"{Namespace}/{name}/{{name}}", BodyRule.Json, handlers.ReplaceAsync),
        new("DELETE", $"{Namespace}/{name}/{{name}}", BodyRule.Refused, handlers.RemoveAsync),
    ];
}
