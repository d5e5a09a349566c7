namespace GlanceGateway.Client;

/// <summary>A Keystone v3 and what is wanted of it.</summary>
/// <param name="AuthUrl">Its address with the version: <c>https://host:5000/v3</c>.</param>
/// <param name="Credential">Who logs in.</param>
/// <param name="Region">The region whose image endpoint is used; null for the first.</param>
/// <param name="Interface"><c>public</c>, <c>internal</c> or <c>admin</c>.</param>
/// <param name="Endpoints">Image endpoints that win over the catalogue's; may be empty.</param>
public sealed record KeystoneSettings(Uri AuthUrl, KeystoneCredential Credential, string? Region, string Interface, IReadOnlyList<Uri> Endpoints);
