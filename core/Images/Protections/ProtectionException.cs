using System.Globalization;

namespace GlanceGateway.Images;

/// <summary>Something wrong with a protection file.</summary>
/// <param name="Line">The line, from 1.</param>
/// <param name="Text">What and what to do about it.</param>
public sealed record ProtectionProblem(int Line, string Text);

/// <summary>A protection file cannot be used.</summary>
public sealed class ProtectionException(IReadOnlyList<ProtectionProblem> problems)
    : Exception(string.Join('\n', problems.Select(problem => string.Create(CultureInfo.InvariantCulture, $"line {problem.Line}: {problem.Text}"))))
{
    /// <summary>All that is wrong.</summary>
    public IReadOnlyList<ProtectionProblem> Problems { get; } = problems;
}
