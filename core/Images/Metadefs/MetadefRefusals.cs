using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>The refusals around metadata definitions, in Glance's words where its clients show them.</summary>
internal static class MetadefRefusals
{
    public static ImageException NoSuchNamespace(string name) => new(ImageError.NotFound, $"Metadata definition namespace={name} was not found.");

    public static ImageException NamespaceExists(string name) => new(ImageError.Conflict, $"The metadata definition namespace={name} already exists.");

    public static ImageException NamespaceProtected(string name) =>
        new(ImageError.Forbidden, $"Metadata definition namespace {name} is protected and cannot be deleted.");

    public static ImageException Missing(string namespaceName, MetadefPartKind kind, string name) => new(
        ImageError.NotFound,
        kind == MetadefPartKind.ResourceType
            ? $"The metadata definition resource-type association of resource-type={name} to namespace={namespaceName} was not found."
            : $"The metadata definition {Word(kind)} with name={name} was not found in namespace={namespaceName}.");

    public static ImageException Exists(string namespaceName, MetadefPartKind kind, string name) => new(
        ImageError.Conflict,
        kind == MetadefPartKind.ResourceType
            ? $"The metadata definition resource-type association of resource-type={name} to namespace={namespaceName} already exists."
            : $"A metadata definition {Word(kind)} with name={name} already exists in namespace={namespaceName}.");

    public static ImageException Protected(MetadefPartKind kind, string? name) => new(
        ImageError.Forbidden,
        $"Metadata definition {(kind == MetadefPartKind.ResourceType ? "resource-type-association" : Word(kind))} {name ?? "list"} is protected and cannot be deleted.");

    public static ImageException NoPrefix(string name, string prefix) => new(
        ImageError.NotFound, $"Property {name} does not start with the expected resource type association prefix of '{prefix}'.");

    private static string Word(MetadefPartKind kind) => kind switch
    {
        MetadefPartKind.Property => "property",
        MetadefPartKind.PropertyObject => "object",
        MetadefPartKind.Tag => "tag",
        _ => "resource type",
    };
}
