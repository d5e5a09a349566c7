using GlanceGateway.Images;

namespace GlanceGateway.Api.V2;

/// <summary>What this gateway can do and has.</summary>
internal sealed class InfoHandlers(ImageServices images)
{
    /// <summary><c>GET /v2/info/usage</c>. Sizes are in MiB; a limit of -1 is none, as in Keystone. Without limits the object is empty.</summary>
    public async Task UsageAsync(ApiCall call)
    {
        var usages = await images.Quotas.ListUsageAsync(call.Caller, call.Aborted);
        await call.WriteJsonAsync(200, w =>
        {
            w.WriteStartObject();
            w.WriteStartObject("usage");
            foreach (var usage in usages)
            {
                w.WriteStartObject(usage.Name);
                w.WriteNumber("usage", usage.Used);
                w.WriteNumber("limit", usage.Limit ?? -1);
                w.WriteEndObject();
            }
            w.WriteEndObject();
            w.WriteEndObject();
        });
    }
}
