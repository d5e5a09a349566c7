using GlanceGateway.Abstractions;
using GlanceGateway.Blocks;
using GlanceGateway.Formats.Raw;
using GlanceGateway.View;

namespace GlanceGateway.Host.Mounting;

// What an operator has done to the cache of a mount, image by image. Every image gets a result; a fault of one ends nothing for the others.
//
// * Warming fetches what is missing in runs of 32 MiB, one after the other; a block that a reader or a read-ahead asked for already is waited for, not
//   fetched again. An image that is whole and has its hash is a plain file from then on: the next open, two seconds after the last close, is passthrough.
// * Hydrating warms the image first, so that the disk is made from proven bytes, writes the disk out as an object of its own, and reads the view once more
//   to compare. Only a disk that was equal is ever shown.
// * A pin belongs to what the cache holds of an image, its bytes and its disk, and also keeps a place for what is still to come.

/// <summary>Carries out commands for the cache of a mount.</summary>
internal sealed class MountSteering(ISteeredSource source, ILogger logger)
{
    private static readonly TimeSpan s_progressInterval = TimeSpan.FromMilliseconds(500);

    private BlockCache Cache => source.Cache;

    /// <summary>Carries out a command and tells how it goes.</summary>
    public async Task CarryOutAsync(ControlRequest request, Func<ControlLine, Task> tell, CancellationToken cancellationToken)
    {
        var images = await source.ListAsync(cancellationToken);
        var (chosen, unknown) = Choose(request, images);
        foreach (var image in chosen)
        {
            SteeredResult result;
            try
            {
                result = await CarryOutAsync(request, image, progress => tell(new ControlLine(Progress: progress)), cancellationToken);
            }
            catch (Exception fault) when (fault is StoreException or IOException && !cancellationToken.IsCancellationRequested)
            {
                logger.LogWarning("'{Command}' of image {Image} failed: {Reason}", request.Command, image.Id, fault.Message);
                result = Fail(image, $"{fault.Message.TrimEnd('.')}; try again when the endpoint answers ('mount status' tells)");
            }

            await tell(new ControlLine(Image: result));
        }

        foreach (var selector in unknown)
            await tell(new ControlLine(Image: new SteeredResult(selector, null, "there is no such image; say an id, a name or tag:NAME, as 'ls by-id by-name by-tag' of the mount shows them", null, null, null)));
    }

    /// <summary>Brings an image here, and keeps it: for warm lists.</summary>
    /// <exception cref="StoreException">It could not be had now.</exception>
    public Task<SteeredResult> KeepAsync(MountedImage image, bool hydrate, CancellationToken cancellationToken) =>
        CarryOutAsync(new ControlRequest(hydrate ? "hydrate" : "warm", [], Pin: true), image, _ => Task.CompletedTask, cancellationToken);

    /// <summary>Lets an image be evicted again.</summary>
    public void Unpin(string imageId)
    {
        Cache.Pin(imageId, pinned: false);
        Cache.Pin(WrittenDisk.IdOf(imageId), pinned: false);
    }

    /// <summary>The images that are meant, and what means none. What is only in the cache any more can still be evicted and looked at.</summary>
    private (List<MountedImage> Chosen, List<string> Unknown) Choose(ControlRequest request, IReadOnlyList<MountedImage> images)
    {
        var cached = Cache.List().Select(o => WrittenDisk.ImageOf(o.Id).ImageId).Distinct(StringComparer.Ordinal).ToList();
        var byId = images.ToDictionary(image => image.Id, StringComparer.Ordinal);
        if (request.Images.Count == 0)
            return ([.. cached.Select(id => byId.GetValueOrDefault(id) ?? Unlisted(id))], []);
        var (chosen, unknown) = (new List<MountedImage>(), new List<string>());
        foreach (var selector in request.Images)
        {
            var found = ImageSelector.Choose(selector, images);
            if (found.Count == 0 && cached.Contains(selector))
                found = [Unlisted(selector)];
            if (found.Count == 0)
                unknown.Add(selector);
            chosen.AddRange(found.Where(image => chosen.TrueForAll(other => other.Id != image.Id)));
        }

        return (chosen, unknown);
    }

    private static MountedImage Unlisted(string id) => new() { Id = id, Size = 0, UpdatedAt = DateTimeOffset.UnixEpoch };

