using System.Globalization;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Sheepdog;

/// <summary>The checked options of a store.</summary>
internal sealed class SheepdogSettings
{
    /// <summary>The nodes of the cluster that may be asked; the first is the one that locations name.</summary>
    public required IReadOnlyList<SheepNode> Nodes { get; init; }

    public required int Connections { get; init; }

    public required int RequestsInFlight { get; init; }

    public required TimeSpan ConnectTimeout { get; init; }

    public required TimeSpan OperationTimeout { get; init; }

    /// <summary>What can be set.</summary>
    public static IReadOnlyList<OptionDescriptor> Options { get; } =
    [
        new("host", OptionType.Text, "The name or address of a node of the cluster; part of every location.", Default: "127.0.0.1"),
        new("port", OptionType.Number, "Its port.", Default: 7000L),
        new("other_nodes", OptionType.Text, "Further nodes of the same cluster as host:port, separated by commas: asked when the first does not answer, and locations may name them."),
        new("connections", OptionType.Number, "Connections at most, 1 to 32, shared by all transfers.", Default: 4L),
        new("requests_in_flight", OptionType.Number, "Requests of up to 4MiB that one transfer has under way, 1 to 64.", Default: 4L),
        new("connect_timeout", OptionType.Duration, "How long connecting to a node may take.", Default: TimeSpan.FromSeconds(10)),
        new("operation_timeout", OptionType.Duration, "How long a node may be silent while it owes an answer, and how long a cluster that says it is not ready is asked again.", Default: TimeSpan.FromSeconds(45)),
    ];

    /// <summary>Reads and checks the options.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/>, naming the option.</exception>
    public static SheepdogSettings Read(DriverOptions options)
    {
        var nodes = new List<SheepNode> { new(Host("host", options.Get<string>("host")), (int)Number(options, "port", 1, 65_535)) };
        if (options.TryGet<string>("other_nodes", out var others))
            nodes.AddRange(others.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(Node));
        return new SheepdogSettings
        {
            Nodes = nodes,
            Connections = (int)Number(options, "connections", 1, 32),
            RequestsInFlight = (int)Number(options, "requests_in_flight", 1, 64),
            ConnectTimeout = Time(options, "connect_timeout"),
            OperationTimeout = Time(options, "operation_timeout"),
        };
    }

    private static SheepNode Node(string text)
    {
        var colon = text.LastIndexOf(':');
        return colon > 0 && int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is > 0 and <= 65_535
            ? new SheepNode(Host("other_nodes", text[..colon]), port)
            : throw Wrong($"other_nodes holds '{text}', which is not host:port.");
    }

    private static string Host(string option, string text)
    {
        var host = text.Trim('[', ']');
        return Uri.CheckHostName(host) == UriHostNameType.Unknown ? throw Wrong($"{option} '{text}' is neither a name nor an address.") : host;
    }

    private static long Number(DriverOptions options, string name, long least, long most)
    {
        var value = options.Get<long>(name);
        return value >= least && value <= most ? value : throw Wrong($"{name} is {value}; it must be from {least} to {most}.");
    }

    private static TimeSpan Time(DriverOptions options, string name)
    {
        var value = options.Get<TimeSpan>(name);
        return value > TimeSpan.Zero && value < TimeSpan.FromHours(24) ? value : throw Wrong($"{name} must be more than nothing and less than a day.");
    }

    private static StoreException Wrong(string message) => new(StoreError.Misconfigured, message);
}
