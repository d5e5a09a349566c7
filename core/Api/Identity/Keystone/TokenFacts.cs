using GlanceGateway.Images;

namespace GlanceGateway.Api;

/// <summary>What Keystone says of a token that is valid.</summary>
/// <param name="Caller">Whose it is.</param>
/// <param name="ExpiresAt">Until when; in the past for one that was accepted although it has expired.</param>
/// <param name="Rules">The requests that it is restricted to; null for no restriction.</param>
internal sealed record TokenFacts(Caller Caller, DateTimeOffset ExpiresAt, AccessRules? Rules);