    private async Task<SteeredResult> CarryOutAsync(
        ControlRequest request, MountedImage image, Func<ControlProgress, Task> tell, CancellationToken cancellationToken)
    {
        switch (request.Command)
        {
            case "list":
                return Say(image, "");
            case "pin":
                return await LocateAsync(image, cancellationToken) is { } kept ? Pin(image, kept) : Gone(image);
            case "unpin" when IsHeld(image):
                Unpin(image.Id);
                return Say(image, "not pinned any more");
            case "evict" when IsHeld(image):
                return Evict(image, request.Force);
            case "verify" when IsHeld(image):
                return await VerifyAsync(image, tell, cancellationToken);
            case "unpin" or "evict" or "verify":
                return Fail(image, "the cache holds nothing of it; 'mount status' lists what it holds");
            case "warm" or "hydrate":
                if (await LocateAsync(image, cancellationToken) is not { } data)
                    return Gone(image);
                var result = await WarmAsync(image, data, tell, cancellationToken);
                if (result.Problem is null && request.Command == "hydrate" && !RawView.IsPlain(data.DiskFormat))
                    result = await HydrateAsync(image, data, tell, cancellationToken);
                return result.Problem is null && request.Pin ? Pin(image, data, result.Outcome) : result;
            default:
                return Fail(image, $"this mount's process does not know '{request.Command}'; it may be older than this command");
        }
    }

    private ValueTask<CachedData?> LocateAsync(MountedImage image, CancellationToken cancellationToken) => source.LocateAsync(image.Id, cancellationToken);

    private async Task<SteeredResult> WarmAsync(MountedImage image, CachedData data, Func<ControlProgress, Task> tell, CancellationToken cancellationToken)
    {
        var stored = await data.OpenAsync(cancellationToken);
        if (stored is ILocalFile)
        {
            await stored.DisposeAsync();
            return Say(image, "its data is a local file already");
        }

        if (data.Length > Cache.Options.MaxBytes)
        {
            await stored.DisposeAsync();
            return NoRoom(image, data.Length);
        }

        var before = Cache.Find(image.Id)?.CachedBytes ?? 0;
        var warming = Cache.WarmAsync(data.Key, stored, data.Length, cancellationToken);
        var isWhole = await WatchAsync(warming, image, image.Id, "fetching", data.Length, tell, cancellationToken);
        var after = Cache.Find(image.Id);
        if (!isWhole)
            return NoRoom(image, data.Length);
        if (after is null)
            return Fail(image, "its bytes do not have the hash that its image names and were dropped; upload the image again, or ask who runs the endpoint");
        var fetched = after.CachedBytes - before;
        var proof = after.IsVerified ? " and verified" : $"; not verified, as {(data.Key.HashValue is null ? "it has no hash" : $"hashes of the kind {data.Key.HashAlgorithm} are not known here")}";
        return Say(image, $"{(fetched > 0 ? $"{Size(fetched)} fetched" : "was here")}, all {Size(data.Length)} cached{proof}");
    }

    private async Task<SteeredResult> HydrateAsync(MountedImage image, CachedData data, Func<ControlProgress, Task> tell, CancellationToken cancellationToken)
    {
        if (!RawView.Reads(data.DiskFormat))
            return Fail(image, $"a disk of the format '{image.DiskFormat ?? "(none)"}' cannot be written out as raw; 'warm' caches the image as it is");
        long length, needed;
        await using (var view = await WrittenDisk.OpenViewAsync(Cache, data, cancellationToken))
        {
            length = view.Length!.Value;
            needed = await DataBytesAsync(view, cancellationToken);
        }

        if (needed > Cache.Options.MaxBytes)
            return NoRoom(image, needed);
        var key = WrittenDisk.KeyOf(data);
        var wasThere = Cache.Find(key.Id) is { IsVerified: true };
        var writing = Cache.WriteOutAsync(key, token => WrittenDisk.OpenViewAsync(Cache, data, token), length, cancellationToken);
        if (!await WatchAsync(writing, image, key.Id, "writing", length, tell, cancellationToken))
            return NoRoom(image, needed);
        return Say(image, $"raw disk of {Size(length)} {(wasThere ? "was written out" : "written out")} and verified, {Size(Cache.Find(key.Id)?.StoredBytes ?? 0)} on disk");
    }

