using GlanceGateway.Images;
using Microsoft.AspNetCore.Http;

namespace GlanceGateway.Api;

/// <summary>Everybody is the administrator of one project.</summary>
internal sealed class SingleProjectCallers(string projectId) : ICallerSource
{
    // What Keystone puts into an administrator's token: the implied roles are listed.
    private readonly Caller everybody = new(projectId, userId: null, ["admin", "member", "reader"]);

    public string? Challenge => null;

    public ValueTask<Caller?> IdentifyAsync(HttpContext http, CancellationToken cancellationToken)
    {
        IdentityHeaders.Remove(http.Request.Headers);
        return ValueTask.FromResult<Caller?>(everybody);
    }
}
