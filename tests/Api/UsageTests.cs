using System.Net;
using GlanceGateway.Images;

namespace GlanceGateway.Api.Tests;

public sealed class UsageTests
{
    [Fact]
    public async Task Usage_is_shown_by_the_names_of_the_limits_and_what_does_not_fit_is_413()
    {
        await using var gateway = new Gateway { Limits = new ConfiguredLimits(new() { StoredBytes = 3L << 20, Images = 2 }, new Dictionary<string, ProjectLimits>()) };
        await gateway.InitializeAsync();
        await gateway.CreateActiveAsync(new byte[1 << 20]);
        await gateway.CreateAsync("{}");
        using (var third = await gateway.SendAsync(Persona.Owner, "POST", "/v2/images", "{}"))
        {
            Assert.Equal(HttpStatusCode.RequestEntityTooLarge, third.StatusCode);
        }

        using var usage = await gateway.SendAsync(Persona.Reader, "GET", "/v2/info/usage");
        Assert.Equal(
            """{"usage":{"image_size_total":{"usage":1,"limit":3},"image_stage_total":{"usage":0,"limit":-1},"image_count_total":{"usage":2,"limit":2},"image_count_uploading":{"usage":0,"limit":-1}}}""",
            await usage.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_stage_of_unknown_length_that_does_not_fit_is_413_and_leaves_nothing()
    {
        await using var gateway = new Gateway { Limits = new ConfiguredLimits(new() { StagedBytes = 1L << 18 }, new Dictionary<string, ProjectLimits>()) };
        await gateway.InitializeAsync();
        var id = await gateway.ImageAsync("queued");
        using (var refused = await gateway.SendAsync(
            [.. Gateway.HeadersOf(Persona.Owner), ("Transfer-Encoding", "chunked")], "PUT", $"/v2/images/{id}/stage", Gateway.Octets(new byte[1 << 19])))
        {
            Assert.Equal(HttpStatusCode.RequestEntityTooLarge, refused.StatusCode);
            Assert.Contains("image_stage_total", await refused.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        }

        Assert.Equal(0, await gateway.Registry.SumUsageAsync(Gateway.OwnerProject, Registry.UsageKind.StagedBytes, TestContext.Current.CancellationToken));
        await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Owner), "PUT", $"/v2/images/{id}/stage", Gateway.Octets(new byte[1 << 18]));
        using var usage = await gateway.SendAsync(Persona.Reader, "GET", "/v2/info/usage");
        Assert.Contains("\"image_stage_total\":{\"usage\":0,\"limit\":0}", await usage.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }
}
