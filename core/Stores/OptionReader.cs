using System.Globalization;
using System.Text.RegularExpressions;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Stores;

/// <summary>Turns the options of a store, as they were configured, into the checked values that a driver gets.</summary>
internal static partial class OptionReader
{
    /// <summary>Checks names and types, and fills in defaults.</summary>
    /// <param name="described">What the driver says it takes.</param>
    /// <param name="configured">Scalars of the configuration.</param>
    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/>, naming the option; all mistakes in one text.</exception>
    public static DriverOptions Read(IReadOnlyList<OptionDescriptor> described, IReadOnlyDictionary<string, object?> configured)
    {
        var known = new Dictionary<string, OptionDescriptor>(StringComparer.Ordinal);
        foreach (var descriptor in described)
        {
            if (!known.TryAdd(descriptor.Name, descriptor))
                throw Wrong($"The driver describes its option '{descriptor.Name}' twice, which is a bug of the plugin.");
        }

        var values = new Dictionary<string, object>(StringComparer.Ordinal);
        var mistakes = new List<string>();
        foreach (var (name, value) in configured)
        {
            if (!known.TryGetValue(name, out var descriptor))
                mistakes.Add(Unknown(name, known.Keys));
            else if (TextOf(value) is not { } text)
                mistakes.Add($"Option '{name}' must be a single value.");
            else if (Parse(descriptor.Type, text) is { } parsed)
                values[name] = parsed;
            else
                mistakes.Add($"Option '{name}'{(descriptor.Secret ? "" : $" is '{text}', which")} is not {Expected(descriptor.Type)}.");
        }

        foreach (var descriptor in described.Where(descriptor => !configured.ContainsKey(descriptor.Name)))
        {
            if (descriptor.Required)
                mistakes.Add($"Option '{descriptor.Name}' is required: {descriptor.Help}");
            else if (descriptor.Default is { } fallback)
                values[descriptor.Name] = fallback.GetType() == TypeOf(descriptor.Type) ? fallback : throw Wrong($"The driver's default of '{descriptor.Name}' has the wrong type, which is a bug of the plugin.");
        }

        return mistakes.Count == 0 ? new DriverOptions(values) : throw Wrong(string.Join(" ", mistakes));
    }

    /// <summary>The values of options that are no secrets, of a configuration that was read before.</summary>
    public static IReadOnlyDictionary<string, object> Tellable(IReadOnlyList<OptionDescriptor> described, IReadOnlyDictionary<string, object?> configured)
    {
        var values = Read(described, configured);
        return described.Where(descriptor => !descriptor.Secret)
            .Select(descriptor => (descriptor.Name, Value: values.TryGet<object>(descriptor.Name, out var value) ? value : null))
            .Where(entry => entry.Value is not null)
            .ToDictionary(entry => entry.Name, entry => entry.Value!, StringComparer.Ordinal);
    }

    private static string Unknown(string name, Dictionary<string, OptionDescriptor>.KeyCollection known)
    {
        var meant = NearestName.Of(name, known) is { } nearest ? $" Did you mean '{nearest}'?" : "";
        return known.Count == 0
            ? $"Option '{name}' is unknown: the driver has no options."
            : $"Option '{name}' is unknown.{meant} Known: {string.Join(", ", known.Order(StringComparer.Ordinal))}.";
    }

    private static string? TextOf(object? value) => value switch
    {
        string text => text,
        bool flag => flag ? "true" : "false",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => null,
    };

    private static object? Parse(OptionType type, string text) => type switch
    {
        OptionType.Text => text,
        OptionType.Flag => text switch { "true" => true, "false" => false, _ => null },
        OptionType.Number => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null,
        OptionType.Size => ParseSize(text),
        OptionType.Duration => ParseDuration(text),
        OptionType.Path => Path.IsPathFullyQualified(text) && !text.Contains('\0') ? text : null,
        _ => null,
    };

    private static long? ParseSize(string text)
    {
        var match = SizePattern().Match(text);
        if (!match.Success || !long.TryParse(match.Groups["number"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            return null;
        var shift = 10 * " KMGTP".IndexOf(match.Groups["unit"].Success ? match.Groups["unit"].Value[0] : ' ');
        return number <= long.MaxValue >> shift ? number << shift : null;
    }

    private static TimeSpan? ParseDuration(string text)
    {
        var match = DurationPattern().Match(text);
        if (!match.Success || !int.TryParse(match.Groups["number"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            return null;
        return match.Groups["unit"].Value switch
        {
            "ms" => TimeSpan.FromMilliseconds(number),
            "s" => TimeSpan.FromSeconds(number),
            "m" => TimeSpan.FromMinutes(number),
            _ => TimeSpan.FromHours(number),
        };
    }

    private static string Expected(OptionType type) => type switch
    {
        OptionType.Flag => "true or false",
        OptionType.Number => "a whole number",
        OptionType.Size => "a size such as 4096, 8MiB or 10GiB",
        OptionType.Duration => "a duration such as 500ms, 30s, 5m or 1h",
        OptionType.Path => "an absolute path",
        _ => "a text",
    };

    private static Type TypeOf(OptionType type) => type switch
    {
        OptionType.Flag => typeof(bool),
        OptionType.Number or OptionType.Size => typeof(long),
        OptionType.Duration => typeof(TimeSpan),
        _ => typeof(string),
    };

    private static StoreException Wrong(string message) => new(StoreError.Misconfigured, message);

    [GeneratedRegex(@"^(?<number>[0-9]{1,19})((?<unit>[KMGTP])iB|B)?\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SizePattern();

    [GeneratedRegex(@"^(?<number>[0-9]{1,9})(?<unit>ms|s|m|h)\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex DurationPattern();
}
