namespace GlanceGateway.Host.Configuration;

/// <summary>One thing wrong with the configuration.</summary>
/// <param name="Where">The file and line, the environment variable or the flag that said it.</param>
/// <param name="Key">The key's path, such as <c>identity.mode</c>; null when the whole source is at fault.</param>
/// <param name="Text">What is wrong and what to do about it.</param>
public sealed record ConfigurationProblem(string Where, string? Key, string Text)
{
    /// <summary>The line for the operator: where, which key, what and the remedy.</summary>
    public override string ToString() => Key is null ? $"{Where}: {Text}" : $"{Where}: {Key}: {Text}";
}

/// <summary>The configuration cannot be used. The message holds one line per problem; all of them are reported at once.</summary>
public sealed class ConfigurationException(IReadOnlyList<ConfigurationProblem> problems)
    : Exception(string.Join('\n', problems))
{
    /// <summary>Everything that is wrong, in the order of the sources and keys; never empty.</summary>
    public IReadOnlyList<ConfigurationProblem> Problems { get; } = problems;
}
