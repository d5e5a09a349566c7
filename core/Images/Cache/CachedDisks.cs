namespace GlanceGateway.Images;

/// <summary>Beside the data of images a cache may hold the disks inside them, written out as raw bytes: objects of their own, named after the image.</summary>
public static class CachedDisks
{
    private const string Suffix = "-raw";

    /// <summary>The name of the object that holds an image's disk.</summary>
    public static string IdOf(string imageId) => imageId + Suffix;

    /// <summary>The image behind an object, and whether the object is its disk.</summary>
    public static (string ImageId, bool IsDisk) ImageOf(string objectId)
    {
        ArgumentNullException.ThrowIfNull(objectId);
        return objectId.EndsWith(Suffix, StringComparison.Ordinal) ? (objectId[..^Suffix.Length], true) : (objectId, false);
    }
}
