using GlanceGateway.Images;

namespace GlanceGateway.Api.V2;

/// <summary>The JSON schemas from which clients build their model of requests.</summary>
internal sealed class SchemaHandlers(ImageServices images)
{
    /// <summary><c>GET /v2/schemas/image</c>.</summary>
    public Task ImageAsync(ApiCall call) => call.WriteJsonAsync(200, w => ImageSchemaJson.WriteImage(w, images.Schema));

    /// <summary><c>GET /v2/schemas/images</c>.</summary>
    public Task ImagesAsync(ApiCall call) =>
        call.WriteJsonAsync(200, w => CollectionSchemaJson.Write(w, "images", paged: true, item => ImageSchemaJson.WriteImage(item, images.Schema)));

    /// <summary><c>GET /v2/schemas/member</c>.</summary>
    public static Task MemberAsync(ApiCall call) => call.WriteJsonAsync(200, MemberSchemaJson.Write);

    /// <summary><c>GET /v2/schemas/members</c>.</summary>
    public static Task MembersAsync(ApiCall call) =>
        call.WriteJsonAsync(200, w => CollectionSchemaJson.Write(w, "members", paged: false, MemberSchemaJson.Write));
}
