using GlanceGateway.Images;

namespace GlanceGateway.Api.V2;

/// <summary>Add and remove tags.</summary>
internal sealed class TagHandlers(ImageServices images)
{
    /// <summary><c>PUT /v2/images/{image}/tags/{tag}</c>.</summary>
    public async Task AddAsync(ApiCall call)
    {
        await images.Catalog.AddTagAsync(call.Caller, call.ImageId, call.Places[1], call.Aborted);
        await call.WriteNothingAsync();
    }

    /// <summary><c>DELETE /v2/images/{image}/tags/{tag}</c>.</summary>
    public async Task RemoveAsync(ApiCall call)
    {
        await images.Catalog.RemoveTagAsync(call.Caller, call.ImageId, call.Places[1], call.Aborted);
        await call.WriteNothingAsync();
    }
}
