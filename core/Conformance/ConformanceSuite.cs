using System.Reflection;
using System.Runtime.ExceptionServices;

namespace GlanceGateway.Conformance;

/// <summary>The cases that every storage driver must pass.</summary>
public static class ConformanceSuite
{
    /// <summary>All of them, by name.</summary>
    public static IReadOnlyList<ConformanceCase> Cases { get; } =
    [
        .. from method in typeof(DriverCases).GetMethods()
           from mark in method.GetCustomAttributes<DriverCaseAttribute>()
           let name = mark.Arguments.Length == 0 ? method.Name : $"{method.Name}({string.Join(", ", mark.Arguments)})"
           orderby name
           select new ConformanceCase(name, method, mark.Arguments),
    ];
}

/// <summary>One case.</summary>
public sealed class ConformanceCase
{
    private readonly MethodInfo method;
    private readonly object?[] arguments;

    internal ConformanceCase(string name, MethodInfo method, object?[] arguments)
    {
        Name = name;
        this.method = method;
        this.arguments = arguments;
    }

    /// <summary>What is promised, in words joined by underscores.</summary>
    public string Name { get; }

    /// <summary>Runs the case.</summary>
    /// <param name="fixture">How to get at the driver, over a backend that nothing else uses meanwhile; disposed here.</param>
    /// <param name="cancellationToken">Ends the case.</param>
    /// <exception cref="ConformanceException">The driver does not keep the promise.</exception>
    /// <exception cref="CaseSkippedException">The case does not concern the driver.</exception>
    public async Task RunAsync(DriverFixture fixture, CancellationToken cancellationToken)
    {
        await using var cases = new DriverCases(fixture, cancellationToken);
        await cases.StartAsync();
        ExceptionDispatchInfo? failure = null;
        try
        {
            await (Task)method.Invoke(cases, arguments)!;
        }
        catch (Exception exception)
        {
            failure = ExceptionDispatchInfo.Capture(exception);
        }

        // What a failed case leaves may be its own doing: the first failure is the one that counts.
        try
        {
            await cases.SettleAsync();
        }
        catch (Exception) when (failure is not null)
        {
            // Told below.
        }

        failure?.Throw();
    }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
