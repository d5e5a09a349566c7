using System.Text;
using GlanceGateway.Api.Feed;
using GlanceGateway.Api.V2;
using GlanceGateway.Images;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace GlanceGateway.Api;

/// <summary>The way of a request: health check, version, route, identity, handler. Discovery needs no identity.</summary>
internal sealed class ApiPipeline(ApiOptions options, RequestFrame frame, ICallerSource callers, V2Routes v2, FeedRoutes feed, ImageServices images)
{
    private readonly RouteTable routes = v2.Build();
    private readonly RouteTable gatewayRoutes = feed.Build();

    /// <summary>Answers a request.</summary>
    public Task RunAsync(HttpContext http) => frame.RunAsync(http, DispatchAsync);

    private async Task DispatchAsync(HttpContext http)
    {
        var path = RequestPath.Split(http);
        if (path is ["healthcheck"])
        {
            await WriteHealthAsync(http);
            return;
        }

        var baseUrl = BaseUrl.Of(http, options);
        var destination = VersionNegotiation.Find(path, http.Request.Headers.Accept, images.Cache.IsConfigured, out var rest);
        if (destination == Destination.Choices && options.Identity == IdentityMode.None && path[0] == "projects")
        {
            // Without Keystone the openstack client looks for projects at the only endpoint it has. Refused it takes the id as given;
            // any other answer ends `image remove project` with an error.
            throw new ApiException(403, "There is no identity service here; name a project by its id.");
        }

        if (destination is Destination.Versions or Destination.Choices)
        {
            FeedRoutes.Announce(http, path);
            var status = destination == Destination.Versions ? StatusCodes.Status200OK : StatusCodes.Status300MultipleChoices;
            await JsonAnswer.WriteAsync(http, status, w => VersionList.Write(w, baseUrl, images.Cache.IsConfigured));
            return;
        }

        var table = destination == Destination.Gateway ? gatewayRoutes : routes;
        var match = rest is null ? null : table.Match(rest);
        if (match is not null && HttpMethods.IsOptions(http.Request.Method))
        {
            http.Response.StatusCode = StatusCodes.Status200OK;
            http.Response.ContentLength = 0;
            return;
        }

        var caller = await callers.IdentifyAsync(http, http.RequestAborted)
            ?? throw new ApiException(401) { Header = callers.Challenge is { } challenge ? ("WWW-Authenticate", challenge) : null };
        if (caller.SystemScope is not null || caller.DomainId is not null)
            throw new ApiException(403, "Images belong to projects: use a token of a project, not one of the system or a domain.");
        if (rest is null)
        {
            http.Response.Redirect(baseUrl + "/v2/");
            return;
        }

        var route = Select(match, http.Request.Method);
        ApplyBodyRule(http, route.Body);
        await route.Handler(new ApiCall(http, caller, match!.Places, baseUrl));
    }

    private static Route Select(RouteMatch? match, string method)
    {
        if (match is null)
            throw new ApiException(RouteTable.IsUsual(method) ? 404 : 501);
        return match.Find(method)
            ?? throw new ApiException(405, $"The method {method} is not allowed for this resource.") { Header = ("Allow", match.Allow) };
    }

    private void ApplyBodyRule(HttpContext http, BodyRule rule)
    {
        switch (rule)
        {
            case BodyRule.Refused when ApiCall.HasBody(http.Request):
                throw new ApiException(400, "A body is not expected with this request.");
            case BodyRule.Json:
                if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } json)
                    json.MaxRequestBodySize = options.MaxJsonBodyBytes;
                break;
            case BodyRule.Data:
                // The limits of the server are for pages: an image has its own size limit, and a sender may pause.
                if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } data)
                    data.MaxRequestBodySize = null;
                if (http.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
                    rate.MinDataRate = null;
                break;
        }
    }

    private async Task WriteHealthAsync(HttpContext http)
    {
        var disabled = options.HealthcheckDisableFile is { } file && File.Exists(file);
        http.Response.StatusCode = disabled ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status200OK;
        http.Response.ContentType = "text/plain; charset=UTF-8";
        var body = Encoding.ASCII.GetBytes(disabled ? "DISABLED BY FILE" : "OK");
        http.Response.ContentLength = body.Length;
        await http.Response.Body.WriteAsync(body, http.RequestAborted);
    }
}
