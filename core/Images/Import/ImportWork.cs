using System.Globalization;
using System.IO.Pipelines;
using System.Text.Json;
using GlanceGateway.Abstractions;
using GlanceGateway.Registry;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Images;

/// <summary>
/// Carries an import out: fetch into the staging area if the method fetches, run the steps over what is staged, copy into the stores, record.
/// </summary>
/// <remarks>
/// When every store must succeed, the copies are committed in the stores first and then recorded in one unit of work that also makes the image
/// active: until that moment nothing has happened that undoing the attempts does not undo, and after it nothing is left to do but to remove the
/// staged bytes. When not, each copy is recorded by itself and the first makes the image active. Either way a gateway that takes the import up
/// again copies into the stores that the image is not in yet. What stands in the properties of the image (<see cref="ImportMarks"/>) is for clients;
/// nothing here depends on it but the id of the task, without which the import is no longer wanted.
/// </remarks>
internal sealed class ImportWork(
    ImageRegistry registry,
    IReadOnlyDictionary<string, IImportMethod> methods,
    QuotaLedger quotas,
    StagingArea area,
    ImportSteps steps,
    StoreCopy copies,
    ImageDownloads downloads,
    IntentSweeper sweeper,
    ImportOptions options,
    ImageOptions imageOptions,
    ILogger log) : ITaskWork
{
    public IReadOnlyList<string> Types => [ImageTasks.ImportType, ImageTasks.LegacyImportType];

    public async Task<bool> IsWantedAsync(RegistryTransaction tx, TaskRecord task, CancellationToken cancellationToken) =>
        await tx.FindImageAsync(task.ImageId, cancellationToken) is { } image && ImportMarks.TaskOf(image) == task.Id;

    public async Task<IReadOnlyList<string>> NodesWithAsync(TaskRecord task, CancellationToken cancellationToken)
    {
        if (await registry.FindStagedAsync(task.ImageId, cancellationToken) is not { } staged
            || await area.NodesWithAsync(staged, cancellationToken) is not { Count: > 0 } nodes)
        {
            return [];
        }

        // What a method fetches it can fetch again, unless that takes the token of the user, which only the first gateway had.
        using var input = JsonDocument.Parse(task.Input);
        return methods.GetValueOrDefault(ImportRequest.FromTaskInput(input.RootElement).Request.Name) is IImportFetch and not RegionImport ? [] : nodes;
    }

    public async Task RunAsync(TaskRecord task, Lease lease, Caller? asker, CancellationToken cancellationToken)
    {
        using var input = JsonDocument.Parse(task.Input);
        var (request, targets, isExempt) = ImportRequest.FromTaskInput(input.RootElement);
        var job = new Job(task, lease, asker, request, isExempt || !options.Plugins.Contains(ImportStepNames.InjectMetadata) ? new Dictionary<string, string>() : options.Inject.Properties);
        var image = await WantedAsync(job, cancellationToken);
        if (!methods.TryGetValue(request.Name, out var method))
        {
            throw new ImageException(ImageError.Failed, $"The import method '{request.Name}' is no longer enabled.");
        }

        ImageLog.ImportBegins(log, image.Id, method.Name, string.Join(',', targets), task.Id);
        var missing = targets.Where(store => image.Locations.All(location => location.Store != store)).ToList();
        (image, var source, var hash) = await OpenAsync(method, image, job, cancellationToken);
        List<CommittedCopy> committed = [];
        await using (source)
        {
            using var hold = await quotas.ReserveAsync(image.Owner, UsageKind.StoredBytes, (source.Length ?? image.Size ?? 0) * missing.Count, lease, cancellationToken);
            await Parallel.ForEachAsync(
                missing,
                new ParallelOptions { MaxDegreeOfParallelism = options.ParallelStores, CancellationToken = cancellationToken },
                async (store, token) =>
                {
                    if (await CopyAsync(image, store, source, hash, job, token) is { } copy)
                    {
                        lock (committed)
                        {
                            committed.Add(copy);
                        }
                    }
                });
        }

        // Not cancellable: from here on only the registry decides whether the import happened.
        var (end, forgotten) = await registry.WriteAsync((tx, ct) => FinishAsync(tx, job, targets, committed, ct), CancellationToken.None);
        committed.ForEach(copy => sweeper.Schedule(copy.Intent with { Registered = true }));
        await area.DeleteAsync(forgotten);
        ImageLog.Imported(log, end.Id, end.Size ?? 0, task.Id, string.Join(',', end.Locations.Select(location => location.Store)));
    }

    public async Task FailAsync(TaskRecord task, Lease lease, string reason)
    {
        var forgotten = await registry.WriteAsync(
            async (tx, ct) =>
            {
                await tx.RequireLeaseAsync(lease, ct);
                if (await tx.FindImageAsync(task.ImageId, ct) is { } image && ImportMarks.TaskOf(image) == task.Id)
                {
                    image = (image.Status == ImageStatus.Importing ? image.Restored() : image).WithoutTask().WithPending([]);
                    await tx.UpdateImageAsync(
                        image.Status == ImageStatus.Importing ? image with { Status = ImageStatus.Queued, Size = null, VirtualSize = null } : image, ct);
                }

                var staged = await StagingArea.ForgetAsync(tx, task.ImageId, ct);
                await tx.UpdateTaskAsync(task with { Status = WorkStatus.Failure, Message = reason, ExpiresAt = tx.Now + options.TaskLifetime }, ct);
                await tx.ReleaseLeaseAsync(lease, ct);
                return staged;
            },
            CancellationToken.None);
        await area.DeleteAsync(forgotten);
    }

    private static ImageException Vanished(string imageId) => new(ImageError.Gone, $"Image {imageId} was deleted, or its import was cancelled.");

    private static async Task<Image> WantedAsync(RegistryTransaction tx, Job job, CancellationToken cancellationToken)
    {
        await tx.RequireLeaseAsync(job.Lease, cancellationToken);
        return await tx.FindImageAsync(job.Task.ImageId, cancellationToken) is { } image && ImportMarks.TaskOf(image) == job.Task.Id
            ? image
            : throw Vanished(job.Task.ImageId);
    }

    private Task<Image> WantedAsync(Job job, CancellationToken cancellationToken) =>
        registry.WriteAsync((tx, ct) => WantedAsync(tx, job, ct), cancellationToken);

    private async Task<(Image Image, IByteSource Source, string? Hash)> OpenAsync(IImportMethod method, Image image, Job job, CancellationToken cancellationToken)
    {
        if (method.From == ImageStatus.Active)
        {
            var data = await downloads.OpenAsync(Caller.Gateway, image, cancellationToken)
                ?? throw new ImageException(ImageError.Failed, "None of the stores of the image has its data.");
            return (image, data.Source, image.HashAlgorithm == "sha512" ? image.HashValue : null);
        }

        var staged = await registry.FindStagedAsync(image.Id, cancellationToken);
        if (method is IImportFetch fetch && (staged is null || await area.NodesWithAsync(staged, cancellationToken) is { Count: > 0 }))
        {
            (image, staged) = await FetchAsync(fetch, image, job, cancellationToken);
        }

        if (staged is null)
        {
            throw new ImageException(ImageError.Failed, "The staged data is gone.");
        }

        // Once it is in a store it cannot become anything else.
        if (image.Status == ImageStatus.Importing)
        {
            (image, staged) = await steps.RunAsync(image, staged, job.Lease, (tx, ct) => WantedAsync(tx, job, ct), cancellationToken);
        }

        return (image, await area.OpenAsync(staged, cancellationToken), staged.HashValue);
    }

    private async Task<(Image Image, StagedData? Staged)> FetchAsync(IImportFetch fetch, Image image, Job job, CancellationToken cancellationToken)
    {
        await using var fetched = await fetch.FetchAsync(image, job.Request.Method, job.Asker, cancellationToken);
        if (fetched.Length > imageOptions.SizeCap)
        {
            throw new ImageException(ImageError.TooLarge, $"Image exceeds the maximum allowed size of {imageOptions.SizeCap} bytes.");
        }

        using var hold = await quotas.ReserveAsync(image.Owner, UsageKind.StagedBytes, fetched.Length, job.Lease, cancellationToken);
        var intent = await registry.WriteAsync(
            async (tx, ct) =>
            {
                await tx.RequireLeaseAsync(job.Lease, ct);
                var begun = area.NewIntent(image.Id, job.Lease, tx.Now);
                await tx.InsertIntentAsync(begun, ct);
                return begun;
            },
            cancellationToken);
        var body = PipeReader.Create(fetched.Body, new StreamPipeReaderOptions(bufferSize: 1 << 16, leaveOpen: true));
        try
        {
            var staged = await area.WriteAsync(intent, body, fetched.Length, image.Owner, hold, cancellationToken);
            if (fetched.Facts?.Sha512 is { } hash && hash != staged.Data.Sha512)
            {
                throw new ImageException(ImageError.Unavailable, "The data that came is not what it was said to be: its hash differs.");
            }

            var recorded = await registry.WriteAsync(
                async (tx, ct) =>
                {
                    var now = await WantedAsync(tx, job, ct);

                    // What another gateway fetched before it died, into a staging area of its own, is for it to remove.
                    await StagingArea.ForgetAsync(tx, image.Id, ct);
                    await StagingArea.RecordAsync(tx, staged, ct);
                    if (fetched.Facts is { } facts)
                    {
                        now = await tx.UpdateImageAsync(now.WithFacts(facts), ct) ?? throw Vanished(image.Id);
                    }

                    return (now, await tx.FindStagedAsync(image.Id, ct));
                },
                CancellationToken.None);
            area.Settle(staged);
            return recorded;
        }
        finally
        {
            await body.CompleteAsync();
        }
    }

    /// <summary>Copies into one store.</summary>
    /// <returns>What is still to be recorded; null when it is recorded already, or when the store failed and may.</returns>
    private async Task<CommittedCopy?> CopyAsync(
        Image image, string store, IByteSource source, string? hash, Job job, CancellationToken cancellationToken)
    {
        try
        {
            var copy = await copies.RunAsync(image, store, source, hash, job.Asker ?? Caller.Gateway, job.Lease, cancellationToken);
            if (job.Request.AllMustSucceed)
            {
                await MarkAsync(job, store, failed: false, cancellationToken);
                return copy;
            }

            await registry.WriteAsync((tx, ct) => RecordAsync(tx, job, copy, ct), CancellationToken.None);
            sweeper.Schedule(copy.Intent with { Registered = true });
            return null;
        }
        catch (Exception failure) when (failure is not LeaseLostException && !cancellationToken.IsCancellationRequested)
        {
            ImageLog.CopyFailed(log, image.Id, store, failure.Message);
            await MarkAsync(job, store, failed: true, CancellationToken.None);
            if (job.Request.AllMustSucceed)
            {
                throw;
            }

            job.Failures.Enqueue(failure);
            await UndoAsync(job.Lease, store);
            return null;
        }
    }

    private Task<Image?> MarkAsync(Job job, string store, bool failed, CancellationToken cancellationToken) => registry.WriteAsync(
        async (tx, ct) => await tx.UpdateImageAsync(Marked(await WantedAsync(tx, job, ct), store, failed), ct), cancellationToken);

    private static Image Marked(Image image, string store, bool failed)
    {
        var marked = image.WithPending(ImportMarks.StoresIn(image, ImportMarks.Pending).Where(pending => pending != store));
        return failed ? marked.WithFailed([.. ImportMarks.StoresIn(image, ImportMarks.Failed), store]) : marked;
    }

    private async Task UndoAsync(Lease lease, string store)
    {
        var intents = await registry.WriteAsync(
            async (tx, ct) =>
            {
                await tx.RequireLeaseAsync(lease, ct);
                return await tx.ListIntentsAsync(lease.Name, ct);
            },
            CancellationToken.None);
        foreach (var intent in intents.Where(intent => intent is { Kind: IntentKind.Write, Registered: false } && intent.Store == store))
        {
            await sweeper.TryDiscardAsync(intent, lease);
        }
    }

    /// <summary>Records one copy of an import that goes on.</summary>
    private static async Task<bool> RecordAsync(RegistryTransaction tx, Job job, CommittedCopy copy, CancellationToken cancellationToken)
    {
        var image = await WantedAsync(tx, job, cancellationToken);
        await AddAsync(tx, image, copy, cancellationToken);
        var marked = Marked(Activated(image, copy, job), copy.Intent.Store, failed: false);
        _ = await tx.UpdateImageAsync(marked, cancellationToken) ?? throw Vanished(image.Id);

        // The lease lives on: what was reserved for this copy counts as stored from here on.
        var left = ImportMarks.StoresIn(marked, ImportMarks.Pending).Length;
        await tx.LowerReservationAsync(job.Lease.Epoch, UsageKind.StoredBytes, copy.Data.Size * left, cancellationToken);
        return true;
    }

    private async Task<(Image Image, StoreIntent? Forgotten)> FinishAsync(
        RegistryTransaction tx, Job job, IReadOnlyList<string> targets, List<CommittedCopy> committed, CancellationToken cancellationToken)
    {
        var image = await WantedAsync(tx, job, cancellationToken);
        foreach (var copy in committed.OrderBy(copy => targets.ToList().IndexOf(copy.Intent.Store)))
        {
            await AddAsync(tx, image, copy, cancellationToken);
            image = Activated(image, copy, job);
        }

        if (committed.Count == 0 && !targets.Any(store => image.Locations.Any(location => location.Store == store)))
        {
            throw job.Failures.TryPeek(out var failure) && failure is ImageException refusal
                ? new ImageException(refusal.Error, refusal.Message, refusal)
                : new ImageException(ImageError.Unavailable, "None of the stores could take the data.");
        }

        var end = await tx.UpdateImageAsync(image.WithoutTask().WithPending([]), cancellationToken) ?? throw Vanished(image.Id);
        var forgotten = await StagingArea.ForgetAsync(tx, image.Id, cancellationToken);
        var success = job.Task with
        {
            Status = WorkStatus.Success,
            Result = $$"""{"image_id":"{{image.Id}}"}""",
            Message = string.Create(CultureInfo.InvariantCulture, $"Copied {(end.Size ?? 0) >> 20} MiB"),
            ExpiresAt = tx.Now + options.TaskLifetime,
        };
        await tx.UpdateTaskAsync(success, cancellationToken);
        await tx.ReleaseLeaseAsync(job.Lease, cancellationToken);
        return (end, forgotten);
    }

    private static async Task AddAsync(RegistryTransaction tx, Image image, CommittedCopy copy, CancellationToken cancellationToken)
    {
        await tx.AddLocationAsync(image.Id, new ImageLocation(0, copy.Intent.Store, copy.Object.Location, copy.Object.Metadata, copy.Intent.Place), cancellationToken);
        await tx.RegisterIntentAsync(copy.Intent.AttemptId, cancellationToken);
    }

    private static Image Activated(Image image, CommittedCopy copy, Job job) => image.Status != ImageStatus.Importing
        ? image
        : image.WithAll(ImportMarks.PropertiesThenOf(image)).WithAll(job.Inject) with
        {
            Status = ImageStatus.Active,
            Size = copy.Data.Size,
            VirtualSize = copy.VirtualSize,
            Checksum = copy.Data.Md5,
            HashAlgorithm = "sha512",
            HashValue = copy.Data.Sha512,
        };

    /// <summary>One run of one import.</summary>
    private sealed record Job(TaskRecord Task, Lease Lease, Caller? Asker, ImportRequest Request, IReadOnlyDictionary<string, string> Inject)
    {
        /// <summary>What kept stores from taking the data.</summary>
        public System.Collections.Concurrent.ConcurrentQueue<Exception> Failures { get; } = new();
    }
}
