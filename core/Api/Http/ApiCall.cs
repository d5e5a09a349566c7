using System.Text.Json;
using GlanceGateway.Images;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace GlanceGateway.Api;

/// <summary>One identified request on its way to a handler, and the ways to answer it.</summary>
/// <param name="Http">The request and its answer.</param>
/// <param name="Caller">On whose behalf.</param>
/// <param name="Places">What stands for the places of the route, decoded.</param>
/// <param name="BaseUrl">Scheme and authority under which clients reach the gateway; no trailing slash.</param>
internal sealed record ApiCall(HttpContext Http, Caller Caller, string[] Places, string BaseUrl)
{
    /// <summary>The first place of every route below <c>/images</c>.</summary>
    public string ImageId => Places[0];

    /// <summary>Ends when the client goes away.</summary>
    public CancellationToken Aborted => Http.RequestAborted;

    /// <summary>Reads the JSON body. The caller disposes it, after everything that came from it is used.</summary>
    /// <exception cref="ApiException">400: none, malformed, neither object nor list, or with text that is no Unicode or holds a NUL.</exception>
    public async Task<JsonDocument> ReadJsonAsync()
    {
        if (!HasBody(Http.Request))
            throw new ApiException(400, "Body expected in request.");
        return await JsonBody.ReadAsync(Http.Request.Body, Aborted);
    }

    /// <summary>Answers with JSON.</summary>
    public Task WriteJsonAsync(int status, Action<Utf8JsonWriter> write) => JsonAnswer.WriteAsync(Http, status, write);

    /// <summary>Answers 204.</summary>
    public Task WriteNothingAsync()
    {
        Http.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    /// <summary>Whether a request brings a body. A chunked one counts where the method may have one, as Glance sees it.</summary>
    internal static bool HasBody(HttpRequest request) =>
        request.ContentLength > 0
        || (request.ContentLength is null
            && (HttpMethods.IsPost(request.Method) || HttpMethods.IsPut(request.Method) || HttpMethods.IsPatch(request.Method))
            && request.HttpContext.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true);
}
