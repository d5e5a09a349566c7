namespace GlanceGateway.Images;

/// <summary>One thing wrong with an operator's rules.</summary>
/// <param name="Rule">The rule.</param>
/// <param name="Text">What is wrong and what to do about it.</param>
public sealed record PolicyProblem(string Rule, string Text)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Rule}: {Text}";
}

/// <summary>An operator's rules cannot be used; all that is wrong with them is reported at once.</summary>
public sealed class PolicyException(IReadOnlyList<PolicyProblem> problems) : Exception(string.Join('\n', problems))
{
    /// <summary>Never empty.</summary>
    public IReadOnlyList<PolicyProblem> Problems { get; } = problems;
}
