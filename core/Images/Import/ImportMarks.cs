using System.Text.Json;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>The properties by which clients follow an import. Users can neither set nor remove them.</summary>
internal static class ImportMarks
{
    /// <summary>The id of the task that imports: the lock that keeps others from importing at the same time.</summary>
    public const string Task = "os_glance_import_task";

    /// <summary>The stores that do not have the data yet, separated by commas.</summary>
    public const string Pending = "os_glance_importing_to_stores";

    /// <summary>The stores that could not take the data.</summary>
    public const string Failed = "os_glance_failed_import";

    /// <summary>The formats that the image had before its data was converted, until the import ends: <c>qcow2/bare</c>.</summary>
    public const string FormatsBefore = "os_glance_import_formats";

    /// <summary>The properties that the image gets when it becomes active, until the import ends: a JSON object.</summary>
    public const string PropertiesThen = "os_glance_import_properties";

    /// <summary>The task that holds the image; null for none.</summary>
    public static string? TaskOf(Image image) => image.Properties.FirstOrDefault(p => p.Key == Task).Value;

    /// <summary>The stores that a mark names.</summary>
    public static string[] StoresIn(Image image, string mark) =>
        image.Properties.FirstOrDefault(p => p.Key == mark).Value?.Split(',', StringSplitOptions.RemoveEmptyEntries) ?? [];

    public static Image WithTask(this Image image, string id) => image.With(Task, id);

    public static Image WithoutTask(this Image image) => image with { Properties = [.. image.Properties.Where(p => p.Key is not (Task or FormatsBefore or PropertiesThen))] };

    /// <summary>Notes the formats, unless there is such a note.</summary>
    public static Image WithFormatsBefore(this Image image) =>
        image.Properties.Any(p => p.Key == FormatsBefore) ? image : image.With(FormatsBefore, $"{image.DiskFormat}/{image.ContainerFormat}");

    /// <summary>Takes the formats back that were noted.</summary>
    public static Image Restored(this Image image) =>
        image.Properties.FirstOrDefault(p => p.Key == FormatsBefore).Value?.Split('/') is [var disk, var container]
            ? image with { DiskFormat = disk, ContainerFormat = container }
            : image;

    /// <summary>With what was said of the fetched data: its formats now, for they are what it is; its properties when the image becomes active.</summary>
    public static Image WithFacts(this Image image, FetchedFacts facts) =>
        (image.WithFormatsBefore() with { DiskFormat = facts.DiskFormat, ContainerFormat = facts.ContainerFormat })
            .With(PropertiesThen, JsonSerializer.Serialize(facts.Properties));

    /// <summary>The properties that were noted for the moment at which the image becomes active.</summary>
    public static IReadOnlyDictionary<string, string> PropertiesThenOf(Image image) =>
        image.Properties.FirstOrDefault(p => p.Key == PropertiesThen).Value is { } noted ? JsonSerializer.Deserialize<Dictionary<string, string>>(noted)! : new();

    /// <summary>With these properties, in place of what is there.</summary>
    public static Image WithAll(this Image image, IReadOnlyDictionary<string, string> properties) =>
        properties.Aggregate(image, (changed, property) => changed.With(property.Key, property.Value));

    public static Image WithPending(this Image image, IEnumerable<string> stores) => image.With(Pending, string.Join(',', stores));

    public static Image WithFailed(this Image image, IEnumerable<string> stores) => image.With(Failed, string.Join(',', stores));

    private static Image With(this Image image, string name, string value) => image.Properties.Any(p => p.Key == name)
        ? image with { Properties = [.. image.Properties.Select(p => p.Key == name ? KeyValuePair.Create(name, (string?)value) : p)] }
        : image with { Properties = [.. image.Properties, KeyValuePair.Create(name, (string?)value)] };
}
