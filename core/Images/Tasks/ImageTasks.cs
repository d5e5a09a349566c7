using System.Text.Json;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>The records of work that goes on after its request was answered: who may see them, and the import of the tasks API.</summary>
public sealed class ImageTasks
{
    /// <summary>The type of an import that a client asked for of an image.</summary>
    public const string ImportType = "api_image_import";

    /// <summary>The type of an import that a client asked for of the tasks API.</summary>
    public const string LegacyImportType = "import";

    private readonly ImageRegistry registry;
    private readonly PolicyRules policy;
    private readonly ImageAccess access;
    private readonly ImageCatalog catalog;
    private readonly ImageImports imports;

    internal ImageTasks(ImageRegistry registry, PolicyRules policy, ImageAccess access, ImageCatalog catalog, ImageImports imports)
    {
        this.registry = registry;
        this.policy = policy;
        this.access = access;
        this.catalog = catalog;
        this.imports = imports;
    }

    /// <summary>One page of the tasks that the caller may see; the query's viewer is replaced by it.</summary>
    public async Task<IReadOnlyList<TaskRecord>> ListAsync(Caller caller, TaskQuery query, CancellationToken cancellationToken)
    {
        policy.Require(caller, PolicyAction.TasksApiAccess, image: null, isMember: false);
        try
        {
            return await registry.ListTasksAsync(query with { Viewer = caller.Viewer }, cancellationToken);
        }
        catch (UnknownMarkerException unknown)
        {
            throw NoSuchTask(unknown.Marker);
        }
    }

    /// <summary>A task that the caller may see.</summary>
    public async Task<TaskRecord> GetAsync(Caller caller, string id, CancellationToken cancellationToken)
    {
        policy.Require(caller, PolicyAction.TasksApiAccess, image: null, isMember: false);
        return await registry.FindTaskAsync(id, cancellationToken) is { } task && IsVisible(caller, task) ? task : throw NoSuchTask(id);
    }

    /// <summary>The tasks of an image that the caller may see, oldest first.</summary>
    public async Task<IReadOnlyList<TaskRecord>> OfImageAsync(Caller caller, string imageId, CancellationToken cancellationToken)
    {
        var image = (await access.FindAsync(caller, imageId, cancellationToken)).Image;
        return [.. (await registry.ListImageTasksAsync(image.Id, cancellationToken)).Where(task => IsVisible(caller, task))];
    }

    /// <summary>Refuses who may not use the tasks API.</summary>
    public void RequireAccess(Caller caller) => policy.Require(caller, PolicyAction.TasksApiAccess, image: null, isMember: false);

    /// <summary>Creates an image and imports it from a URL.</summary>
    /// <param name="caller">The image's owner.</param>
    /// <param name="uri">Where the data is; checked as for <c>web-download</c>.</param>
    /// <param name="attributes">Of the image, as for its creation.</param>
    /// <param name="requestId">For the record of the task.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public async Task<TaskRecord> ImportAsync(
        Caller caller, string uri, IReadOnlyList<KeyValuePair<string, JsonElement>> attributes, string? requestId, CancellationToken cancellationToken)
    {
        RequireAccess(caller);
        using var body = JsonDocument.Parse(
            $$$"""{"method":{"name":"{{{ImportMethodNames.WebDownload}}}","uri":"{{{JsonEncodedText.Encode(uri)}}}"}}""");
        var request = ImportRequest.Parse(body.RootElement);
        imports.Check(request);
        var image = await catalog.CreateAsync(caller, attributes, cancellationToken);
        try
        {
            return await imports.ImportNewAsync(caller, image, request, requestId, cancellationToken);
        }
        catch (ImageException)
        {
            await catalog.DeleteAsync(Caller.Gateway, image.Id, CancellationToken.None);
            throw;
        }
    }

    private static bool IsVisible(Caller caller, TaskRecord task) => caller.IsAdmin || (task.Owner is not null && task.Owner == caller.ProjectId);

    private static ImageException NoSuchTask(string id) => new(ImageError.NotFound, $"Could not find task {id}");
}
