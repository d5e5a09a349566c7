using System.Globalization;
using System.Net;
using GlanceGateway.Stores;

namespace GlanceGateway.Host.Configuration;

/// <summary>Reads <c>outbound</c>: what the gateway may connect to for its users.</summary>
internal sealed class OutboundBinder(BindingLog log)
{
    public OutboundRules Bind(Section? section)
    {
        var defaults = new OutboundRules();
        if (section is null)
        {
            return defaults;
        }

        var rules = new OutboundRules
        {
            AllowedNetworks = [.. (section.List(
                "allowed_networks",
                "addresses or networks, such as [10.20.0.0/16]",
                scalar => ValueFormats.TryParseNetwork(scalar.Value, out var network) ? (object)network : null) ?? []).Cast<IPNetwork>()],
            Urls = new UrlRules
            {
                AllowedSchemes = Schemes(section, "allowed_schemes") ?? defaults.Urls.AllowedSchemes,
                DisallowedSchemes = Schemes(section, "disallowed_schemes") ?? [],
                AllowedHosts = Hosts(section, "allowed_hosts") ?? [],
                DisallowedHosts = Hosts(section, "disallowed_hosts") ?? [],
                AllowedPorts = Ports(section, "allowed_ports") ?? defaults.Urls.AllowedPorts,
                DisallowedPorts = Ports(section, "disallowed_ports") ?? [],
            },
        };
        section.Finish();
        WarnOfUnused("schemes", rules.Urls.AllowedSchemes.Count, rules.Urls.DisallowedSchemes.Count);
        WarnOfUnused("hosts", rules.Urls.AllowedHosts.Count, rules.Urls.DisallowedHosts.Count);
        WarnOfUnused("ports", rules.Urls.AllowedPorts.Count, rules.Urls.DisallowedPorts.Count);
        return rules;
    }

    private void WarnOfUnused(string level, int allowed, int disallowed)
    {
        if (allowed > 0 && disallowed > 0)
        {
            log.Warn($"outbound.disallowed_{level} ({log.PlaceOf($"outbound.disallowed_{level}")}) has no effect beside outbound.allowed_{level}, which decides alone; 'allowed_{level}: []' switches that off");
        }
    }

    private static IReadOnlyList<string>? Schemes(Section section, string key) =>
        section.List(key, "http and https", scalar => scalar.Value.ToLowerInvariant() is "http" or "https" ? scalar.Value.ToLowerInvariant() : null);

    // With a port or a path a host would never match, and a list that forbids it would let it pass.
    private static IReadOnlyList<string>? Hosts(Section section, string key) => section.List(
        key,
        "names or addresses without port or path, such as [mirror.example.org]",
        scalar => Uri.CheckHostName(scalar.Value.Trim('[', ']')) != UriHostNameType.Unknown ? scalar.Value : null);

    private static List<int>? Ports(Section section, string key) => section.List(
        key,
        "ports, such as [80, 443]",
        scalar => ushort.TryParse(scalar.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port > 0 ? (object)(int)port : null)?.Cast<int>().ToList();
}
