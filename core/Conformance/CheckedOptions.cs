using GlanceGateway.Abstractions;
using GlanceGateway.Stores;

namespace GlanceGateway.Conformance;

/// <summary>Options as the host gives them to <see cref="IStorageDriverFactory.CreateAsync"/>: the same check of names and types, the same defaults.</summary>
public static class CheckedOptions
{
    /// <summary>Checks values against the descriptors of a factory.</summary>
    /// <param name="described"><see cref="IStorageDriverFactory.Options"/>.</param>
    /// <param name="configured">Names and values as they would stand in the configuration: a text (<c>"8MiB"</c>, <c>"30s"</c>), a number or a flag.</param>
    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/>, naming what is unknown, missing or of another type.</exception>
    public static DriverOptions Of(IReadOnlyList<OptionDescriptor> described, params IEnumerable<(string Name, object? Value)> configured) =>
        OptionReader.Read(described, configured.ToDictionary(pair => pair.Name, pair => pair.Value, StringComparer.Ordinal));
}
