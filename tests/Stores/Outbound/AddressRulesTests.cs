using System.Net;

namespace GlanceGateway.Stores.Tests.Outbound;

public sealed class AddressRulesTests
{
    private static readonly AddressRules s_strict = new([]);

    [Theory]
    [InlineData("1.1.1.1")]
    [InlineData("93.184.215.14")]
    [InlineData("172.15.255.255")]
    [InlineData("172.32.0.0")]
    [InlineData("100.63.255.255")]
    [InlineData("100.128.0.0")]
    [InlineData("223.255.255.255")]
    [InlineData("2606:4700:4700::1111")]
    [InlineData("::ffff:1.1.1.1")]
    [InlineData("64:ff9b::1.1.1.1")]
    [InlineData("2002:101:101::1")]
    [InlineData("2606:4700::5efe:101:101")]
    public void Public_addresses_are_allowed(string address) => Assert.Null(s_strict.ObjectionTo(IPAddress.Parse(address)));

    [Theory]
    [InlineData("0.0.0.0", "unspecified")]
    [InlineData("0.1.2.3", "unspecified")]
    [InlineData("10.0.0.1", "private")]
    [InlineData("172.16.0.1", "private")]
    [InlineData("172.31.255.255", "private")]
    [InlineData("192.168.1.1", "private")]
    [InlineData("100.64.0.1", "shared by a provider's customers")]
    [InlineData("127.0.0.1", "loopback")]
    [InlineData("127.255.0.1", "loopback")]
    [InlineData("169.254.1.1", "link-local")]
    [InlineData("192.0.0.8", "reserved")]
    [InlineData("198.18.0.1", "benchmarking")]
    [InlineData("203.0.113.7", "documentation")]
    [InlineData("224.0.0.1", "multicast")]
    [InlineData("239.255.255.255", "multicast")]
    [InlineData("250.1.1.1", "reserved")]
    [InlineData("255.255.255.255", "broadcast")]
    [InlineData("169.254.169.254", "metadata service")]
    [InlineData("100.100.100.200", "metadata service")]
    [InlineData("168.63.129.16", "metadata service")]
    [InlineData("::", "unspecified")]
    [InlineData("::1", "loopback")]
    [InlineData("::7f00:1", "IPv4-compatible")]
    [InlineData("::808:808", "IPv4-compatible")]
    [InlineData("fd12::1", "private")]
    [InlineData("fc00::1", "private")]
    [InlineData("fe80::1", "link-local")]
    [InlineData("fe80::1%2", "link-local")]
    [InlineData("fec0::1", "site-local")]
    [InlineData("ff02::1", "multicast")]
    [InlineData("2001:db8::1", "documentation")]
    [InlineData("2001:0:4136:e378::1", "a Teredo tunnel")]
    [InlineData("64:ff9b:1::1", "local NAT64")]
    [InlineData("100::1", "reserved")]
    [InlineData("4000::1", "reserved")]
    [InlineData("::ffff:0:10.0.0.1", "reserved")]
    [InlineData("fd00:ec2::254", "metadata service")]
    [InlineData("fe80::a9fe:a9fe%3", "metadata service")]
    public void Special_addresses_are_refused_by_what_they_are(string address, string what) =>
        Assert.Equal(what, s_strict.ObjectionTo(IPAddress.Parse(address)));

    [Theory]
    [InlineData("::ffff:127.0.0.1", "loopback")]
    [InlineData("::ffff:169.254.169.254", "metadata service")]
    [InlineData("64:ff9b::10.1.2.3", "private (within IPv6)")]
    [InlineData("64:ff9b::169.254.169.254", "metadata service (within IPv6)")]
    [InlineData("2002:7f00:1::1", "loopback (within IPv6)")]
    [InlineData("2002:a9fe:a9fe::", "metadata service (within IPv6)")]
    [InlineData("2606:4700::5efe:a00:1", "private (within IPv6)")]
    [InlineData("2606:4700::200:5efe:a00:1", "private (within IPv6)")]
    [InlineData("fe80::5efe:101:101", "link-local")]
    public void An_address_within_an_address_is_judged_by_where_it_leads(string address, string what) =>
        Assert.Equal(what, s_strict.ObjectionTo(IPAddress.Parse(address)));

    [Theory]
    [InlineData("10.0.0.0/8", "10.9.9.9")]
    [InlineData("10.0.0.0/8", "::ffff:10.9.9.9")]
    [InlineData("10.0.0.0/8", "64:ff9b::10.9.9.9")]
    [InlineData("64:ff9b::/96", "64:ff9b::10.9.9.9")]
    [InlineData("fd00::/8", "fd12::1")]
    [InlineData("::/0", "::1")]
    [InlineData("0.0.0.0/0", "127.0.0.1")]
    [InlineData("169.254.169.254/32", "169.254.169.254")]
    [InlineData("fd00:ec2::254/128", "fd00:ec2::254")]
    [InlineData("169.254.169.254/32", "64:ff9b::169.254.169.254")]
    public void The_operator_can_allow_a_network(string network, string address) =>
        Assert.Null(new AddressRules([IPNetwork.Parse(network)]).ObjectionTo(IPAddress.Parse(address)));

    [Theory]
    [InlineData("10.0.0.0/8", "192.168.0.1")]
    [InlineData("10.0.0.0/8", "::1")]
    [InlineData("169.254.0.0/16", "169.254.169.254")]
    [InlineData("0.0.0.0/0", "169.254.169.254")]
    [InlineData("0.0.0.0/0", "168.63.129.16")]
    [InlineData("fd00::/8", "fd00:ec2::254")]
    [InlineData("::/0", "64:ff9b::169.254.169.254")]
    [InlineData("::/0", "::ffff:169.254.169.254")]
    public void A_network_allows_no_more_than_it_says_and_no_metadata(string network, string address) =>
        Assert.NotNull(new AddressRules([IPNetwork.Parse(network)]).ObjectionTo(IPAddress.Parse(address)));
}
