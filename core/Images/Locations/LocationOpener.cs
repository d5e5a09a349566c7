using GlanceGateway.Abstractions;
using GlanceGateway.Formats;
using GlanceGateway.Registry;
using GlanceGateway.Stores;

namespace GlanceGateway.Images;

/// <summary>Data at a location that somebody wants to add to an image. The caller disposes it.</summary>
internal sealed record OpenedLocation(Store Store, string Url, IByteSource Source, long Size, long? VirtualSize) : IAsyncDisposable
{
    public ValueTask DisposeAsync() => Source.DisposeAsync();
}

/// <summary>
/// Decides which URIs may become locations, opens them and looks at what is there.
/// </summary>
/// <remarks>
/// A location is trusted afterwards: it is read for everybody who may read the image, and deleted with it. So
/// <list type="bullet">
/// <item>only schemes of configured stores are taken, and of those no local ones: a file of the gateway's host is nobody's to name;</item>
/// <item>nothing that holds credentials: locations are shown;</item>
/// <item>nothing that is another image's: neither a location that one has, nor a path that names one, as the names of stored objects do;</item>
/// <item>the store's driver must accept it, which keeps to what the operator configured; the data must be there, have a size, and pass the same
/// inspection as an upload.</item>
/// </list>
/// Refusals do not say why a URI could not be opened: they would tell what is behind the gateway.
/// </remarks>
internal sealed class LocationOpener(ImageRegistry registry, StoreSet stores, ImageOptions options)
{
    private const int LongestUrl = 2048;

    public static ImageException Invalid() => new(ImageError.Invalid, "Invalid location");

    /// <summary>Whether a URI is on the web.</summary>
    public static bool IsWeb(string url) =>
        url.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || url.StartsWith("https://", StringComparison.OrdinalIgnoreCase);

    /// <summary>Opens a location for an image.</summary>
    /// <param name="image">Its formats say what the data must be.</param>
    /// <param name="url">As it came.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="ImageException">It is refused.</exception>
    public async Task<OpenedLocation> OpenAsync(Image image, string url, CancellationToken cancellationToken)
    {
        var candidates = Candidates(url);
        await RefuseOthersAsync(image, url, cancellationToken);
        foreach (var store in candidates)
        {
            if (await TryOpenAsync(store, url, cancellationToken) is { } source)
            {
                return await InspectAsync(image, store, url, source, cancellationToken);
            }
        }

        throw Invalid();
    }

    /// <summary>Refuses, in the unit of work that adds it, a location that an image has.</summary>
    public static async Task RefuseTakenAsync(RegistryTransaction tx, string url, CancellationToken cancellationToken)
    {
        if (await tx.FindImageAtAsync(url, cancellationToken) is not null)
        {
            throw Invalid();
        }
    }

    private List<Store> Candidates(string url)
    {
        var end = url.IndexOf("://", StringComparison.Ordinal);
        if (end <= 0 || url.Length > LongestUrl || !ImageValues.IsStorable(url) || url.Any(c => char.IsWhiteSpace(c) || char.IsControl(c) || c == '\\'))
        {
            throw Invalid();
        }

        var rest = url[(end + 3)..];
        var authority = rest.Split('/', '?', '#')[0];
        if (authority.Contains('@', StringComparison.Ordinal))
        {
            throw new ImageException(ImageError.Invalid, "A location must not hold credentials.");
        }

        var path = rest.Split('?', '#')[0].Split('/').Select(Uri.UnescapeDataString).ToList();
        if (url[..end].ToLowerInvariant() is "file" or "filesystem" or "swift+config"
            || path.Exists(segment => segment is "." or ".." || segment.StartsWith(".glance-", StringComparison.Ordinal)))
        {
            throw Invalid();
        }

        return [.. stores.FindByLocation(url, null).Where(store => store.State == StoreState.Ready && store.Driver is not ILocalPaths)];
    }

    private async Task RefuseOthersAsync(Image image, string url, CancellationToken cancellationToken)
    {
        foreach (var name in url.Split('/', '?', '&', '=', '#').Select(Uri.UnescapeDataString).Where(part => Guid.TryParseExact(part, "D", out _)))
        {
            if (!name.Equals(image.Id, StringComparison.OrdinalIgnoreCase) && await registry.FindImageAsync(name.ToLowerInvariant(), cancellationToken) is not null)
            {
                throw Invalid();
            }
        }
    }

    private static async Task<IByteSource?> TryOpenAsync(Store store, string url, CancellationToken cancellationToken)
    {
        try
        {
            var opened = await store.Driver.OpenAsync(url, cancellationToken);
            return opened.IsOk ? opened.Value : null;
        }
        catch (StoreException failure) when (failure.Error is StoreError.InvalidLocation or StoreError.Unavailable or StoreError.TimedOut or StoreError.Unexpected)
        {
            // The same as for what is not there: the difference would make a port scanner of the gateway.
            return null;
        }
    }

    private async Task<OpenedLocation> InspectAsync(Image image, Store store, string url, IByteSource source, CancellationToken cancellationToken)
    {
        try
        {
            if (source.Length is not (> 0 and var size))
            {
                throw Invalid();
            }

            if (size > options.SizeCap)
            {
                throw new ImageException(ImageError.TooLarge, $"Image exceeds the maximum allowed size of {options.SizeCap} bytes.");
            }

            var content = await FormatInspector.InspectAsync(source.ReadAsync, size, cancellationToken);
            return FormatRules.Judge(image.DiskFormat!, image.ContainerFormat!, content, options.FormatPolicy, size) switch
            {
                FormatVerdict.Accepted accepted => new OpenedLocation(store, url, source, size, accepted.VirtualSize),
                var refused => throw new ImageException(ImageError.UnsupportedContent, ((FormatVerdict.Refused)refused).Message),
            };
        }
        catch (StoreException)
        {
            await source.DisposeAsync();
            throw Invalid();
        }
        catch
        {
            await source.DisposeAsync();
            throw;
        }
    }
}
