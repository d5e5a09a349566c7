using System.Text.Json;

namespace GlanceGateway.Client;

/// <summary>The catalogue of a Keystone token (v3): services, each with endpoints by interface and region.</summary>
internal static class ServiceCatalog
{
    /// <summary>The image endpoints of a region, in the catalogue's order.</summary>
    internal static IReadOnlyList<Uri> ImageEndpoints(JsonElement token, string? region, string wantedInterface)
    {
        List<Uri> found = [];
        if (!token.TryGetProperty("catalog", out var catalog) || catalog.ValueKind != JsonValueKind.Array)
            return found;
        foreach (var service in catalog.EnumerateArray().Where(service => ImageJson.Text(service, "type") == "image"))
        {
            if (!service.TryGetProperty("endpoints", out var endpoints) || endpoints.ValueKind != JsonValueKind.Array)
                continue;
            foreach (var endpoint in endpoints.EnumerateArray())
            {
                var isOfRegion = region is null || (ImageJson.Text(endpoint, "region_id") ?? ImageJson.Text(endpoint, "region")) == region;
                if (isOfRegion && ImageJson.Text(endpoint, "interface") == wantedInterface
                    && Uri.TryCreate(ImageJson.Text(endpoint, "url"), UriKind.Absolute, out var url) && url.Scheme is ("http" or "https"))
                    found.Add(url);
            }
        }

        return found;
    }
}
