using GlanceGateway.Images;
using Microsoft.AspNetCore.Http;

namespace GlanceGateway.Api;

/// <summary>Turns the credentials of a request into a caller. One is chosen by configuration; another way to identify is another implementation.</summary>
public interface ICallerSource
{
    /// <summary>The value of <c>WWW-Authenticate</c> on a 401; null for none.</summary>
    string? Challenge { get; }

    /// <summary>Whose request it is.</summary>
    /// <returns>Null when the request does not say so credibly: it is answered with 401.</returns>
    ValueTask<Caller?> IdentifyAsync(HttpContext http, CancellationToken cancellationToken);
}
