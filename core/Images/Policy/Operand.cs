using System.Globalization;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>The right side of a check: a constant, or <c>%(attribute)s</c> of the target.</summary>
/// <remarks>
/// An attribute that the target does not have equals nothing. One that it has without a value equals the literal None alone, not what a
/// caller lacks: else a caller without a project would own all that nobody owns.
/// </remarks>
internal sealed class Operand
{
    /// <summary>Told apart by reference: no value is this very object.</summary>
    private static readonly string Missing = new('?', 1);

    private readonly string? constant;
    private readonly string? attribute;

    private Operand(string? constant, string? attribute)
    {
        this.constant = constant;
        this.attribute = attribute;
    }

    /// <summary>Whether it is the constant None.</summary>
    public bool IsNone => constant == "None";

    public static Operand Constant(string text) => new(text, null);

    public static Operand Attribute(string name) => new(null, name);

    /// <summary>Whether it equals a value; null is None.</summary>
    public bool Is(in PolicyQuestion question, string? value, StringComparison comparison)
    {
        if (constant is not null)
        {
            return string.Equals(constant, value ?? "None", comparison);
        }

        if (Number(question.Image) is { } number)
        {
            Span<char> digits = stackalloc char[20];
            number.TryFormat(digits, out var length, default, CultureInfo.InvariantCulture);
            return value is not null && digits[..length].SequenceEqual(value);
        }

        return TryText(question, out var text) && string.Equals(text, value, comparison);
    }

    /// <summary>What the attribute is, as the end of a sentence that begins with the caller; empty for a constant.</summary>
    public string Describe(in PolicyQuestion question)
    {
        if (attribute is null)
        {
            return "";
        }

        var of = question.Image is null ? "the request" : "the image";
        if (Number(question.Image) is { } number)
        {
            return $", {of}'s {attribute} is {number}";
        }

        return TryText(question, out var text)
            ? text is null ? $", {of} has no value for {attribute}" : $", {of}'s {attribute} is {text}"
            : $", {of} has no {attribute}";
    }

    private static string Flag(bool value) => value ? "True" : "False";

    private long? Number(Image? image) => attribute switch
    {
        "size" => image?.Size,
        "virtual_size" => image?.VirtualSize,
        "min_disk" => image?.MinDisk,
        "min_ram" => image?.MinRam,
        _ => null,
    };

    /// <returns>False when the target has no such attribute.</returns>
    private bool TryText(in PolicyQuestion question, out string? text)
    {
        if (question.Image is not { } image)
        {
            // Actions on no image are about the caller's own project.
            text = question.Caller.ProjectId;
            return attribute == "project_id";
        }

        text = attribute switch
        {
            "project_id" or "owner" => image.Owner,
            "member_id" or "member" => question.IsMember ? question.Caller.ProjectId : null,
            "visibility" => WireNames.Of(image.Visibility),
            "status" => WireNames.Of(image.Status),
            "image_id" or "id" => image.Id,
            "name" => image.Name,
            "disk_format" => image.DiskFormat,
            "container_format" => image.ContainerFormat,
            "checksum" => image.Checksum,
            "os_hash_algo" => image.HashAlgorithm,
            "os_hash_value" => image.HashValue,
            "protected" => Flag(image.Protected),
            "os_hidden" => Flag(image.Hidden),
            "size" or "virtual_size" => null,
            _ => Missing,
        };
        return !ReferenceEquals(text, Missing) || TryProperty(image, out text);
    }

    private bool TryProperty(Image image, out string? text)
    {
        for (var i = 0; i < image.Properties.Count; i++)
        {
            if (image.Properties[i].Key == attribute)
            {
                text = image.Properties[i].Value;
                return true;
            }
        }

        text = null;
        return false;
    }
}
