using GlanceGateway.Images;

namespace GlanceGateway.Api;

/// <summary>A token of a list.</summary>
/// <param name="Sha256">The SHA-256 of the token: 64 hexadecimal digits.</param>
/// <param name="Caller">Whose it is.</param>
/// <param name="ExpiresAt">From when on it is worth nothing; null for never.</param>
public sealed record TokenGrant(string Sha256, Caller Caller, DateTimeOffset? ExpiresAt);
