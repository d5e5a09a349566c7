namespace GlanceGateway.Abstractions;

/// <summary>The checked option values of one store. Secrets are plain here and nowhere else.</summary>
public sealed class DriverOptions(IReadOnlyDictionary<string, object> values)
{
    /// <summary>The value of an option that is required or has a default.</summary>
    /// <typeparam name="T">The type that <see cref="OptionType"/> names for the option.</typeparam>
    /// <exception cref="KeyNotFoundException">The option has no value: it is optional without a default, or not described.</exception>
    public T Get<T>(string name) => (T)values[name];

    /// <summary>The value of an optional option.</summary>
    public bool TryGet<T>(string name, [System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out T value)
    {
        if (values.TryGetValue(name, out var found))
        {
            value = (T)found;
            return true;
        }

        value = default;
        return false;
    }
}
