using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using GlanceGateway.Api;

namespace GlanceGateway.Host.Configuration;

/// <summary>Reads the keys under <c>identity</c>, and the files of secrets and certificates that they name.</summary>
internal sealed class IdentityBinder(BindingLog log)
{
    private const string FormOfUrl = "an http or https URL without query, such as https://keystone.example.org:5000";

    /// <summary>Every key but the mode, and the mode that it belongs to.</summary>
    public static readonly IReadOnlyList<(string Key, IdentityMode Mode)> Keys =
    [
        ("trusted_proxies", IdentityMode.Headers),
        ("file", IdentityMode.Tokens),
        ("auth_url", IdentityMode.Keystone),
        ("www_authenticate_uri", IdentityMode.Keystone),
        ("username", IdentityMode.Keystone),
        ("password", IdentityMode.Keystone),
        ("password_file", IdentityMode.Keystone),
        ("project_name", IdentityMode.Keystone),
        ("user_domain_name", IdentityMode.Keystone),
        ("project_domain_name", IdentityMode.Keystone),
        ("application_credential_id", IdentityMode.Keystone),
        ("application_credential_secret", IdentityMode.Keystone),
        ("application_credential_secret_file", IdentityMode.Keystone),
        ("ca_file", IdentityMode.Keystone),
        ("cache_time", IdentityMode.Keystone),
        ("timeout", IdentityMode.Keystone),
    ];

    public IdentityConfiguration Bind(Section? section)
    {
        if (section is null)
        {
            return new();
        }

        var mode = section.Choice(
            "mode",
            ("none", IdentityMode.None),
            ("headers", IdentityMode.Headers),
            ("keystone", IdentityMode.Keystone),
            ("tokens", IdentityMode.Tokens)) ?? IdentityMode.None;
        var identity = new IdentityConfiguration
        {
            Mode = mode,
            TrustedProxies = [.. (section.List(
                "trusted_proxies",
                "addresses or networks, such as [127.0.0.1, 10.0.0.0/8]",
                scalar => ValueFormats.TryParseNetwork(scalar.Value, out var network) ? (object)network : null) ?? []).Cast<IPNetwork>()],
            Keystone = BindKeystone(section, mode == IdentityMode.Keystone),
            TokenFile = section.Directory("file"),
        };
        if (mode == IdentityMode.Tokens)
        {
            section.Require("file", identity.TokenFile, "name the file that lists the tokens, such as 'file: /etc/glance-gateway/tokens.yaml'");
            if (identity.TokenFile is { } file && TokenFile.Read(file, out var problems) is null)
            {
                log.Report(problems);
            }
        }

        section.Finish();
        return identity;
    }

    private KeystoneOptions? BindKeystone(Section section, bool isUsed)
    {
        var url = section.Read("auth_url", FormOfUrl, scalar => ParseUrl(scalar.Value));
        var publicUrl = section.Read("www_authenticate_uri", FormOfUrl, scalar => ParseUrl(scalar.Value));
        var user = BindUser(section, isUsed);
        var application = BindApplication(section, isUsed);
        var authorities = section.Directory("ca_file");
        var cacheTime = section.Duration("cache_time", TimeSpan.Zero, TimeSpan.FromHours(1));
        var timeout = section.Duration("timeout", TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60));
        if (!isUsed)
        {
            return null;
        }

        section.Require("auth_url", url, "name the identity service, such as 'auth_url: https://keystone.example.org:5000'");
        var namesUser = section.Has("username");
        if (namesUser == section.Has("application_credential_id"))
        {
            log.Report(
                section.Origin,
                section.PathOf(namesUser ? "application_credential_id" : "username"),
                namesUser
                    ? "username and application_credential_id are two ways to log in; keep one"
                    : "the gateway needs a user of its own to check tokens; give username, password and project_name, or application_credential_id and its secret");
        }

        return url is null || ((KeystoneCredential?)user ?? application) is not { } credential
            ? null
            : new KeystoneOptions
            {
                AuthUrl = url,
                PublicAuthUrl = publicUrl,
                Credential = credential,
                CacheTime = cacheTime ?? TimeSpan.FromMinutes(5),
                Timeout = timeout ?? TimeSpan.FromSeconds(10),
                Authorities = authorities is null ? null : ReadAuthorities(authorities),
            };
    }

    private PasswordCredential? BindUser(Section section, bool isUsed)
    {
        var user = section.Text("username", "the name of a user");
        var password = BindSecret(section, "password", "password_file", isUsed && section.Has("username"));
        var project = section.Text("project_name", "the name of a project");
        var userDomain = section.Text("user_domain_name", "the name of a domain") ?? "Default";
        var projectDomain = section.Text("project_domain_name", "the name of a domain") ?? "Default";
        if (!isUsed || user is null)
        {
            return null;
        }

        section.Require("project_name", project, "name the project in which the user has the role service or admin, such as 'project_name: service'");
        return password is null || project is null ? null : new PasswordCredential(user, userDomain, password, project, projectDomain);
    }

    private ApplicationCredential? BindApplication(Section section, bool isUsed)
    {
        var id = section.Text("application_credential_id", "the id of an application credential");
        var secret = BindSecret(section, "application_credential_secret", "application_credential_secret_file", isUsed && section.Has("application_credential_id"));
        return id is null || secret is null ? null : new ApplicationCredential(id, secret);
    }

    private string? BindSecret(Section section, string key, string fileKey, bool isUsed)
    {
        var secret = section.Secret(key, "text", text => text.Length > 0);
        var file = section.Directory(fileKey);
        if (!isUsed)
        {
            return null;
        }

        switch (section.Has(key), section.Has(fileKey))
        {
            case (true, true):
                log.Report(log.PlaceOf(section.PathOf(fileKey)), section.PathOf(fileKey), $"{key} is given as well; keep one of them");
                return null;
            case (false, false):
                log.Report(section.Origin, section.PathOf(fileKey), $"the key is missing; name a file that holds the secret, or give {key} itself");
                return null;
            case (true, false):
                return secret;
            default:
                return file is null ? null : ReadSecret(section.PathOf(fileKey), file);
        }
    }

    private string? ReadSecret(string key, string path)
    {
        try
        {
            var text = File.ReadAllText(path).TrimEnd('\r', '\n');
            if (text.Length is 0 or > 4096 || text.Contains('\n'))
            {
                log.Report(path, key, "expected a file with one line, the secret");
                return null;
            }

            if (File.GetUnixFileMode(path).HasFlag(UnixFileMode.OtherRead))
            {
                log.Warn($"every local user can read the secret in {path} ({key}); 'chmod o= {path}' ends that");
            }

            return text;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            log.Report(log.PlaceOf(key), key, $"the file cannot be read ({fault.Message})");
            return null;
        }
    }

    private X509Certificate2Collection? ReadAuthorities(string path)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPemFile(path);
            if (certificates.Count > 0)
            {
                return certificates;
            }

            log.Report(log.PlaceOf("identity.ca_file"), "identity.ca_file", $"{path} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
        }
        catch (Exception fault) when (fault is CryptographicException or IOException or UnauthorizedAccessException)
        {
            log.Report(log.PlaceOf("identity.ca_file"), "identity.ca_file", $"the certificates cannot be read ({fault.Message})");
        }

        return null;
    }

    private static Uri? ParseUrl(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url)
        && url.Scheme is "http" or "https"
        && url.Query.Length == 0 && url.Fragment.Length == 0 && url.UserInfo.Length == 0
            ? url
            : null;
}
