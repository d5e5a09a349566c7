namespace GlanceGateway.Conformance;

/// <summary>A driver does not keep a promise of the contract.</summary>
/// <param name="message">What was expected, and what was found.</param>
public sealed class ConformanceException(string message) : Exception(message);

/// <summary>A case does not concern a driver.</summary>
/// <param name="message">Why.</param>
public sealed class CaseSkippedException(string message) : Exception(message);
