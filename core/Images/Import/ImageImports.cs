using System.Text.Json;
using GlanceGateway.Registry;
using GlanceGateway.Stores;

namespace GlanceGateway.Images;

/// <summary>
/// Begins imports. What a client asks for is checked whole before anything is recorded; then one unit of work records the task, takes the lease
/// of the image for it and locks the image with the task's id, and the import goes on by itself (<see cref="ImportWork"/>).
/// </summary>
public sealed class ImageImports
{
    private readonly ImageRegistry registry;
    private readonly StoreSet stores;
    private readonly ImageAccess access;
    private readonly QuotaLedger quotas;
    private readonly StagingArea area;
    private readonly IReadOnlyDictionary<string, IImportMethod> methods;
    private readonly TaskRunner runner;
    private readonly ImageOptions options;
    private readonly InjectOptions inject;

    internal ImageImports(
        ImageRegistry registry,
        StoreSet stores,
        ImageAccess access,
        QuotaLedger quotas,
        StagingArea area,
        IReadOnlyList<string> announced,
        IReadOnlyDictionary<string, IImportMethod> methods,
        TaskRunner runner,
        ImageOptions options,
        InjectOptions inject)
    {
        this.registry = registry;
        this.stores = stores;
        this.access = access;
        this.quotas = quotas;
        this.area = area;
        this.methods = methods;
        this.runner = runner;
        this.options = options;
        this.inject = inject;
        Methods = announced;
    }

    /// <summary>The names of the methods that can be used, in the order of the configuration.</summary>
    public IReadOnlyList<string> Methods { get; }

    /// <summary>Begins an import. When the task ends it is in, the data is imported; how it goes is seen in the image.</summary>
    /// <param name="caller">Who imports.</param>
    /// <param name="imageId">The image.</param>
    /// <param name="body">The request as JSON; see <see cref="ImportRequest"/>.</param>
    /// <param name="headerStore">The store that a header names; null for none.</param>
    /// <param name="requestId">For the record of the task.</param>
    /// <param name="cancellationToken">Ends the call; an import that has begun goes on.</param>
    /// <exception cref="ImageException">Refused; the message says why.</exception>
    public async Task ImportAsync(
        Caller caller, string imageId, JsonElement body, string? headerStore, string? requestId, CancellationToken cancellationToken)
    {
        var request = ImportRequest.Parse(body);
        if (!methods.TryGetValue(request.Name, out var method))
        {
            throw new ImageException(ImageError.Invalid, $"Unknown import method name '{request.Name}'.");
        }

        var image = await access.FindForAsync(caller, imageId, method.Action, cancellationToken);
        RequireReady(image, method);
        var named = FindStores(request, headerStore);
        method.Check(request.Method);
        await RequireHereAsync(image.Id, method, cancellationToken);
        var quota = await quotas.OpenAsync(image.Owner, cancellationToken);
        if (await registry.WriteAsync(
            (tx, ct) => BeginAsync(tx, caller, image.Id, quota, method, request, named, ImageTasks.ImportType, requestId, ct), cancellationToken) is var (task, lease))
        {
            runner.Start(task, lease, caller);
        }
    }

    /// <summary>Checks what is said of a method, without an image.</summary>
    /// <exception cref="ImageException"><see cref="ImageError.Invalid"/>.</exception>
    internal void Check(ImportRequest request)
    {
        if (!methods.TryGetValue(request.Name, out var method))
        {
            throw Invalid($"The import method '{request.Name}' is not enabled at this site.");
        }

        method.Check(request.Method);
    }

    /// <summary>Begins the import of a new image, whose request was checked.</summary>
    internal async Task<TaskRecord> ImportNewAsync(Caller caller, Image image, ImportRequest request, string? requestId, CancellationToken cancellationToken)
    {
        var method = methods[request.Name];
        var quota = await quotas.OpenAsync(image.Owner, cancellationToken);
        var (task, lease) = await registry.WriteAsync(
            (tx, ct) => BeginAsync(tx, caller, image.Id, quota, method, request, [stores.Default.Id], ImageTasks.LegacyImportType, requestId, ct), cancellationToken)
            ?? throw new InvalidOperationException("A new image is in no store.");
        runner.Start(task, lease, caller);
        return task;
    }

    private static ImageException Conflict(string message) => new(ImageError.Conflict, message);

    private static ImageException Invalid(string message) => new(ImageError.Invalid, message);

