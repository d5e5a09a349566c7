using GlanceGateway.Abstractions;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Client;

/// <summary>What a cloud is: where to log in and as whom, or where the images are without a log-in. Not a record: its text must never show secrets.</summary>
public sealed class CloudSettings
{
    private static readonly string[] s_identifying =
        ["auth_url", "username", "user_id", "project_name", "project_id", "application_credential_id", "application_credential_name", "region_name", "interface"];

    private readonly Dictionary<string, string> _values;

    /// <summary>Makes settings.</summary>
    /// <param name="source">Where they come from, for messages.</param>
    /// <param name="values">By the names of <c>clouds.yaml</c>, those below <c>auth</c> too; empty ones count as absent.</param>
    public CloudSettings(string source, IEnumerable<KeyValuePair<string, string>> values)
    {
        Source = source;
        _values = values.Where(pair => pair.Value.Length > 0).GroupBy(pair => pair.Key, StringComparer.Ordinal).ToDictionary(same => same.Key, same => same.Last().Value, StringComparer.Ordinal);
    }

    /// <summary>Where they come from.</summary>
    public string Source { get; }

    /// <summary>A file with the authorities that sign the endpoints' certificates; null for those of the system.</summary>
    public string? AuthorityFile => this["cacert"];

    /// <summary>Whether certificates are left unchecked, as <c>verify: false</c> and <c>insecure</c> ask for.</summary>
    public bool Insecure => IsFalse(this["verify"]) || IsTrue(this["insecure"]);

    /// <summary>Who that is, without secrets: another identity sees other images.</summary>
    public string Identity => string.Join(' ', s_identifying.Select(key => this[key] is { } value ? $"{key}={value}" : null).OfType<string>());

    private string? this[string key] => _values.GetValueOrDefault(key);

    /// <summary>The way to log in that these settings come to.</summary>
    /// <param name="endpoints">Image endpoints named by the operator: they win over the catalogue's; may be empty.</param>
    /// <param name="http">Of <see cref="ClientHttp.Create"/>; stays the caller's.</param>
    /// <param name="options">Time limits.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Hears of log-ins.</param>
    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/>: something is missing; the message says what.</exception>
    public ILogin ToLogin(IReadOnlyList<Uri> endpoints, HttpClient http, ClientOptions options, TimeProvider time, ILogger logger)
    {
        var named = endpoints.Count > 0 ? endpoints
            : (this["image_endpoint_override"] ?? this["endpoint"]) is { } url ? [Address("endpoint", url)] : [];
        var type = (this["auth_type"] ?? Guess()).ToLowerInvariant();
        switch (type)
        {
            case "none":
                return new FixedLogin(Required(named));
            case "token" or "v3token" or "admin_token" when named.Count > 0 && (this["auth_url"] is null || type == "admin_token"):
                return new FixedLogin(named, Need("token"));
            case "token" or "v3token":
                return Keystone(KeystoneCredential.OfToken(Need("token"), Project()), named, http, options, time, logger);
            case "password" or "v3password":
                var project = Project() ?? throw Missing("project_name");
                return Keystone(KeystoneCredential.OfPassword(User() ?? throw Missing("username"), Need("password"), project), named, http, options, time, logger);
            case "v3applicationcredential":
                KeystoneName credential = new(this["application_credential_id"], this["application_credential_name"]);
                if (credential.Id is null && credential.Name is null)
                    throw Missing("application_credential_id");
                return Keystone(
                    KeystoneCredential.OfApplication(credential, Need("application_credential_secret"), User()), named, http, options, time, logger);
            default:
                throw new StoreException(StoreError.Misconfigured, $"{Source}: auth_type '{type}' is not known; use none, token, password or v3applicationcredential.");
        }
    }

    private static bool IsTrue(string? text) => text?.ToLowerInvariant() is "true" or "1" or "yes" or "on";

    private static bool IsFalse(string? text) => text?.ToLowerInvariant() is "false" or "0" or "no" or "off";

    private KeystoneLogin Keystone(KeystoneCredential credential, IReadOnlyList<Uri> endpoints, HttpClient http, ClientOptions options, TimeProvider time, ILogger logger)
    {
        var url = Address("auth_url", Need("auth_url"));
        var path = url.AbsolutePath.TrimEnd('/');
        if (path.EndsWith("/v2.0", StringComparison.Ordinal))
            throw new StoreException(StoreError.Misconfigured, $"{Source}: auth_url ends with /v2.0, which no Keystone has any more; let it end with /v3.");
        if (!path.EndsWith("/v3", StringComparison.Ordinal))
            url = new UriBuilder(url.Scheme, url.Host, url.Port, path + "/v3").Uri;
        var wanted = this["interface"] ?? this["endpoint_type"] ?? "public";
        wanted = wanted.EndsWith("URL", StringComparison.Ordinal) ? wanted[..^3] : wanted;
        return new KeystoneLogin(new KeystoneSettings(url, credential, this["region_name"], wanted, endpoints), http, options, time, logger);
    }

    private string Guess() => this["application_credential_secret"] is not null ? "v3applicationcredential"
        : this["token"] is not null ? "token"
        : this["auth_url"] is not null ? "password"
        : "none";

    private KeystoneName? User() => Name("user_id", "username", "user_domain_id", "user_domain_name");

    private KeystoneName? Project() => Name("project_id", "project_name", "project_domain_id", "project_domain_name");

    private KeystoneName? Name(string id, string name, string domainId, string domainName) => this[id] is null && this[name] is null
        ? null
        : new KeystoneName(this[id], this[name], this[domainId] ?? this["default_domain_id"] ?? this["default_domain"], this[domainName] ?? this["default_domain_name"]);

    private string Need(string key) => this[key] ?? throw Missing(key);

    private IReadOnlyList<Uri> Required(IReadOnlyList<Uri> endpoints) => endpoints.Count > 0 ? endpoints : throw Missing("endpoint");

    private StoreException Missing(string key) => new(StoreError.Misconfigured, $"{Source}: '{key}' is missing.");

    private Uri Address(string key, string text) => Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is ("http" or "https") && url.UserInfo.Length == 0
        ? url
        : throw new StoreException(StoreError.Misconfigured, $"{Source}: '{key}' should look like https://host:port.");
}