    private async Task<SteeredResult> VerifyAsync(MountedImage image, Func<ControlProgress, Task> tell, CancellationToken cancellationToken)
    {
        List<string> said = [];
        var wrong = 0L;
        foreach (var (id, what) in new[] { (image.Id, "image"), (WrittenDisk.IdOf(image.Id), "raw disk") })
        {
            if (Cache.Find(id) is not { } found)
                continue;
            var at = 0L;
            var verifying = Cache.VerifyAsync(id, bytes => Volatile.Write(ref at, bytes), cancellationToken);
            while (await Task.WhenAny(verifying, Task.Delay(s_progressInterval, cancellationToken)) != verifying)
                await tell(new ControlProgress(image.Id, image.Name, "verifying", Volatile.Read(ref at), found.Length));
            if (await verifying is not { } result)
                continue;
            wrong += result.CorruptBlocks;
            said.Add($"{what}: {result.Blocks} blocks, {(result.CorruptBlocks > 0 ? $"{result.CorruptBlocks} wrong and forgotten" : "all right")}{(result.IsVerified ? ", complete and verified" : "")}");
        }

        var text = string.Join("; ", said);
        return wrong == 0
            ? Say(image, text)
            : Fail(image, $"{text}. Readers get these blocks from the endpoint again; 'mount warm' (or 'hydrate') fetches them now. Look after the disk of the cache");
    }

    private SteeredResult Pin(MountedImage image, CachedData data, string? done = null)
    {
        if (!Cache.Pin(data.Key, data.Length))
            return Fail(image, "the cache's disk refused; 'mount status' and the log say why");
        Cache.Pin(WrittenDisk.IdOf(image.Id));
        var isWhole = Cache.Find(image.Id) is { IsComplete: true };
        return Say(image, $"{(done is null ? "" : done + ", ")}pinned{(isWhole ? "" : "; 'mount warm' fetches what is missing")}");
    }

    private SteeredResult Evict(MountedImage image, bool force)
    {
        string[] ids = [image.Id, WrittenDisk.IdOf(image.Id)];
        if (!force && ids.Any(id => Cache.Find(id) is { IsPinned: true }))
            return Fail(image, "it is pinned; 'mount unpin' it first, or say --force");
        var freed = ids.Sum(id => Cache.Find(id)?.StoredBytes ?? 0);
        foreach (var id in ids)
            Cache.Evict(id);
        return Say(image, $"evicted, {Size(freed)} freed");
    }

    private bool IsHeld(MountedImage image) => Cache.Find(image.Id) is not null || Cache.Find(WrittenDisk.IdOf(image.Id)) is not null;

    /// <summary>Waits for work on an object of the cache and tells how far it is.</summary>
    private async Task<bool> WatchAsync(
        Task<bool> work, MountedImage image, string objectId, string phase, long total, Func<ControlProgress, Task> tell, CancellationToken cancellationToken)
    {
        while (await Task.WhenAny(work, Task.Delay(s_progressInterval, CancellationToken.None)) != work && !cancellationToken.IsCancellationRequested)
        {
            var bytes = Cache.Find(objectId)?.CachedBytes ?? 0;
            await tell(new ControlProgress(image.Id, image.Name, bytes == total ? "verifying" : phase, bytes, total));
        }

        return await work;
    }

    /// <summary>What a disk takes: all but its holes.</summary>
    private static async ValueTask<long> DataBytesAsync(IByteSource disk, CancellationToken cancellationToken)
    {
        if (disk is not IExtentMap map)
            return disk.Length!.Value;
        var bytes = 0L;
        for (long at = 0; at < disk.Length;)
        {
            var extent = await map.GetExtentAsync(at, cancellationToken);
            bytes += extent.IsHole ? 0 : extent.Length;
            at = extent.Offset + extent.Length;
        }

        return bytes;
    }

    private SteeredResult Say(MountedImage image, string outcome) => new(image.Id, image.Name, null, outcome, Describe(image.Id), Describe(WrittenDisk.IdOf(image.Id)));

    private SteeredResult Fail(MountedImage image, string problem) => new(image.Id, image.Name, problem, null, Describe(image.Id), Describe(WrittenDisk.IdOf(image.Id)));

    private SteeredResult Gone(MountedImage image) => Fail(image, "the endpoint does not have it any more, or not for the log-in of this mount");

    private SteeredResult NoRoom(MountedImage image, long needed) => Fail(
        image,
        $"it needs {Size(needed)}, and the cache ({Size(Cache.Options.MaxBytes)}, {Size(Cache.Status.StoredBytes)} in use, what is pinned or open stays) has no room; evict or unpin others, or give it a larger --cache-size (or cache.max_size)");

    private SteeredObject? Describe(string id) => Cache.Find(id) is { } found
        ? new SteeredObject(found.Length, found.CachedBytes, found.StoredBytes, found.IsComplete, found.IsVerified, found.IsPinned, found.Readers, found.LastAccessed)
        : null;

    internal static string Size(long bytes) => bytes switch
    {
        < 10L << 10 => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{bytes} bytes"),
        < 10L << 20 => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{bytes / 1024.0:0} KiB"),
        < 10L << 30 => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 20):0} MiB"),
        _ => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 30):0.0} GiB"),
    };
}
