using GlanceGateway.Api.V2;

namespace GlanceGateway.Api.Tests;

public sealed class PathTests
{
    private static readonly RouteTable Table = new(
    [
        new("GET", "cache/{image}", BodyRule.Ignored, _ => Task.CompletedTask),
        new("PUT", "cache/{image}", BodyRule.Ignored, _ => Task.CompletedTask),
        new("POST", "cache/clean", BodyRule.Ignored, _ => Task.CompletedTask),
        new("GET", "{a}/{b}", BodyRule.Ignored, _ => Task.CompletedTask),
    ]);

    [Theory]
    [InlineData("/a", "a")]
    [InlineData("/a/", "a|")]
    [InlineData("/", "")]
    [InlineData("/a%2Fb/c", "a/b|c")]
    [InlineData("/a%252Fb", "a%2Fb")]
    [InlineData("/%C3%A9", "é")]
    [InlineData("/%F0%9F%98%80", "😀")]
    [InlineData("/100%", "100%")]
    [InlineData("/%zz%4", "%zz%4")]
    [InlineData("/a+b", "a+b")]
    public void Paths_are_decoded_segment_by_segment(string raw, string segments) => Assert.Equal(segments, string.Join('|', RequestPath.Split(raw)));

    [Theory]
    [InlineData("/%FF")]
    [InlineData("/%C3")]
    [InlineData("/%ED%A0%80")]
    [InlineData("/a%00")]
    public void What_is_no_text_is_refused(string raw) => Assert.Equal(400, Assert.Throws<ApiException>(() => RequestPath.Split(raw)).Status);

    [Fact]
    public void A_literal_wins_over_a_place()
    {
        Assert.Equal("POST", Table.Match(["cache", "clean"])!.Allow);
        Assert.Equal("GET, PUT", Table.Match(["cache", "x"])!.Allow);
        Assert.Equal(["x", "y"], Table.Match(["x", "y"])!.Places);
        Assert.Null(Table.Match(["cache", ""]));
        Assert.Null(Table.Match(["cache"]));
        Assert.Null(Table.Match(["cache", "clean", ""]));
    }

    [Theory]
    [InlineData("req-a", "req-a")]
    [InlineData("a", "req-a")]
    public void Request_ids_are_kept(string given, string expected) => Assert.Equal(expected, RequestIds.Choose(given, 64, out _));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("é")]
    public void Request_ids_that_cannot_be_kept_are_replaced(string? given)
    {
        Assert.Equal(40, RequestIds.Choose(given, 64, out var tooLong).Length);
        Assert.False(tooLong);
    }
}
