using System.Globalization;
using System.Text.Json;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Client;

/// <summary>Reads what endpoints answer. They are strangers: wrong types become nulls, wrong ids are left out, and nothing is believed to be small.</summary>
internal static class ImageJson
{
    /// <summary>A page of a thousand images with generous properties has a few MiB.</summary>
    private const int LargestAnswer = 64 << 20;

    /// <summary>A page of a list, and the id behind which the next one begins; null for the last.</summary>
    internal static (IReadOnlyList<RemoteImage> Images, string? Next) ReadPage(JsonElement page)
    {
        if (page.ValueKind != JsonValueKind.Object || !page.TryGetProperty("images", out var listed) || listed.ValueKind != JsonValueKind.Array)
            throw new StoreException(StoreError.Unexpected, "The endpoint's list of images is not one; is it an Images API v2?");
        List<RemoteImage> images = [];
        string? last = null;
        foreach (var item in listed.EnumerateArray())
        {
            last = Text(item, "id") ?? last;
            if (Read(item) is { } image)
                images.Add(image);
        }

        return (images, Text(page, "next") is null ? null : last);
    }

    /// <summary>An image; null when it is none that can be used.</summary>
    internal static RemoteImage? Read(JsonElement item)
    {
        if (item.ValueKind != JsonValueKind.Object || Text(item, "id") is not { Length: 36 } id || !Guid.TryParseExact(id, "D", out _)
            || Text(item, "status") is not { } status || !TryTime(Text(item, "updated_at"), out var updated))
            return null;
        return new RemoteImage
        {
            Id = id,
            Name = Text(item, "name"),
            Status = status,
            Visibility = Text(item, "visibility"),
            Owner = Text(item, "owner"),
            Size = Number(item, "size") is >= 0 and var size ? size : null,
            Checksum = Hex(Text(item, "checksum")),
            HashAlgorithm = Text(item, "os_hash_algo"),
            HashValue = Hex(Text(item, "os_hash_value")),
            DiskFormat = Text(item, "disk_format"),
            ContainerFormat = Text(item, "container_format"),
            MinDisk = Number(item, "min_disk") ?? 0,
            MinRam = Number(item, "min_ram") ?? 0,
            Tags = item.TryGetProperty("tags", out var tags) && tags.ValueKind == JsonValueKind.Array
                ? [.. tags.EnumerateArray().Where(tag => tag.ValueKind == JsonValueKind.String).Select(tag => tag.GetString()!).Order(StringComparer.Ordinal)]
                : [],
            UpdatedAt = updated,
        };
    }

    /// <summary>Reads a whole answer of bounded size.</summary>
    /// <exception cref="StoreException">It is too large or no JSON.</exception>
    /// <exception cref="IOException">The connection broke.</exception>
    internal static async Task<JsonDocument> ReadAsync(Stream body, CancellationToken cancellationToken)
    {
        using MemoryStream whole = new();
        var buffer = new byte[64 << 10];
        for (int read; (read = await body.ReadAsync(buffer, cancellationToken)) > 0;)
        {
            if (whole.Length + read > LargestAnswer)
                throw new StoreException(StoreError.Unexpected, $"An answer of the endpoint is larger than {LargestAnswer >> 20} MiB.");
            whole.Write(buffer, 0, read);
        }

        try
        {
            return JsonDocument.Parse(whole.GetBuffer().AsMemory(0, (int)whole.Length));
        }
        catch (JsonException fault)
        {
            throw new StoreException(StoreError.Unexpected, "An answer of the endpoint is not JSON; is it an Images API v2?", innerException: fault);
        }
    }

    internal static string? Text(JsonElement item, string name) =>
        item.ValueKind == JsonValueKind.Object && item.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static long? Number(JsonElement item, string name) =>
        item.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : null;

    private static string? Hex(string? text) => text is { Length: > 0 and <= 256 } && text.All(char.IsAsciiHexDigit) ? text.ToLowerInvariant() : null;

    private static bool TryTime(string? text, out DateTimeOffset time) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time);
}
