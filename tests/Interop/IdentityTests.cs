using System.Net;
using System.Text.Json;

namespace GlanceGateway.Interop.Tests;

/// <summary>A proxy in front says who calls.</summary>
public sealed class IdentityTests
{
    [Fact]
    public async Task Owner_member_and_stranger_see_what_they_may()
    {
        await using var site = await Site.StartedAsync(configuration: "identity: { mode: headers, trusted_proxies: [127.0.0.1] }");
        using var owner = As(site, "owners");
        using var member = As(site, "members");
        using var stranger = As(site, "strangers");
        var id = await owner.CreateAsync("ours", new PatternContent(1000));

        Assert.Equal(HttpStatusCode.NotFound, await member.StatusAsync(HttpMethod.Get, $"v2/images/{id}"));
        Assert.Equal(HttpStatusCode.OK, await owner.StatusAsync(HttpMethod.Post, $"v2/images/{id}/members", new { member = "members" }));
        Assert.Equal(HttpStatusCode.OK, await member.StatusAsync(HttpMethod.Get, $"v2/images/{id}"));
        Assert.Empty(await NamesAsync(member));
        Assert.Equal(HttpStatusCode.Forbidden, await owner.StatusAsync(HttpMethod.Put, $"v2/images/{id}/members/members", new { status = "accepted" }));
        Assert.Equal(HttpStatusCode.OK, await member.StatusAsync(HttpMethod.Put, $"v2/images/{id}/members/members", new { status = "accepted" }));

        Assert.Equal(["ours"], await NamesAsync(member));
        Assert.Equal((1000, PatternContent.Md5(1000)), await member.DownloadAsync(id));
        Assert.Equal(HttpStatusCode.Forbidden, await member.StatusAsync(HttpMethod.Delete, $"v2/images/{id}"));
        Assert.Empty(await NamesAsync(stranger));
        Assert.Equal(HttpStatusCode.NotFound, await stranger.StatusAsync(HttpMethod.Get, $"v2/images/{id}/file"));
        Assert.Equal(HttpStatusCode.NotFound, await stranger.StatusAsync(HttpMethod.Delete, $"v2/images/{id}"));
        Assert.Equal(HttpStatusCode.Unauthorized, await site.Images.StatusAsync(HttpMethod.Get, "v2/images"));
        Assert.Equal(HttpStatusCode.NoContent, await owner.StatusAsync(HttpMethod.Delete, $"v2/images/{id}"));
    }

    [Fact]
    public async Task Headers_from_elsewhere_are_not_believed()
    {
        await using var site = await Site.StartedAsync(configuration: "identity: { mode: headers, trusted_proxies: [192.0.2.1] }");
        using var liar = As(site, "owners", "admin");

        Assert.Equal(HttpStatusCode.Unauthorized, await liar.StatusAsync(HttpMethod.Get, "v2/images"));
        Assert.Equal(HttpStatusCode.Unauthorized, await liar.StatusAsync(HttpMethod.Post, "v2/images", new { name = "no" }));
    }

    private static ImagesClient As(Site site, string project, string roles = "member,reader") =>
        new(site.Gateway.Address, ("X-Identity-Status", "Confirmed"), ("X-Project-Id", project), ("X-User-Id", $"{project}-user"), ("X-Roles", roles));

    private static async Task<IEnumerable<string?>> NamesAsync(ImagesClient client) =>
        (await client.GetAsync("v2/images")).GetProperty("images").EnumerateArray().Select((JsonElement image) => image.GetProperty("name").GetString()).ToList();
}
