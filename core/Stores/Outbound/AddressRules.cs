using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace GlanceGateway.Stores;

/// <summary>
/// Judges addresses. Public unicast addresses are allowed; everything that has a special meaning is refused, unless the operator allowed its
/// network. Invariants:
/// <list type="bullet">
/// <item>IPv4 is a list of what is refused (the special-purpose registry of IANA, RFC 6890); IPv6 is a list of what is allowed: global unicast
/// (2000::/3) less its special parts, so that a block that is assigned tomorrow is refused today;</item>
/// <item>an IPv6 address that carries an IPv4 address (mapped, NAT64, 6to4, ISATAP) is judged by the address that it carries, because that is
/// where the packets arrive; what carries one in a way that cannot be undone (Teredo, compatible) is refused;</item>
/// <item>a metadata address hands out the credentials of the machine, so a wide network (10.0.0.0/8, ::/0) does not allow it, only a network
/// of that one address does. Some of them lie in public space.</item>
/// </list>
/// </summary>
public sealed class AddressRules(IReadOnlyList<IPNetwork> allowedNetworks)
{
    private static readonly (IPNetwork Network, string What)[] s_refusedV4 =
    [
        (IPNetwork.Parse("0.0.0.0/8"), "unspecified"),
        (IPNetwork.Parse("10.0.0.0/8"), "private"),
        (IPNetwork.Parse("100.64.0.0/10"), "shared by a provider's customers"),
        (IPNetwork.Parse("127.0.0.0/8"), "loopback"),
        (IPNetwork.Parse("169.254.0.0/16"), "link-local"),
        (IPNetwork.Parse("172.16.0.0/12"), "private"),
        (IPNetwork.Parse("192.0.0.0/24"), "reserved"),
        (IPNetwork.Parse("192.0.2.0/24"), "documentation"),
        (IPNetwork.Parse("192.88.99.0/24"), "reserved"),
        (IPNetwork.Parse("192.168.0.0/16"), "private"),
        (IPNetwork.Parse("198.18.0.0/15"), "benchmarking"),
        (IPNetwork.Parse("198.51.100.0/24"), "documentation"),
        (IPNetwork.Parse("203.0.113.0/24"), "documentation"),
        (IPNetwork.Parse("224.0.0.0/4"), "multicast"),
        (IPNetwork.Parse("255.255.255.255/32"), "broadcast"),
        (IPNetwork.Parse("240.0.0.0/4"), "reserved"),
    ];

    private static readonly (IPNetwork Network, string What)[] s_refusedV6 =
    [
        (IPNetwork.Parse("::/128"), "unspecified"),
        (IPNetwork.Parse("::1/128"), "loopback"),
        (IPNetwork.Parse("::/96"), "IPv4-compatible"),
        (IPNetwork.Parse("fc00::/7"), "private"),
        (IPNetwork.Parse("fe80::/10"), "link-local"),
        (IPNetwork.Parse("fec0::/10"), "site-local"),
        (IPNetwork.Parse("ff00::/8"), "multicast"),
        (IPNetwork.Parse("64:ff9b:1::/48"), "local NAT64"),
        (IPNetwork.Parse("2001::/32"), "a Teredo tunnel"),
        (IPNetwork.Parse("2001::/23"), "reserved"),
        (IPNetwork.Parse("2001:db8::/32"), "documentation"),
        (IPNetwork.Parse("3fff::/20"), "documentation"),
    ];

    private static readonly IPNetwork s_globalUnicast = IPNetwork.Parse("2000::/3");
    private static readonly IPNetwork s_nat64 = IPNetwork.Parse("64:ff9b::/96");
    private static readonly IPNetwork s_sixToFour = IPNetwork.Parse("2002::/16");

    private static readonly HashSet<IPAddress> s_metadata =
    [
        IPAddress.Parse("169.254.169.254"), // AWS, Azure, Google, OpenStack, Hetzner, DigitalOcean
        IPAddress.Parse("169.254.170.2"), // AWS ECS
        IPAddress.Parse("169.254.170.23"), // AWS EKS
        IPAddress.Parse("169.254.0.23"), // Tencent
        IPAddress.Parse("100.100.100.200"), // Alibaba
        IPAddress.Parse("192.0.0.192"), // Oracle
        IPAddress.Parse("168.63.129.16"), // Azure's host agent: a public address that never leaves the host
        IPAddress.Parse("fd00:ec2::254"), // AWS
        IPAddress.Parse("fd00:ec2::23"), // AWS EKS
        IPAddress.Parse("fd20:ce::254"), // Google
        IPAddress.Parse("fe80::a9fe:a9fe"), // OpenStack
    ];

    /// <summary>Why an address must not be connected to; null when it may.</summary>
    /// <returns>What kind of address it is, in a few words, for the operator.</returns>
    public string? ObjectionTo(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();

        // With a scope the same address would not be equal to the one in the lists.
        if (address.AddressFamily == AddressFamily.InterNetworkV6 && address.ScopeId != 0)
            address = new IPAddress(address.GetAddressBytes());

        if (s_metadata.Contains(address))
            return allowedNetworks.Any(network => IsExactly(network, address)) ? null : "metadata service";
        var allowed = allowedNetworks.Any(network => network.Contains(address));
        if (address.AddressFamily == AddressFamily.InterNetwork)
            return allowed ? null : Find(s_refusedV4, address);
        if (EmbeddedV4(address) is { } embedded && (!allowed || s_metadata.Contains(embedded)) && ObjectionTo(embedded) is { } objection)
            return $"{objection} (within IPv6)";
        if (allowed || s_nat64.Contains(address))
            return null;
        return Find(s_refusedV6, address) ?? (s_globalUnicast.Contains(address) ? null : "reserved");
    }

    private static string? Find((IPNetwork Network, string What)[] refused, IPAddress address)
    {
        foreach (var (network, what) in refused)
        {
            if (network.Contains(address))
                return what;
        }

        return null;
    }

    private static bool IsExactly(IPNetwork network, IPAddress address) =>
        network.PrefixLength == address.GetAddressBytes().Length * 8 && network.BaseAddress.Equals(address);

    private static IPAddress? EmbeddedV4(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        if (s_nat64.Contains(address))
            return new IPAddress(bytes[12..]);
        if (s_sixToFour.Contains(address))
            return new IPAddress(bytes[2..6]);

        // ISATAP (RFC 5214): the interface identifier is 0000:5efe or 0200:5efe and an IPv4 address, in any network.
        return (BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]) & ~0x0200_0000u) == 0x5efe ? new IPAddress(bytes[12..]) : null;
    }
}
