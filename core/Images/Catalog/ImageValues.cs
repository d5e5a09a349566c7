using System.Buffers;
using System.Text;
using System.Text.Json;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>Checks wire values against the schema and puts them into images. Every refusal of a value is made here.</summary>
internal sealed class ImageValues(ImageSchema schema, ImageOptions options)
{
    private const int KeyLimit = 255;

    /// <summary>Names that only the gateway sets.</summary>
    private static readonly HashSet<string> readOnlyNames = new(StringComparer.Ordinal)
    {
        "created_at", "updated_at", "status", "checksum", "size", "virtual_size", "os_hash_algo", "os_hash_value",
        "direct_url", "self", "file", "schema", "stores",
    };

    /// <summary>Names that can never be custom properties.</summary>
    private static readonly HashSet<string> reservedNames = new(StringComparer.Ordinal) { "location", "deleted", "deleted_at", "locations" };

    public static bool IsReadOnly(string name) => readOnlyNames.Contains(name);

    public static bool IsReserved(string name) => reservedNames.Contains(name) || name.StartsWith("os_glance", StringComparison.Ordinal);

    public static ImageException ReadOnly(string name) => new(ImageError.Forbidden, $"Attribute '{name}' is read-only.");

    public static ImageException Reserved(string name) => new(ImageError.Forbidden, $"Attribute '{name}' is reserved.");

    /// <summary>Whether a registry of any kind gives the text back as it was: no NUL, no half of a surrogate pair.</summary>
    public static bool IsStorable(ReadOnlySpan<char> text)
    {
        if (text.Contains('\0'))
        {
            return false;
        }

        while (!text.IsEmpty)
        {
            if (Rune.DecodeFromUtf16(text, out _, out var consumed) != OperationStatus.Done)
            {
                return false;
            }

            text = text[consumed..];
        }

        return true;
    }

    /// <summary>Whether a name is an attribute of every image rather than a custom property.</summary>
    public bool IsBase(string name) => schema.Find(name) is { IsBase: true };

    /// <summary>An image with one attribute or custom property set.</summary>
    /// <exception cref="ImageException"><see cref="ImageError.Invalid"/> when the value does not fit the schema.</exception>
    public Image Set(Image image, string name, JsonElement value)
    {
        Check(name, value);
        return name switch
        {
            "id" => image with { Id = value.GetString()! },
            "name" => image with { Name = value.GetString() },
            "visibility" => image with { Visibility = WireNames.Visibility(value.GetString()!) },
            "protected" => image with { Protected = value.GetBoolean() },
            "os_hidden" => image with { Hidden = value.GetBoolean() },
            "owner" => image with { Owner = value.GetString() is { Length: > 0 } owner ? owner : null },
            "container_format" => image with { ContainerFormat = value.GetString() },
            "disk_format" => image with { DiskFormat = value.GetString() },
            "min_ram" => image with { MinRam = value.GetInt32() },
            "min_disk" => image with { MinDisk = value.GetInt32() },
            "tags" => image with { Tags = [.. value.EnumerateArray().Select(t => t.GetString()!).Distinct(StringComparer.Ordinal)] },
            _ => SetProperty(image, name, value.GetString()),
        };
    }

    /// <summary>Refuses an image that has more than its quotas allow.</summary>
    /// <param name="image">The image as it is to be.</param>
    /// <param name="before">The image as it was; null for a new one. What was too much already may stay.</param>
    public void RequireQuotas(Image image, Image? before)
    {
        var properties = Counted(image);
        if (options.PropertyQuota >= 0 && properties > options.PropertyQuota && properties > (before is null ? 0 : Counted(before)))
        {
            throw OverQuota("properties", properties, options.PropertyQuota);
        }

        if (options.TagQuota >= 0 && image.Tags.Count > options.TagQuota && image.Tags.Count > (before?.Tags.Count ?? 0))
        {
            throw OverQuota("tags", image.Tags.Count, options.TagQuota);
        }
    }

    public static ImageException OverQuota(string what, int attempted, int maximum) => new(
        ImageError.TooLarge,
        $"The limit has been exceeded on the number of allowed image {what}. Attempted: {attempted}, Maximum: {maximum}");

