using System.Text.Json;

namespace GlanceGateway.Images;

/// <summary>What an edit does.</summary>
public enum EditOperation
{
    /// <summary>Sets a value.</summary>
    Add,

    /// <summary>Sets a value that must be there.</summary>
    Replace,

    /// <summary>Removes a custom property.</summary>
    Remove,
}

/// <summary>One change of an image's attributes.</summary>
/// <param name="Operation">What to do.</param>
/// <param name="Property">The attribute's or custom property's wire name.</param>
/// <param name="Index">The position within a list, for <c>locations</c>: a number or <c>-</c>; else null.</param>
/// <param name="Value">The new value; undefined for <see cref="EditOperation.Remove"/>.</param>
/// <param name="MustBeNew">The older patch dialect: an add of something that is there is a conflict.</param>
public sealed record ImageEdit(EditOperation Operation, string Property, string? Index, JsonElement Value, bool MustBeNew = false);
