using System.Net;
using static GlanceGateway.Api.Tests.Persona;

namespace GlanceGateway.Api.Tests;

/// <summary>The change feed as a resource: its parameters, and where it is announced.</summary>
public sealed class FeedRequestTests(Gateway gateway)
{
    [Theory]
    [InlineData(Nobody, "", 401)]
    [InlineData(Owner, "?wait=x", 400)]
    [InlineData(Owner, "?wait=-1", 400)]
    [InlineData(Owner, "?limit=0", 400)]
    [InlineData(Owner, "?limit=1.5", 400)]
    [InlineData(Owner, "?limit=99999&wait=99999&other=1", 200)]
    [InlineData(Owner, "/x", 404)]
    public async Task Requests_are_answered_as_everywhere(Persona who, string rest, int status)
    {
        using var answer = await gateway.SendAsync(who, "GET", "/gateway/v1/changes" + rest);
        Assert.Equal(status, (int)answer.StatusCode);
        using var wrong = await gateway.SendAsync(Owner, "POST", "/gateway/v1/changes");
        Assert.Equal(HttpStatusCode.MethodNotAllowed, wrong.StatusCode);
    }

    [Theory]
    [InlineData("/", true)]
    [InlineData("/versions", true)]
    [InlineData("/versions/x", false)]
    [InlineData("/v9/images", false)]
    [InlineData("/v2/images", false)]
    public async Task It_is_announced_beside_the_versions(string path, bool isAnnounced)
    {
        using var answer = await gateway.SendAsync(Owner, "GET", path);
        Assert.Equal(isAnnounced ? ["<gateway/v1/changes>; rel=\"urn:glance-gateway:changes\""] : [], answer.Headers.TryGetValues("Link", out var links) ? links : []);
    }
}
