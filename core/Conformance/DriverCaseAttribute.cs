namespace GlanceGateway.Conformance;

// Marks a method as a case; with arguments, as one case for each set of them.
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
internal sealed class DriverCaseAttribute(params object?[] arguments) : Attribute
{
    public object?[] Arguments { get; } = arguments;
}
