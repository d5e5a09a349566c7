namespace GlanceGateway.Stores.Tests.Outbound;

public sealed class UrlRulesTests
{
    [Theory]
    [InlineData("http://example.org/a")]
    [InlineData("https://example.org/a")]
    [InlineData("https://example.org:80/a")]
    [InlineData("http://1.1.1.1/")]
    [InlineData("http://user:word@1.1.1.1:443/")]
    [InlineData("http://[2606:4700::1]/")]
    public void Ordinary_urls_pass(string url) => Assert.Null(new UrlRules().ObjectionTo(new Uri(url)));

    [Theory]
    [InlineData("file:///etc/passwd", "scheme")]
    [InlineData("ftp://example.org/", "scheme")]
    [InlineData("swift+config://ref/c/o", "scheme")]
    [InlineData("http://example.org:22/", "port 22")]
    [InlineData("https://example.org:8443/", "port 8443")]
    [InlineData("http://0x7f000001/", "form")]
    [InlineData("http://2130706433/", "form")]
    [InlineData("http://017700000001/", "form")]
    [InlineData("http://127.1/", "form")]
    [InlineData("http://0177.0.0.1/", "form")]
    [InlineData("http://a@0x7f.1:80/", "form")]
    [InlineData("http://1.1.1.1@127.1/", "form")]
    public void Others_are_refused_with_the_reason(string url, string reason) =>
        Assert.Contains(reason, new UrlRules().ObjectionTo(new Uri(url)), StringComparison.Ordinal);

    [Theory]
    [InlineData("http://Mirror.Example.ORG/", true)]
    [InlineData("http://mirror.example.org./", true)]
    [InlineData("http://user@mirror.example.org/", true)]
    [InlineData("http://[::ffff:10.0.0.5]/", true)]
    [InlineData("http://10.0.0.5/", true)]
    [InlineData("http://sub.mirror.example.org/", false)]
    [InlineData("http://example.org/mirror.example.org", false)]
    [InlineData("http://mirror.example.org@other.org/", false)]
    public void Hosts_are_compared_whole_and_in_one_form(string url, bool allowed)
    {
        var allowing = new UrlRules { AllowedHosts = ["mirror.example.org", "10.0.0.5"], DisallowedHosts = ["mirror.example.org"] };
        var forbidding = new UrlRules { DisallowedHosts = ["MIRROR.example.org.", "10.0.0.5"] };

        Assert.Equal(allowed, allowing.ObjectionTo(new Uri(url)) is null);
        Assert.Equal(!allowed, forbidding.ObjectionTo(new Uri(url)) is null);
    }

    [Theory]
    [InlineData("http://example.org/", 80)]
    [InlineData("https://example.org/", 443)]
    [InlineData("https://example.org:8443/", 8443)]
    public void Ports_hold_for_what_is_written_and_what_is_not(string url, int port)
    {
        Assert.NotNull(new UrlRules { AllowedPorts = [], DisallowedPorts = [port] }.ObjectionTo(new Uri(url)));
        Assert.NotNull(new UrlRules { AllowedPorts = [port + 1] }.ObjectionTo(new Uri(url)));
        Assert.Null(new UrlRules { AllowedPorts = [], DisallowedPorts = [port + 1] }.ObjectionTo(new Uri(url)));
    }

    [Fact]
    public void No_list_makes_another_scheme_pass()
    {
        var rules = new UrlRules { AllowedSchemes = ["file", "http"], AllowedPorts = [] };

        Assert.NotNull(rules.ObjectionTo(new Uri("file:///etc/passwd")));
        Assert.NotNull(rules.ObjectionTo(new Uri("https://example.org/")));
        Assert.Null(rules.ObjectionTo(new Uri("http://example.org/")));
        Assert.NotNull(new UrlRules { AllowedSchemes = [], DisallowedSchemes = ["http"] }.ObjectionTo(new Uri("http://example.org/")));
    }
}
