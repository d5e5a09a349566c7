using System.Globalization;

namespace GlanceGateway.Client;

/// <summary>Which images are listed.</summary>
/// <param name="UpdatedSince">Only those that changed at that time or later; null for all.</param>
/// <param name="Name">Only those of this name; null for all.</param>
/// <param name="Ids">Only these, a hundred at most: they go into the URL; null for all.</param>
public sealed record ImageListQuery(DateTimeOffset? UpdatedSince = null, string? Name = null, IReadOnlyCollection<string>? Ids = null)
{
    internal string ToQuery(int limit, bool everyVisibility, bool hidden, string? marker)
    {
        List<string> parts = [$"limit={limit}"];
        if (everyVisibility)
            parts.Add("visibility=all");
        if (hidden)
            parts.Add("os_hidden=true");
        if (UpdatedSince is { } since)
            parts.Add($"updated_at=gte:{since.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)}");
        if (Name is not null)
            parts.Add($"name={Uri.EscapeDataString($"eq:{Name}")}");
        if (Ids is not null)
            parts.Add($"id=in:{string.Join(',', Ids.Select(Uri.EscapeDataString))}");
        if (marker is not null)
            parts.Add($"marker={Uri.EscapeDataString(marker)}");
        return string.Join('&', parts);
    }
}
