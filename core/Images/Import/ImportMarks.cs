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

    /// <summary>The task that holds the image; null for none.</summary>
    public static string? TaskOf(Image image) => image.Properties.FirstOrDefault(p => p.Key == Task).Value;

    /// <summary>The stores that a mark names.</summary>
    public static string[] StoresIn(Image image, string mark) =>
        image.Properties.FirstOrDefault(p => p.Key == mark).Value?.Split(',', StringSplitOptions.RemoveEmptyEntries) ?? [];

    public static Image WithTask(this Image image, string id) => image.With(Task, id);

    public static Image WithoutTask(this Image image) => image with { Properties = [.. image.Properties.Where(p => p.Key != Task)] };

    public static Image WithPending(this Image image, IEnumerable<string> stores) => image.With(Pending, string.Join(',', stores));

    public static Image WithFailed(this Image image, IEnumerable<string> stores) => image.With(Failed, string.Join(',', stores));

    private static Image With(this Image image, string name, string value) => image.Properties.Any(p => p.Key == name)
        ? image with { Properties = [.. image.Properties.Select(p => p.Key == name ? KeyValuePair.Create(name, (string?)value) : p)] }
        : image with { Properties = [.. image.Properties, KeyValuePair.Create(name, (string?)value)] };
}
