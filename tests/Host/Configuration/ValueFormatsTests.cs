using GlanceGateway.Host.Configuration;

namespace GlanceGateway.Host.Tests.Configuration;

public sealed class ValueFormatsTests
{
    [Theory]
    [InlineData("0", 0L)]
    [InlineData("4096", 4096L)]
    [InlineData("4096B", 4096L)]
    [InlineData("8MiB", 8L << 20)]
    [InlineData("10 gib", 10L << 30)]
    [InlineData("1TiB", 1L << 40)]
    [InlineData("8191PiB", 8191L << 50)]
    public void Sizes_are_read(string text, long expected)
    {
        Assert.True(ValueFormats.TryParseSize(text, out var bytes));
        Assert.Equal(expected, bytes);
    }

    [Theory]
    [InlineData("")]
    [InlineData("B")]
    [InlineData("GiB")]
    [InlineData("-1")]
    [InlineData("+1")]
    [InlineData("1.5GiB")]
    [InlineData("1GB")]
    [InlineData("1G")]
    [InlineData("1,000")]
    [InlineData("8192PiB")]
    [InlineData("9223372036854775808")]
    public void Other_sizes_are_refused(string text) => Assert.False(ValueFormats.TryParseSize(text, out _));

    [Theory]
    [InlineData("0s", 0)]
    [InlineData("500ms", 500)]
    [InlineData("30s", 30_000)]
    [InlineData("5 m", 300_000)]
    [InlineData("1h", 3_600_000)]
    [InlineData("7d", 604_800_000)]
    public void Durations_are_read(string text, long expected)
    {
        Assert.True(ValueFormats.TryParseDuration(text, out var duration));
        Assert.Equal(expected, (long)duration.TotalMilliseconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("30")]
    [InlineData("-30s")]
    [InlineData("1.5h")]
    [InlineData("5M")]
    [InlineData("1h30m")]
    [InlineData("99999999999999d")]
    public void Other_durations_are_refused(string text) => Assert.False(ValueFormats.TryParseDuration(text, out _));

    [Theory]
    [InlineData("127.0.0.1:9292", "127.0.0.1:9292")]
    [InlineData("localhost:0", "127.0.0.1:0")]
    [InlineData("[::1]:9292", "[::1]:9292")]
    [InlineData("[::]:65535", "[::]:65535")]
    [InlineData("0.0.0.0:80", "0.0.0.0:80")]
    public void Endpoints_are_read(string text, string expected)
    {
        Assert.True(ValueFormats.TryParseEndpoint(text, out var endpoint));
        Assert.Equal(expected, endpoint.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData(":9292")]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.1:")]
    [InlineData("127.0.0.1:-1")]
    [InlineData("127.0.0.1:65536")]
    [InlineData("1:9292")]
    [InlineData("010.0.0.1:9292")]
    [InlineData("[127.0.0.1]:9292")]
    [InlineData("::1:9292")]
    [InlineData("[::1]")]
    [InlineData("[[::1]]:9292")]
    [InlineData("*:9292")]
    [InlineData("http://127.0.0.1:9292")]
    public void Other_endpoints_are_refused(string text) => Assert.False(ValueFormats.TryParseEndpoint(text, out _));

    [Theory]
    [InlineData("127.0.0.1", "127.0.0.1/32")]
    [InlineData("10.0.0.0/8", "10.0.0.0/8")]
    [InlineData("fd00::/8", "fd00::/8")]
    public void Networks_are_read(string text, string expected)
    {
        Assert.True(ValueFormats.TryParseNetwork(text, out var network));
        Assert.Equal(expected, network.ToString());
    }

    [Theory]
    [InlineData("10")]
    [InlineData("10.0.0.0/33")]
    [InlineData("proxy")]
    public void Other_networks_are_refused(string text) => Assert.False(ValueFormats.TryParseNetwork(text, out _));
}
