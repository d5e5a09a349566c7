namespace GlanceGateway.Api.V2;

/// <summary>Every route of version 2 below <c>/v2/</c>. The order of a path's methods is the order of its <c>Allow</c> header.</summary>
internal sealed class V2Routes(
    ImageHandlers images,
    UploadHandler upload,
    DownloadHandler download,
    ActionHandlers actions,
    TagHandlers tags,
    MemberHandlers members,
    SchemaHandlers schemas,
    ImportHandlers import,
    TaskHandlers tasks,
    InfoHandlers info,
    StoreHandlers stores,
    LocationHandlers locations,
    MetadefRoutes metadefs,
    CacheHandlers cache)
{
    /// <summary>Makes the table.</summary>
    public RouteTable Build() => new(
    [
        new("GET", "images", BodyRule.Ignored, images.ListAsync),
        new("POST", "images", BodyRule.Json, images.CreateAsync),
        new("GET", "images/{image}", BodyRule.Refused, images.ShowAsync),
        new("PATCH", "images/{image}", BodyRule.Json, images.UpdateAsync),
        new("DELETE", "images/{image}", BodyRule.Refused, images.DeleteAsync),

        new("GET", "images/{image}/file", BodyRule.Refused, download.HandleAsync),
        new("PUT", "images/{image}/file", BodyRule.Data, upload.HandleAsync),

        new("PUT", "images/{image}/stage", BodyRule.Data, import.StageAsync),
        new("POST", "images/{image}/import", BodyRule.Json, import.ImportAsync),
        new("GET", "images/{image}/tasks", BodyRule.Refused, tasks.OfImageAsync),

        new("GET", "tasks", BodyRule.Ignored, tasks.ListAsync),
        new("POST", "tasks", BodyRule.Json, tasks.CreateAsync),
        new("GET", "tasks/{task}", BodyRule.Ignored, tasks.ShowAsync),
        new("DELETE", "tasks/{task}", BodyRule.Ignored, TaskHandlers.DeleteAsync),

        new("POST", "images/{image}/actions/deactivate", BodyRule.Refused, actions.DeactivateAsync),
        new("POST", "images/{image}/actions/reactivate", BodyRule.Refused, actions.ReactivateAsync),

        new("PUT", "images/{image}/tags/{tag}", BodyRule.Refused, tags.AddAsync),
        new("DELETE", "images/{image}/tags/{tag}", BodyRule.Refused, tags.RemoveAsync),

        new("GET", "images/{image}/members", BodyRule.Refused, members.ListAsync),
        new("POST", "images/{image}/members", BodyRule.Json, members.AddAsync),
        new("GET", "images/{image}/members/{member}", BodyRule.Refused, members.ShowAsync),
        new("PUT", "images/{image}/members/{member}", BodyRule.Json, members.UpdateAsync),
        new("DELETE", "images/{image}/members/{member}", BodyRule.Refused, members.RemoveAsync),

        new("GET", "schemas/image", BodyRule.Ignored, schemas.ImageAsync),
        new("GET", "schemas/images", BodyRule.Ignored, schemas.ImagesAsync),
        new("GET", "schemas/member", BodyRule.Ignored, SchemaHandlers.MemberAsync),
        new("GET", "schemas/members", BodyRule.Ignored, SchemaHandlers.MembersAsync),
        new("GET", "schemas/task", BodyRule.Ignored, TaskSchemaJson.TaskAsync),
        new("GET", "schemas/tasks", BodyRule.Ignored, TaskSchemaJson.TasksAsync),

        new("GET", "info/import", BodyRule.Refused, import.InfoAsync),
        new("GET", "info/stores", BodyRule.Refused, stores.ListAsync),
        new("GET", "info/stores/detail", BodyRule.Refused, stores.DetailAsync),
        new("DELETE", "stores/{store}/{image}", BodyRule.Refused, stores.RemoveAsync),
        new("GET", "images/{image}/locations", BodyRule.Ignored, locations.ListAsync),
        new("POST", "images/{image}/locations", BodyRule.Json, locations.AddAsync),
        new("GET", "info/usage", BodyRule.Ignored, info.UsageAsync),

        new("GET", "cache", BodyRule.Ignored, cache.ListAsync),
        new("DELETE", "cache", BodyRule.Ignored, cache.ClearAsync),
        new("PUT", "cache/{image}", BodyRule.Ignored, cache.QueueAsync),
        new("DELETE", "cache/{image}", BodyRule.Ignored, cache.DeleteAsync),
        new("GET", "cache/nodes/{image}", BodyRule.Refused, cache.NodesAsync),
        new("POST", "cache/clean", BodyRule.Ignored, cache.CleanAsync),
        new("POST", "cache/prune", BodyRule.Ignored, cache.PruneAsync),

        .. metadefs.Build(),
    ]);
}
