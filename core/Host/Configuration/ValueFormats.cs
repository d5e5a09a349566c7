using System.Globalization;
using System.Net;

namespace GlanceGateway.Host.Configuration;

/// <summary>How sizes, time spans and endpoints are written, in the configuration, in store options and in flags.</summary>
public static class ValueFormats
{
    /// <summary>What a size looks like, for messages.</summary>
    public const string SizeForm = "bytes as a whole number with an optional binary unit, such as 8MiB, 10GiB or 1TiB";

    /// <summary>What a time span looks like, for messages.</summary>
    public const string DurationForm = "a whole number with a unit, such as 500ms, 30s, 5m or 1h";

    /// <summary>What an endpoint looks like, for messages.</summary>
    public const string EndpointForm = "ADDRESS:PORT, such as 127.0.0.1:9292, localhost:9292, [::1]:9292 or 0.0.0.0:9292 (port 0 takes a free one)";

    private static readonly (string Unit, int Shift)[] SizeUnits =
        [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40), ("PiB", 50), ("B", 0)];

    private static readonly (string Unit, long Milliseconds)[] DurationUnits =
        [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

    /// <summary>Reads bytes: <c>4096</c>, <c>8MiB</c>, <c>10 GiB</c>. Decimal units (GB) are refused: too many mean the binary one by them.</summary>
    /// <returns>False for anything else, and beyond 2^63-1 bytes.</returns>
    public static bool TryParseSize(string text, out long bytes)
    {
        var shift = 0;
        var digits = text.AsSpan().Trim();
        foreach (var (unit, unitShift) in SizeUnits)
        {
            if (digits.EndsWith(unit, StringComparison.OrdinalIgnoreCase))
            {
                digits = digits[..^unit.Length].TrimEnd();
                shift = unitShift;
                break;
            }
        }

        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out bytes) || bytes > long.MaxValue >> shift)
        {
            bytes = 0;
            return false;
        }

        bytes <<= shift;
        return true;
    }

    /// <summary>Reads a time span: <c>500ms</c>, <c>30s</c>, <c>5m</c>, <c>1h</c>, <c>7d</c>. A bare number is refused: its unit would be a guess.</summary>
    /// <returns>False for anything else, and beyond what a <see cref="TimeSpan"/> holds.</returns>
    public static bool TryParseDuration(string text, out TimeSpan duration)
    {
        var trimmed = text.AsSpan().Trim();
        foreach (var (unit, milliseconds) in DurationUnits)
        {
            if (trimmed.EndsWith(unit, StringComparison.Ordinal)
                && long.TryParse(trimmed[..^unit.Length].TrimEnd(), NumberStyles.None, CultureInfo.InvariantCulture, out var count)
                && count <= (long)TimeSpan.MaxValue.TotalMilliseconds / milliseconds)
            {
                duration = TimeSpan.FromMilliseconds(count * milliseconds);
                return true;
            }
        }

        duration = default;
        return false;
    }

    /// <summary>Reads an address to listen on: <c>127.0.0.1:9292</c>, <c>[::1]:9292</c>, <c>localhost:0</c>.</summary>
    /// <remarks>Names other than <c>localhost</c> are refused: what they resolve to may change, and with it who can connect.</remarks>
    public static bool TryParseEndpoint(string text, out IPEndPoint endpoint)
    {
        endpoint = new IPEndPoint(IPAddress.Loopback, 0);
        var colon = text.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port))
        {
            return false;
        }

        var host = text[..colon];
        if (host.Equals("localhost", StringComparison.OrdinalIgnoreCase))
        {
            endpoint.Port = port;
            return true;
        }

        var bracketed = host is ['[', .., ']'];
        if (!TryParseAddress(bracketed ? host[1..^1] : host, out var address)
            || bracketed != (address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6))
        {
            return false;
        }

        endpoint = new IPEndPoint(address, port);
        return true;
    }

    /// <summary>Reads an address or a network: <c>10.1.2.3</c>, <c>10.0.0.0/8</c>, <c>fd00::/8</c>.</summary>
    public static bool TryParseNetwork(string text, out IPNetwork network)
    {
        if (TryParseAddress(text, out var address))
        {
            network = new IPNetwork(address, address.GetAddressBytes().Length * 8);
            return true;
        }

        return IPNetwork.TryParse(text, out network);
    }

    /// <summary>Strict where <see cref="IPAddress.TryParse(string, out IPAddress)"/> is not: it reads "1" as 0.0.0.1 and "010.0.0.1" as octal.</summary>
    private static bool TryParseAddress(string text, out IPAddress address)
    {
        if (IPAddress.TryParse(text, out var parsed)
            && (parsed.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? !text.Contains('[') : parsed.ToString() == text))
        {
            address = parsed;
            return true;
        }

        address = IPAddress.None;
        return false;
    }
}
