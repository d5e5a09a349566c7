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
    InfoHandlers info,
    MetadefRoutes metadefs)
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

        new("GET", "info/import", BodyRule.Refused, InfoHandlers.ImportAsync),
        new("GET", "info/stores", BodyRule.Refused, info.StoresAsync),
        new("GET", "info/usage", BodyRule.Ignored, info.UsageAsync),

        .. metadefs.Build(),
    ]);
}
