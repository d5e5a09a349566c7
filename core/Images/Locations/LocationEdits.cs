using System.Globalization;
using System.Text.Json;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>
/// Changes of an image's list of locations, the older way of adding data that lies somewhere already. Off unless the operator wants it.
/// </summary>
/// <remarks>
/// An image that is active never gets other data: what is added to it is read whole first, and must be the same. All edits of a patch are
/// checked before anything happens; then copies are removed, which their stores may refuse, and last everything else is saved in one unit.
/// </remarks>
internal sealed class LocationEdits(
    ImageRegistry registry, PolicyRules policy, QuotaLedger quotas, LocationOpener opener, LocationVerifier verifier, ImageDeletion deletion,
    ImageOptions options)
{
    private const int LongestUrl = 255;

    private static readonly string[] ofLocation = ["url", "metadata", "validation_data"];

    public static bool Are(IEnumerable<ImageEdit> edits) => edits.Any(edit => edit.Property == "locations");

    /// <summary>Applies the edits of locations, and saves them with what the others make of the image.</summary>
    /// <param name="caller">May change the image.</param>
    /// <param name="before">The image as it is.</param>
    /// <param name="edits">All edits of the patch, in order.</param>
    /// <param name="after">What the edits that are not of locations make of the image.</param>
    /// <param name="cancellationToken">Ends the call until the locations are recorded.</param>
    /// <returns>What is saved; null when the image was changed meanwhile, such as by the end of a hash, and nothing has happened: the edits are to be applied again.</returns>
    public async Task<Image?> UpdateAsync(Caller caller, Image before, IReadOnlyList<ImageEdit> edits, Image after, CancellationToken cancellationToken)
    {
        var entries = before.Locations.Select(location => new Entry(location.Url, location.Metadata, location, null)).ToList();
        try
        {
            foreach (var edit in edits.Where(edit => edit.Property == "locations"))
            {
                await ApplyAsync(caller, before, entries, edit, cancellationToken);
            }

            if (options.LocationQuota >= 0 && entries.Count > options.LocationQuota && entries.Count > before.Locations.Count)
            {
                throw ImageValues.OverQuota("locations", entries.Count, options.LocationQuota);
            }

            var hash = await ProveAsync(before, entries, cancellationToken);
            var removed = before.Locations.Where(location => entries.TrueForAll(entry => entry.Existing?.Id != location.Id)).ToList();
            if (removed.Count > 0)
            {
                await deletion.DeleteCopiesAsync(before.Id, image => [.. image.Locations.Where(location => removed.Exists(gone => gone.Id == location.Id))], cancellationToken);
            }

            var quota = await quotas.OpenAsync(before.Owner, cancellationToken);
            if (await registry.WriteAsync((tx, ct) => SaveAsync(tx, before, after, entries, hash, quota, ct), cancellationToken) is not { } done)
            {
                // Its copies are removed by their place in the list, which is another one now.
                return removed.Count == 0 ? null : throw ImageAccess.ChangedMeanwhile(before.Id);
            }

            if (done.Work is ({ } intent, { } lease))
            {
                verifier.Start(intent, lease);
            }

            return done.Image;
        }
        finally
        {
            foreach (var entry in entries)
            {
                if (entry.Opened is not null)
                {
                    await entry.Opened.DisposeAsync();
                }
            }
        }
    }

    private static ImageException Forbidden(string message) => new(ImageError.Forbidden, message);

    private static ImageException Invalid(string message) => new(ImageError.Invalid, message);

    private async Task ApplyAsync(Caller caller, Image image, List<Entry> entries, ImageEdit edit, CancellationToken cancellationToken)
    {
        var verb = edit.Operation.ToString().ToLowerInvariant();
        if (!options.ShowMultipleLocations)
        {
            throw Forbidden($"It's not allowed to {verb} locations if locations are invisible.");
        }

        policy.Require(caller, edit.Operation == EditOperation.Remove ? PolicyAction.DeleteImageLocation : PolicyAction.SetImageLocation, image, isMember: false);
        if (image.Status != ImageStatus.Active && (image.Status != ImageStatus.Queued || edit.Operation == EditOperation.Remove))
        {
            throw new ImageException(ImageError.Conflict, $"It's not allowed to {verb} locations of an image whose status is {WireNames.Of(image.Status)}.");
        }

        switch (edit.Operation)
        {
            case EditOperation.Remove:
                var at = Index(edit.Index!);
                if (at >= entries.Count)
                {
                    throw Invalid("Invalid position in the list of locations.");
                }

                if (entries.Count == 1)
                {
                    throw Forbidden("The last location of an image cannot be removed.");
                }

                entries.RemoveAt(at);
                break;
            case EditOperation.Add:
                var added = await ReadAsync(image, edit.Value, cancellationToken);
                if (entries.Exists(entry => entry.Url == added.Url))
                {
                    await added.Opened!.DisposeAsync();
                    throw Invalid("The image has this location already.");
                }

                entries.Insert(edit.Index == "-" ? entries.Count : Math.Min(Index(edit.Index!), entries.Count), added);
                break;
            default:
                await ReplaceAsync(image, entries, edit.Value, cancellationToken);
                break;
        }
    }

    private async Task ReplaceAsync(Image image, List<Entry> entries, JsonElement value, CancellationToken cancellationToken)
    {
        if (value.ValueKind != JsonValueKind.Array)
        {
            throw Invalid("Locations must be a list.");
        }

        if (value.GetArrayLength() == 0)
        {
            throw Forbidden("Cannot set locations to empty list.");
        }

        if (entries.Count == 0)
        {
            foreach (var item in value.EnumerateArray())
            {
                entries.Add(await ReadAsync(image, item, cancellationToken));
            }

            if (entries.DistinctBy(entry => entry.Url).Count() != entries.Count)
            {
                throw Invalid("A location is given twice.");
            }

            return;
        }

        var wanted = value.EnumerateArray().Select(Parse).ToList();
        if (!wanted.Select(item => item.Url).Order(StringComparer.Ordinal).SequenceEqual(entries.Select(entry => entry.Url).Order(StringComparer.Ordinal)))
        {
            throw Invalid("Original locations is not empty: only their order and metadata can be replaced.");
        }

        var reordered = wanted.Select(item => entries.Find(entry => entry.Url == item.Url)! with { Metadata = item.Metadata }).ToList();
        entries.Clear();
        entries.AddRange(reordered);
    }

    private async Task<Entry> ReadAsync(Image image, JsonElement value, CancellationToken cancellationToken)
    {
        var (url, metadata, claim) = Parse(value);
        ImageLocations.RequireFormats(image);
        if (claim is not null && image.Status != ImageStatus.Queued && (image.HashAlgorithm != claim.Algorithm || image.HashValue != claim.Value))
        {
            throw new ImageException(ImageError.Conflict, "validation_data does not match the hash of the image.");
        }

        return new Entry(url, metadata, null, await opener.OpenAsync(image, url, cancellationToken)) { Claim = claim };
    }

    private static (string Url, IReadOnlyDictionary<string, string> Metadata, LocationClaim? Claim) Parse(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object || value.EnumerateObject().Any(member => !ofLocation.Contains(member.Name, StringComparer.Ordinal))
            || !value.TryGetProperty("url", out var url) || url.ValueKind != JsonValueKind.String || url.GetString()!.Length > LongestUrl
            || !value.TryGetProperty("metadata", out var metadata) || metadata.ValueKind != JsonValueKind.Object)
        {
            throw Invalid($"A location is an object with a url of at most {LongestUrl} characters, metadata, and perhaps validation_data.");
        }

        // The store is derived from the URL, whatever a client that sends back what it was shown says of it.
        var texts = metadata.EnumerateObject().Where(member => member.Name != "store").ToDictionary(
            member => member.Name,
            member => member.Value.ValueKind switch
            {
                JsonValueKind.String => member.Value.GetString()!,
                JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => member.Value.GetRawText(),
                _ => throw Invalid("The metadata of a location are texts."),
            },
            StringComparer.Ordinal);
        return (url.GetString()!, texts, value.TryGetProperty("validation_data", out var data) ? ParseClaim(data) : null);
    }

    private static LocationClaim ParseClaim(JsonElement data)
    {
        if (data.ValueKind != JsonValueKind.Object || !data.TryGetProperty("os_hash_algo", out var algorithm) || algorithm.ValueKind != JsonValueKind.String
            || !data.TryGetProperty("os_hash_value", out var value) || value.ValueKind != JsonValueKind.String)
        {
            throw Invalid("validation_data holds os_hash_algo and os_hash_value.");
        }

        try
        {
            return algorithm.GetString() == "sha512"
                ? LocationClaim.Of("sha512", value.GetString()!)
                : throw new ImageException(ImageError.Conflict, "os_hash_algo must be sha512, with which images are hashed here.");
        }
        catch (ImageException refusal) when (refusal.Error == ImageError.Invalid)
        {
            throw new ImageException(ImageError.Conflict, refusal.Message, refusal);
        }
    }

    private static int Index(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var index)
        ? index
        : throw Invalid("The position of a location is a number, or - for the end.");

    /// <summary>Reads what is added, where it must be something: the data of an active image, or what was said of it.</summary>
    /// <returns>The hashes of the image; null when they were not computed.</returns>
    private async Task<LocationHash?> ProveAsync(Image image, List<Entry> entries, CancellationToken cancellationToken)
    {
        LocationHash? known = null;
        var size = image.Size;
        foreach (var entry in entries.Where(entry => entry.Opened is not null))
        {
            var opened = entry.Opened!;
            if (opened.Size != (size ??= opened.Size))
            {
                throw Invalid("Invalid location: its data is not that of the image.");
            }

            var claimed = image.HashValue ?? entry.Claim?.Value ?? known?.Sha512;
            if (!options.SecureHash || (claimed is null && entries.Count == 1))
            {
                continue;
            }

            var hash = await LocationHash.ComputeAsync(opened.Source, cancellationToken);
            if (claimed is not null && !hash.Proves("sha512", claimed))
            {
                throw new ImageException(ImageError.Conflict, "Invalid location: its data is not that of the image.");
            }

            known = hash;
        }

        return known;
    }

    private async Task<(Image Image, (StoreIntent, Lease)? Work)?> SaveAsync(
        RegistryTransaction tx, Image before, Image after, List<Entry> entries, LocationHash? hash, ProjectQuota quota, CancellationToken cancellationToken)
    {
        var now = await tx.FindImageAsync(before.Id, cancellationToken) ?? throw ImageAccess.NoSuchImage(before.Id);
        var kept = entries.Where(entry => entry.Existing is not null).Select(entry => entry.Existing!.Id).ToList();
        var held = await tx.TakeLeaseAsync(LeaseNames.OfImage(before.Id), options.LeaseDuration, ownToo: false, cancellationToken);
        if (held is null)
        {
            throw ImageAccess.ChangedMeanwhile(before.Id);
        }

        if (now.Version != before.Version || !now.Locations.Select(location => location.Id).Order().SequenceEqual(kept.Order()))
        {
            await tx.ReleaseLeaseAsync(held, cancellationToken);
            return null;
        }

        var added = entries.Where(entry => entry.Opened is not null).ToList();
        foreach (var entry in added)
        {
            await LocationOpener.RefuseTakenAsync(tx, entry.Url, cancellationToken);
        }

        if (added.Count > 0)
        {
            await quota.RequireAsync(tx, UsageKind.StoredBytes, added.Sum(entry => entry.Opened!.Size), cancellationToken);
            var first = added[0];
            after = before.Status == ImageStatus.Queued
                ? after with { Status = ImageStatus.Active, Size = first.Opened!.Size, VirtualSize = first.Opened.VirtualSize, HashAlgorithm = first.Claim?.Algorithm, HashValue = first.Claim?.Value }
                : after;
            after = hash is null || after.Checksum is not null ? after : after with { Checksum = hash.Md5, HashAlgorithm = "sha512", HashValue = hash.Sha512 };
        }

        // The order of locations is the order of their rows.
        foreach (var location in now.Locations)
        {
            await tx.RemoveLocationAsync(before.Id, location.Id, cancellationToken);
        }

        foreach (var entry in entries)
        {
            var store = entry.Existing?.Store ?? entry.Opened!.Store.Id;
            await tx.AddLocationAsync(before.Id, new ImageLocation(0, store, entry.Url, entry.Metadata), cancellationToken);
        }

        _ = await tx.UpdateImageAsync(after, cancellationToken) ?? throw ImageAccess.NoSuchImage(before.Id);
        await tx.ReleaseLeaseAsync(held, cancellationToken);
        (StoreIntent, Lease)? work = added.Count > 0 && after.Checksum is null && options.SecureHash
            ? await verifier.PlanAsync(tx, before.Id, added[0].Opened!.Store.Id, added[0].Url, cancellationToken)
            : null;
        return ((await tx.FindImageAsync(before.Id, cancellationToken))!, work);
    }

    private sealed record Entry(string Url, IReadOnlyDictionary<string, string> Metadata, ImageLocation? Existing, OpenedLocation? Opened)
    {
        public LocationClaim? Claim { get; init; }
    }
}
