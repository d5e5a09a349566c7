using System.Text.Json.Serialization;

namespace GlanceGateway.Api;

/// <summary>What is sent to and read from Keystone's <c>/v3/auth/tokens</c> and its unified limits; keys that the gateway does not use are left out.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(LoginRequest))]
[JsonSerializable(typeof(TokenAnswer))]
[JsonSerializable(typeof(ServiceList))]
[JsonSerializable(typeof(RegisteredLimitList))]
[JsonSerializable(typeof(LimitList))]
[JsonSerializable(typeof(CatalogAnswer))]
internal sealed partial class KeystoneJson : JsonSerializerContext;

internal sealed record LoginRequest(LoginAuth Auth);

internal sealed record LoginAuth(LoginIdentity Identity, LoginScope? Scope);

internal sealed record LoginIdentity(string[] Methods, LoginPassword? Password, LoginApplicationCredential? ApplicationCredential);

internal sealed record LoginPassword(LoginUser User);

internal sealed record LoginUser(string Name, string Password, KeystoneName Domain);

internal sealed record LoginApplicationCredential(string Id, string Secret);

internal sealed record LoginScope(LoginProject? Project, TokenSystem? System = null);

internal sealed record LoginProject(string Name, KeystoneName Domain);

internal sealed record KeystoneName(string? Id, string? Name);

internal sealed record TokenAnswer(TokenBody? Token);

internal sealed record TokenBody(
    string? ExpiresAt,
    KeystoneName? User,
    KeystoneName? Project,
    KeystoneName? Domain,
    TokenSystem? System,
    IReadOnlyList<KeystoneName>? Roles,
    TokenApplicationCredential? ApplicationCredential);

internal sealed record TokenSystem(bool All);

internal sealed record TokenApplicationCredential(IReadOnlyList<TokenAccessRule>? AccessRules);

internal sealed record TokenAccessRule(string? Service, string? Method, string? Path);

internal sealed record CatalogAnswer(IReadOnlyList<CatalogService>? Catalog);

internal sealed record CatalogService(string? Type, IReadOnlyList<CatalogEndpoint>? Endpoints);

internal sealed record CatalogEndpoint(string? Interface, string? RegionId, string? Url);

internal sealed record ServiceList(IReadOnlyList<KeystoneName>? Services);

internal sealed record RegisteredLimitList(IReadOnlyList<RegisteredLimit>? RegisteredLimits);

internal sealed record RegisteredLimit(string? ResourceName, string? RegionId, long DefaultLimit);

internal sealed record LimitList(IReadOnlyList<ProjectLimit>? Limits);

internal sealed record ProjectLimit(string? ResourceName, string? RegionId, string? ProjectId, long ResourceLimit);
