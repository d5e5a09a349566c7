using GlanceGateway.Images;

namespace GlanceGateway.Api.V2;

/// <summary>Close and open the data of an image.</summary>
internal sealed class ActionHandlers(ImageServices images)
{
    /// <summary><c>POST /v2/images/{image}/actions/deactivate</c>.</summary>
    public async Task DeactivateAsync(ApiCall call)
    {
        await images.Catalog.DeactivateAsync(call.Caller, call.ImageId, call.Aborted);
        await call.WriteNothingAsync();
    }

    /// <summary><c>POST /v2/images/{image}/actions/reactivate</c>.</summary>
    public async Task ReactivateAsync(ApiCall call)
    {
        await images.Catalog.ReactivateAsync(call.Caller, call.ImageId, call.Aborted);
        await call.WriteNothingAsync();
    }
}