    private static int Counted(Image image) => image.Properties.Count(p => !p.Key.StartsWith("os_glance", StringComparison.Ordinal));

    private static Image SetProperty(Image image, string name, string? value)
    {
        var properties = image.Properties.ToList();
        var at = properties.FindIndex(p => p.Key == name);
        if (at < 0)
        {
            properties.Add(new(name, value));
        }
        else
        {
            properties[at] = new(name, value);
        }

        return image with { Properties = properties };
    }

    private void Check(string name, JsonElement value)
    {
        var field = schema.Find(name);
        if (field is null)
        {
            if (name.Length == 0 || Characters(name) > KeyLimit || !IsStorable(name))
            {
                throw new ImageException(ImageError.Invalid, $"The name of a property must have 1 to {KeyLimit} characters, none of them NUL or half a surrogate pair.");
            }

            RequireText(value, "additionalProperties", name, null);
            return;
        }

        var at = $"properties']['{name}";
        switch (field.Type)
        {
            case AttributeType.NullableText when value.ValueKind == JsonValueKind.Null:
                return;
            case AttributeType.Text or AttributeType.NullableText:
                RequireText(value, at, name, field);
                return;
            case AttributeType.WholeNumber or AttributeType.NullableWholeNumber:
                if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt64(out var number))
                {
                    throw Mismatch($"{value.GetRawText()} is not of type 'integer'", "type", at, name);
                }

                if (number is < 0 or > int.MaxValue)
                {
                    throw new ImageException(ImageError.Invalid, $"Invalid value for option {name}: {value.GetRawText()}. It must be between 0 and {int.MaxValue}.");
                }

                return;
            case AttributeType.Flag:
                if (value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
                {
                    throw Mismatch($"{value.GetRawText()} is not of type 'boolean'", "type", at, name);
                }

                return;
            case AttributeType.TextList:
                if (value.ValueKind != JsonValueKind.Array)
                {
                    throw Mismatch($"{value.GetRawText()} is not of type 'array'", "type", at, name);
                }

                foreach (var item in value.EnumerateArray())
                {
                    RequireText(item, at + "']['items", name, field);
                }

                return;
            default:
                throw Reserved(name);
        }
    }

    private static void RequireText(JsonElement value, string at, string name, ImageField? field)
    {
        if (value.ValueKind != JsonValueKind.String)
        {
            throw Mismatch($"{value.GetRawText()} is not of type 'string'", "type", at, name);
        }

        if (Text(value) is not { } text)
        {
            throw new ImageException(ImageError.Invalid, $"The value of '{name}' holds a character that cannot be stored (NUL, or half a surrogate pair).");
        }

        if (field?.MaxLength is { } most && Characters(text) > most)
        {
            throw Mismatch($"'{text}' is too long", "maxLength", at, name);
        }

        if (field?.Allowed is { } allowed && !allowed.Contains(text, StringComparer.Ordinal))
        {
            throw Mismatch($"'{text}' is not one of [{string.Join(", ", allowed.Select(a => $"'{a}'"))}]", "enum", at, name);
        }

        if (field?.Pattern is { } pattern && !(field.Checked ?? ImageSchema.Uuid()).IsMatch(text))
        {
            throw Mismatch($"'{text}' does not match '{pattern}'", "pattern", at, name);
        }
    }

    private static ImageException Mismatch(string problem, string rule, string at, string name) => new(
        ImageError.Invalid,
        $"Provided object does not match schema 'image': {problem}. Failed validating '{rule}' in schema['{at}'] on instance['{name}'].");

    private static int Characters(string text) => text.EnumerateRunes().Count();

    /// <summary>The text of a JSON string; null when it cannot be stored.</summary>
    private static string? Text(JsonElement value)
    {
        try
        {
            return value.GetString() is { } text && IsStorable(text) ? text : null;
        }
        catch (InvalidOperationException)
        {
            // JSON can spell half a surrogate pair ("\ud800"), which no encoding of text has.
            return null;
        }
    }
}