    private static void RequireReady(Image image, IImportMethod method)
    {
        if (image.Status != method.From && (image.Status == ImageStatus.Active || method.From == ImageStatus.Active))
        {
            throw Conflict(method.From == ImageStatus.Active ? method.WrongStatus : "Image with status active cannot be target for import");
        }

        if (image.ContainerFormat is null || image.DiskFormat is null)
        {
            throw Conflict($"'{(image.ContainerFormat is null ? "container_format" : "disk_format")}' needs to be set before import");
        }

        if (image.Status != method.From)
        {
            throw Conflict(method.WrongStatus);
        }
    }

    /// <summary>Refuses to import what is staged where this gateway does not see it, which loses nothing: another can be asked.</summary>
    private async Task RequireHereAsync(string imageId, IImportMethod method, CancellationToken cancellationToken)
    {
        if (method.From == ImageStatus.Uploading
            && await registry.FindStagedAsync(imageId, cancellationToken) is { } staged
            && await area.NodesWithAsync(staged, cancellationToken) is { Count: > 0 } nodes)
        {
            throw new ImageException(
                ImageError.Unavailable,
                $"The data of image {imageId} is staged at {StorePlaces.InWords(nodes)}, in a staging area that this gateway does not see. Import it there, or let all gateways share one.");
        }
    }

    /// <summary>The stores that a request names, checked; the default one when it names none.</summary>
    private List<string> FindStores(ImportRequest request, string? headerStore)
    {
        if (request.AllStores)
        {
            return request.Stores.Count > 0 || headerStore is not null
                ? throw Invalid("All_stores parameter can't be used with x-image-meta-store header or stores parameter")
                : [.. stores.All.Where(store => store.DriverName != "http" && !store.IsReadOnly).Select(store => store.Id)];
        }

        if (request.Stores.Count > 0 && headerStore is not null)
        {
            throw Invalid("Stores parameter and x-image-meta-store header can't be both specified");
        }

        List<string> named = request.Stores.Count > 0 ? [.. request.Stores] : [headerStore ?? stores.Default.Id];
        return named.Find(id => !stores.TryGet(id, out _)) is { } unknown ? throw Conflict($"Store for identifier {unknown} not found") : named;
    }

    private async Task<(TaskRecord Task, Lease Lease)?> BeginAsync(
        RegistryTransaction tx,
        Caller caller,
        string imageId,
        ProjectQuota quota,
        IImportMethod method,
        ImportRequest request,
        IReadOnlyList<string> named,
        string type,
        string? requestId,
        CancellationToken cancellationToken)
    {
        var image = await tx.FindImageAsync(imageId, cancellationToken) ?? throw ImageAccess.NoSuchImage(imageId);
        if (ImportMarks.TaskOf(image) is { } holder && await tx.FindTaskAsync(holder, cancellationToken) is { HasEnded: false })
        {
            throw Conflict("Image has active task");
        }

        RequireReady(image, method);
        var targets = named;
        if (method.From == ImageStatus.Active)
        {
            var present = image.Locations.Select(location => location.Store).ToHashSet(StringComparer.Ordinal);
            if (!request.AllStores && named.FirstOrDefault(present.Contains) is { } twice)
            {
                throw Invalid($"Image is already present at store '{twice}'");
            }

            targets = [.. named.Where(id => !present.Contains(id))];
            if (targets.Count == 0)
            {
                return null;
            }
        }

        var leaseName = LeaseNames.OfImage(imageId);
        var lease = await tx.TakeLeaseAsync(leaseName, options.LeaseDuration, ownToo: false, cancellationToken)
            ?? throw Conflict($"Another operation works on the data of image {imageId}.");
        await quota.RequireAsync(tx, UsageKind.StoredBytes, (image.Size ?? 0) * targets.Count, cancellationToken);
        if (method.From == ImageStatus.Queued)
        {
            await quota.RequireAsync(tx, UsageKind.Transfers, 1, cancellationToken);
        }

        var task = await tx.InsertTaskAsync(
            new TaskRecord
            {
                Id = Guid.NewGuid().ToString(),
                Type = type,
                Owner = caller.ProjectId,
                ImageId = imageId,
                UserId = caller.UserId,
                RequestId = requestId,
                Input = request.ToTaskInput(imageId, targets, inject.IgnoreUserRoles.Any(caller.Roles.Contains)),
                LeaseName = leaseName,
            },
            cancellationToken);
        image = image.WithTask(task.Id).WithPending(targets).WithFailed([]);
        await tx.UpdateImageAsync(method.From == ImageStatus.Active ? image : image with { Status = ImageStatus.Importing }, cancellationToken);
        return (task, lease);
    }
}
