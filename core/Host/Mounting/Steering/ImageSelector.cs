using GlanceGateway.View;

namespace GlanceGateway.Host.Mounting;

/// <summary>Which images somebody means: an id, a name, <c>tag:…</c>, or <c>name:…</c> for names that look like something else.</summary>
internal static class ImageSelector
{
    private const string Tag = "tag:";
    private const string Name = "name:";

    /// <summary>The images that are meant; several may have one name.</summary>
    public static IReadOnlyList<MountedImage> Choose(string selector, IReadOnlyList<MountedImage> images)
    {
        if (selector.StartsWith(Tag, StringComparison.Ordinal))
            return [.. images.Where(image => image.Tags.Contains(selector[Tag.Length..], StringComparer.Ordinal))];
        if (selector.StartsWith(Name, StringComparison.Ordinal))
            return [.. images.Where(image => image.Name == selector[Name.Length..])];
        return images.FirstOrDefault(image => string.Equals(image.Id, selector, StringComparison.OrdinalIgnoreCase)) is { } one
            ? [one]
            : [.. images.Where(image => image.Name == selector)];
    }
}
