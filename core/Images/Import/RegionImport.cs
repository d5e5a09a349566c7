using System.Net;
using System.Text.Json;
using GlanceGateway.Registry;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Images;

/// <summary>
/// <c>glance-download</c>: the data of an image in another region. What the user may not read there is not read here either, because it is read
/// with the user's token.
/// </summary>
/// <remarks>
/// The token goes to the address that the identity service names for the region, and to no other. It is kept in memory while the import runs,
/// never in the record of the task: an import that another process would have to go on with before the data is here fails, and says so.
/// The image takes over both formats, and those properties whose names begin as the operator says.
/// </remarks>
internal sealed class RegionImport(IImageRegions regions, IReadOnlyList<string> copied, ImageOptions options, TimeProvider time, ILogger log) : IImportFetch
{
    /// <summary>Glance's limits let an image have 128 properties of 64 KiB; few have more than some kibibytes in all.</summary>
    private const int LargestDescription = 1 << 20;

    private readonly ImageSchema schema = new(options);

    public string Name => ImportMethodNames.GlanceDownload;

    public ImageStatus From => ImageStatus.Queued;

    public PolicyAction Action => PolicyAction.ModifyImage;

    public string WrongStatus => "Image needs to be in 'queued' state to use 'glance-download' method";

    public void Check(JsonElement method) => SourceOf(method);

    public async Task<FetchedData> FetchAsync(Image image, JsonElement method, Caller? asker, CancellationToken cancellationToken)
    {
        var source = SourceOf(method);
        if (asker?.IdentityToken is null)
        {
            throw new ImageException(ImageError.Failed, "The gateway that was asked to import the image ended before it had the data. It has to be asked again.");
        }

        HttpResponseMessage? answer = null;
        try
        {
            using var limit = new CancellationTokenSource(options.StallTimeout, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
            var root = await regions.FindAsync(asker, source.Region, source.Face, either.Token)
                ?? throw Unavailable($"The region '{source.Region}' has no image service with the interface '{source.Face}'.");
            var (facts, size) = await DescribeAsync(image, asker, root, source, either.Token);
            answer = await AskAsync(asker, new Uri(root, $"v2/images/{source.ImageId}/file"), source, either.Token);
            if (answer.Content.Headers.ContentLength is { } length && length != size)
            {
                throw Unavailable($"The region '{source.Region}' sends {length} bytes of image {source.ImageId}, which has {size}.");
            }

            var body = await answer.Content.ReadAsStreamAsync(cancellationToken);
            return new FetchedData(
                new FetchStream(body, failure => Unavailable($"The region '{source.Region}' ended early: {failure.Message}")), size, answer, facts);
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            answer?.Dispose();
            ImageLog.FetchFailed(log, image.Id, $"the region {source.Region}", failure.Message);
            throw failure is ImageException ? failure : Unavailable($"The region '{source.Region}' does not answer.");
        }
    }

    /// <summary>What the client says.</summary>
    private static Source SourceOf(JsonElement method)
    {
        var region = Text(method, "glance_region") ?? throw Missing("glance_region");
        var id = Text(method, "glance_image_id") ?? throw Missing("glance_image_id");
        if (!Guid.TryParse(id, out var uuid))
        {
            throw new ImageException(ImageError.Invalid, $"Remote image id does not look like a UUID: {id}");
        }

        var face = method.TryGetProperty("glance_service_interface", out _) ? Text(method, "glance_service_interface") : "public";
        return face is "public" or "internal" or "admin"
            ? new Source(region, uuid.ToString(), face)
            : throw new ImageException(ImageError.Invalid, "'glance_service_interface' needs to be public, internal or admin");
    }

    private static string? Text(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static ImageException Missing(string name) => new(ImageError.Invalid, $"'{name}' needs to be set for glance-download import method");

    private static ImageException Unavailable(string message) => new(ImageError.Unavailable, message);

    private async Task<HttpResponseMessage> AskAsync(Caller asker, Uri address, Source source, CancellationToken cancellationToken)
    {
        var answer = await regions.GetAsync(asker, address, cancellationToken);
        if (answer.StatusCode == HttpStatusCode.OK)
        {
            return answer;
        }

        answer.Dispose();
        throw Unavailable($"The region '{source.Region}' answers with status {(int)answer.StatusCode} for image {source.ImageId}.");
    }

    private async Task<(FetchedFacts Facts, long Size)> DescribeAsync(Image image, Caller asker, Uri root, Source source, CancellationToken cancellationToken)
    {
        using var answer = await AskAsync(asker, new Uri(root, $"v2/images/{source.ImageId}"), source, cancellationToken);
        try
        {
            await answer.Content.LoadIntoBufferAsync(LargestDescription, cancellationToken);
            using var json = await JsonDocument.ParseAsync(await answer.Content.ReadAsStreamAsync(cancellationToken), default, cancellationToken);
            return Read(json.RootElement, image, source);
        }
        catch (Exception failure) when (failure is JsonException or HttpRequestException)
        {
            throw new ImageException(ImageError.Unavailable, $"The region '{source.Region}' does not describe image {source.ImageId} as an image service does.", failure);
        }
    }

    private (FetchedFacts Facts, long Size) Read(JsonElement described, Image image, Source source)
    {
        var status = Text(described, "status");
        if (status != "active")
        {
            throw Unavailable($"Source image status should be active instead of {status}");
        }

        if (!described.TryGetProperty("size", out var told) || !told.TryGetInt64(out var size) || size < 0)
        {
            throw Unavailable($"Size attribute of remote image {source.ImageId} could not be determined.");
        }

        var properties = described.EnumerateObject().Where(IsCopied).ToDictionary(property => property.Name, property => property.Value.GetString()!, StringComparer.Ordinal);
        var count = image.Properties.Select(property => property.Key).Where(name => !name.StartsWith("os_glance", StringComparison.Ordinal)).Union(properties.Keys).Count();
        if (options.PropertyQuota >= 0 && count > options.PropertyQuota)
        {
            throw ImageValues.OverQuota("properties", count, options.PropertyQuota);
        }

        return (
            new FetchedFacts(
                Format(described, "disk_format", options.DiskFormats, source),
                Format(described, "container_format", options.ContainerFormats, source),
                properties,
                Text(described, "os_hash_algo") == "sha512" ? Text(described, "os_hash_value") : null),
            size);
    }

    private bool IsCopied(JsonProperty property) =>
        property.Value.ValueKind == JsonValueKind.String
        && copied.Any(start => property.Name.StartsWith(start, StringComparison.Ordinal))
        && !property.Name.StartsWith("os_glance", StringComparison.Ordinal)
        && schema.Find(property.Name) is not { IsBase: true };

    private static string Format(JsonElement described, string name, IReadOnlyCollection<string> known, Source source) =>
        Text(described, name) is { } format && known.Contains(format)
            ? format
            : throw Unavailable($"Image {source.ImageId} of the region '{source.Region}' has a {name} that this site does not take: {Text(described, name) ?? "none"}");

    private sealed record Source(string Region, string ImageId, string Face);
}
