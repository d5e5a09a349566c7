using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>An image that a caller may see, and whether it is shared with the caller's project.</summary>
internal sealed record VisibleImage(Image Image, bool IsMember);

/// <summary>
/// Finds images for callers. What a caller may not see does not exist for it: the refusal is the same as for an unknown id.
/// </summary>
internal sealed class ImageAccess(ImageRegistry registry, PolicyRules policy)
{
    public static bool IsForEverybody(Image image) =>
        image.Owner is null || image.Visibility is ImageVisibility.Public or ImageVisibility.Community;

    public static ImageException NoSuchImage(string id) => new(ImageError.NotFound, $"No image found with ID {id}");

    /// <summary>Finds an image by id.</summary>
    /// <exception cref="ImageException"><see cref="ImageError.NotFound"/>.</exception>
    public async Task<VisibleImage> FindAsync(Caller caller, string id, CancellationToken cancellationToken)
    {
        var image = await registry.FindImageAsync(id, cancellationToken) ?? throw NoSuchImage(id);
        var isMember = image.Visibility == ImageVisibility.Shared
            && caller.ProjectId is { } project
            && image.Owner != project
            && await registry.FindMemberAsync(id, project, cancellationToken) is not null;
        var visible = caller.IsAdmin || IsForEverybody(image) || isMember || (caller.ProjectId is not null && image.Owner == caller.ProjectId);
        return visible && policy.Allows(caller, PolicyAction.GetImage, image, isMember)
            ? new VisibleImage(image, isMember)
            : throw NoSuchImage(id);
    }

    /// <summary>Finds an image by id on which the caller may act.</summary>
    /// <exception cref="ImageException"><see cref="ImageError.NotFound"/>, or <see cref="ImageError.Forbidden"/> when it may only be seen.</exception>
    public async Task<Image> FindForAsync(Caller caller, string id, PolicyAction action, CancellationToken cancellationToken)
    {
        var (image, isMember) = await FindAsync(caller, id, cancellationToken);
        policy.Require(caller, action, image, isMember);
        return image;
    }
}
