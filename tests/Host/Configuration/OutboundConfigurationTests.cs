using System.Net;
using GlanceGateway.Host.Configuration;

namespace GlanceGateway.Host.Tests.Configuration;

public sealed class OutboundConfigurationTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Without_the_section_only_the_public_web_is_asked()
    {
        var outbound = ConfigurationSource.Load(null, [], Surroundings.OfUser()).Outbound;

        Assert.Empty(outbound.AllowedNetworks);
        Assert.Equal([80, 443], outbound.Urls.AllowedPorts);
        Assert.NotNull(outbound.Urls.ObjectionTo(new Uri("http://example.org:8080/")));
    }

    [Fact]
    public void Every_list_is_read()
    {
        var configuration = Load("outbound:\n  allowed_networks: [10.0.0.5, fd00::/8]\n  allowed_schemes: [HTTPS]\n  allowed_hosts: [a.example, '[fd00::1]']\n  allowed_ports: []\n  disallowed_ports: [22]");
        var outbound = configuration.Outbound;

        Assert.Equal([IPNetwork.Parse("10.0.0.5/32"), IPNetwork.Parse("fd00::/8")], outbound.AllowedNetworks);
        Assert.Equal(["https"], outbound.Urls.AllowedSchemes);
        Assert.Null(outbound.Urls.ObjectionTo(new Uri("https://[fd00::1]:8443/")));
        Assert.NotNull(outbound.Urls.ObjectionTo(new Uri("https://a.example:22/")));
        Assert.DoesNotContain(configuration.Warnings, warning => warning.Contains("outbound", StringComparison.Ordinal));
    }

    [Fact]
    public void A_list_that_decides_nothing_is_warned_of()
    {
        var configuration = Load("outbound: { disallowed_ports: [22] }");

        Assert.Contains(configuration.Warnings, warning => warning.StartsWith("outbound.disallowed_ports (", StringComparison.Ordinal) && warning.Contains("'allowed_ports: []'", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("allowed_networks: [10.0.0.0/33]")]
    [InlineData("allowed_networks: [127.1]")]
    [InlineData("allowed_networks: 10.0.0.0/8")]
    [InlineData("allowed_schemes: [file]")]
    [InlineData("disallowed_hosts: ['example.org:80']")]
    [InlineData("disallowed_hosts: ['http://example.org']")]
    [InlineData("allowed_ports: [0]")]
    [InlineData("allowed_ports: [65536]")]
    [InlineData("allowed_port: [80]")]
    public void What_does_not_fit_is_refused(string line)
    {
        var exception = Assert.Throws<ConfigurationException>(() => Load($"outbound:\n  {line}"));

        Assert.StartsWith("outbound.", Assert.Single(exception.Problems).Key, StringComparison.Ordinal);
    }

    private GatewayConfiguration Load(string yaml) => ConfigurationSource.Load(_directory.Write("gateway.yaml", yaml), [], Surroundings.OfUser());
}
