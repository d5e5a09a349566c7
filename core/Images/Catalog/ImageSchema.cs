using System.Text.RegularExpressions;

namespace GlanceGateway.Images;

/// <summary>The JSON type of an attribute.</summary>
public enum AttributeType
{
    /// <summary>Text.</summary>
    Text,

    /// <summary>Text or null.</summary>
    NullableText,

    /// <summary>A whole number.</summary>
    WholeNumber,

    /// <summary>A whole number or null.</summary>
    NullableWholeNumber,

    /// <summary>True or false.</summary>
    Flag,

    /// <summary>A list of text.</summary>
    TextList,

    /// <summary>A list of locations.</summary>
    LocationList,
}

/// <summary>One attribute of an image as users meet it.</summary>
/// <param name="Name">The wire name.</param>
/// <param name="Type">The JSON type.</param>
/// <param name="Description">For the published schema.</param>
public sealed record ImageField(string Name, AttributeType Type, string Description)
{
    /// <summary>Most characters (Unicode code points) of a text, or of each text of a list.</summary>
    public int? MaxLength { get; init; }

    /// <summary>The only texts allowed; null text is allowed by the type.</summary>
    public IReadOnlyList<string>? Allowed { get; init; }

    /// <summary>What a text must match.</summary>
    public string? Pattern { get; init; }

    /// <summary>What checks texts when the gateway's own check of ids does not: an operator's <see cref="Pattern"/>. Bounded in time.</summary>
    public Regex? Checked { get; init; }

    /// <summary>Whether only the gateway sets it.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>False for custom properties that the schema merely describes.</summary>
    public bool IsBase { get; init; } = true;
}

/// <summary>
/// The attributes of images: the source of the published schema and of every check of a value. Clients build their request model from the
/// published form, so names, types and limits are Glance's to the letter; the descriptions are ours.
/// </summary>
public sealed partial class ImageSchema
{
    private const string UuidStart = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}";

    /// <summary>As published; in this language its end also matches before a last line break, so <see cref="Uuid"/> is what checks.</summary>
    private const string UuidPattern = UuidStart + "$";

    private readonly Dictionary<string, ImageField> byName;

    /// <summary>Makes the schema for the configured formats.</summary>
    public ImageSchema(ImageOptions options)
    {
        Attributes =
        [
            new("id", AttributeType.Text, "Identifies the image") { Pattern = UuidPattern },
            new("name", AttributeType.NullableText, "What people call the image; need not be unique") { MaxLength = 255 },
            new("status", AttributeType.Text, "Where the image stands in its life")
            {
                ReadOnly = true,
                Allowed = ["queued", "saving", "active", "killed", "deleted", "uploading", "importing", "pending_delete", "deactivated"],
            },
            new("visibility", AttributeType.Text, "Who may see the image") { Allowed = ["community", "public", "private", "shared"] },
            new("protected", AttributeType.Flag, "Whether the image is safe from deletion"),
            new("os_hidden", AttributeType.Flag, "Whether lists leave the image out unless asked for hidden ones"),
            new("checksum", AttributeType.NullableText, "MD5 of the data in hexadecimal; use os_hash_value to verify") { ReadOnly = true, MaxLength = 32 },
            new("os_hash_algo", AttributeType.NullableText, "The algorithm of os_hash_value") { ReadOnly = true, MaxLength = 64 },
            new("os_hash_value", AttributeType.NullableText, "Hash of the data in hexadecimal") { ReadOnly = true, MaxLength = 128 },
            new("owner", AttributeType.NullableText, "The project that owns the image") { MaxLength = 255 },
            new("size", AttributeType.NullableWholeNumber, "Bytes of data") { ReadOnly = true },
            new("virtual_size", AttributeType.NullableWholeNumber, "Bytes of the disk that a guest sees") { ReadOnly = true },
            new("container_format", AttributeType.NullableText, "What the disk is wrapped in") { Allowed = options.ContainerFormats },
            new("disk_format", AttributeType.NullableText, "How the disk is encoded") { Allowed = options.DiskFormats },
            new("created_at", AttributeType.Text, "When the image was created") { ReadOnly = true },
            new("updated_at", AttributeType.Text, "When the image last changed") { ReadOnly = true },
            new("tags", AttributeType.TextList, "Words to find the image by") { MaxLength = 255 },
            new("direct_url", AttributeType.Text, "Where the data lies, when the operator shows it") { ReadOnly = true },
            new("min_ram", AttributeType.WholeNumber, "MiB of memory that a guest needs"),
            new("min_disk", AttributeType.WholeNumber, "GiB of disk that a guest needs"),
            new("self", AttributeType.Text, "Path of the image") { ReadOnly = true },
            new("file", AttributeType.Text, "Path of the image's data") { ReadOnly = true },
            new("stores", AttributeType.Text, "Ids of the stores that hold the data, separated by commas") { ReadOnly = true },
            new("schema", AttributeType.Text, "Path of the schema of the image") { ReadOnly = true },
            new("locations", AttributeType.LocationList, "Where the data lies, when the operator shows it"),
            new("kernel_id", AttributeType.NullableText, "Image to boot as the kernel of an AMI-style image") { Pattern = UuidPattern, IsBase = false },
            new("ramdisk_id", AttributeType.NullableText, "Image to boot as the ramdisk of an AMI-style image") { Pattern = UuidPattern, IsBase = false },
            new("instance_uuid", AttributeType.Text, "The server that the image was made from, for information") { IsBase = false },
            new("architecture", AttributeType.Text, "Processor architecture of the operating system") { IsBase = false },
            new("os_distro", AttributeType.Text, "Common name of the operating system's distribution") { IsBase = false },
            new("os_version", AttributeType.Text, "Version of the operating system, as its maker writes it") { IsBase = false },
            new("description", AttributeType.Text, "What the image is for, in words") { IsBase = false },
            new("cinder_encryption_key_id", AttributeType.Text, "Key with which a volume made from the image is encrypted") { IsBase = false },
            new("cinder_encryption_key_deletion_policy", AttributeType.Text, "Whether that key goes with the image")
            {
                Allowed = ["on_image_deletion", "do_not_delete"],
                IsBase = false,
            },
        ];
        foreach (var field in options.DescribedProperties)
        {
            var known = Attributes.FirstOrDefault(attribute => attribute.Name == field.Name);
            Attributes = known is null ? [.. Attributes, field]
                : known.IsBase ? throw new ArgumentException($"'{field.Name}' is an attribute of every image and cannot be described anew.", nameof(options))
                : [.. Attributes.Select(attribute => ReferenceEquals(attribute, known) ? field : attribute)];
        }

        byName = Attributes.ToDictionary(a => a.Name, StringComparer.Ordinal);
    }

    /// <summary>Every attribute, in the order in which the schema is published.</summary>
    public IReadOnlyList<ImageField> Attributes { get; }

    /// <summary>The attribute of a name; null for a custom property that the schema does not describe.</summary>
    public ImageField? Find(string name) => byName.GetValueOrDefault(name);

    /// <summary>Whether a custom property, described or not, could have this name as far as the name goes; those of attributes are for <see cref="Find"/>.</summary>
    public static bool CanBeCustom(string name) => name.Length > 0 && ImageValues.IsStorable(name) && !ImageValues.IsReserved(name) && !ImageValues.IsReadOnly(name);

    [GeneratedRegex(UuidStart + @"\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    internal static partial Regex Uuid();
}
