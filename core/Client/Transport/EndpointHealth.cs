namespace GlanceGateway.Client;

/// <summary>How an endpoint is.</summary>
/// <param name="Url">The endpoint.</param>
/// <param name="Circuit"><c>closed</c>: it is used; <c>open</c>: it is left alone; <c>half-open</c>: the next request tries it.</param>
/// <param name="Faults">Faults in a row.</param>
/// <param name="Problem">The last of them, without secrets.</param>
public sealed record EndpointHealth(string Url, string Circuit, int Faults, string? Problem);
