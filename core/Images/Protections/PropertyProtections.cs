using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>
/// Which custom properties of images a caller may create, see, change and remove. What a caller may not see does not exist for it: it is left
/// out wherever images are shown, and lists do not find images by it.
/// </summary>
/// <param name="policy">The rules that protections of the form <see cref="ProtectionFormat.Policies"/> name.</param>
public sealed class PropertyProtections(PolicyRules policy)
{
    private volatile ProtectionSet? _rules;

    /// <summary>Puts other rules in force: for what is asked from now on. Null protects nothing.</summary>
    public void Use(ProtectionSet? rules) => _rules = rules;

    /// <summary>Whether the caller may do it.</summary>
    public bool Allows(Caller caller, PropertyOperation operation, string name) =>
        _rules is not { } rules || rules.Allows(caller, operation, name, policy.Current);

    /// <summary>Refuses what <see cref="Allows"/> does not allow.</summary>
    /// <exception cref="ImageException"><see cref="ImageError.Forbidden"/>.</exception>
    public void Require(Caller caller, PropertyOperation operation, string name)
    {
        if (!Allows(caller, operation, name))
        {
            throw ImageValues.Reserved(name);
        }
    }

    /// <summary>The image as the caller may see it; the very same record when that is all of it. Never save what this returns.</summary>
    public Image Shown(Caller caller, Image image) =>
        _rules is null || image.Properties.All(property => Allows(caller, PropertyOperation.Read, property.Key))
            ? image
            : image with { Properties = [.. image.Properties.Where(property => Allows(caller, PropertyOperation.Read, property.Key))] };

    /// <summary>The images as the caller may see them.</summary>
    public IReadOnlyList<Image> Shown(Caller caller, IReadOnlyList<Image> images) =>
        _rules is null ? images : [.. images.Select(image => Shown(caller, image))];
}
