namespace GlanceGateway.Abstractions;

/// <summary>The type of an option's value in the configuration.</summary>
public enum OptionType
{
    /// <summary>Text, passed as <see cref="string"/>.</summary>
    Text,

    /// <summary><c>true</c> or <c>false</c>, passed as <see cref="bool"/>.</summary>
    Flag,

    /// <summary>A whole number, passed as <see cref="long"/>.</summary>
    Number,

    /// <summary>Bytes, written as a number with an optional binary unit (<c>8MiB</c>, <c>10GiB</c>), passed as <see cref="long"/> bytes.</summary>
    Size,

    /// <summary>A time span, written as <c>500ms</c>, <c>30s</c>, <c>5m</c> or <c>1h</c>, passed as <see cref="TimeSpan"/>.</summary>
    Duration,

    /// <summary>An absolute path, passed as <see cref="string"/>; the host refuses one that lies under its own mount.</summary>
    Path,
}

/// <summary>Describes one option of a driver: it is the documentation, the check and the default in one.</summary>
/// <param name="Name">Snake case with the unit in the name where the type does not carry it.</param>
/// <param name="Type">How the value is written and passed.</param>
/// <param name="Help">One sentence for <c>plugins list</c> and for error messages.</param>
/// <param name="Default">Passed when the option is absent; null for none.</param>
/// <param name="Required">Whether the store refuses to start without it.</param>
/// <param name="Secret">Whether the value must never be printed, logged or sent.</param>
public sealed record OptionDescriptor(
    string Name,
    OptionType Type,
    string Help,
    object? Default = null,
    bool Required = false,
    bool Secret = false);
