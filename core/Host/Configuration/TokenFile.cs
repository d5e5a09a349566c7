using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using GlanceGateway.Api;
using GlanceGateway.Images;

namespace GlanceGateway.Host.Configuration;

/// <summary>Reads the file that lists tokens, as strictly as the configuration.</summary>
internal static class TokenFile
{
    private const string FormOfFile = "'tokens:' with a list of entries, each with token or token_sha256, project and roles";
    private const string FormOfToken = "16 to 8192 visible ASCII characters, such as 'openssl rand -hex 32' prints";
    private const string FormOfExpiry = "a time with its zone, such as 2027-01-31T00:00:00Z";

    private static readonly YamlUse UseOfFile = new("write one, or correct identity.file in the configuration", FormOfFile, $"expected {FormOfFile}");

    private static readonly string[] expiryFormats = ["yyyy-MM-dd'T'HH:mm:ss'Z'", "yyyy-MM-dd'T'HH:mm:sszzz"];

    /// <summary>Reads it.</summary>
    /// <exception cref="ConfigurationException">It cannot be used.</exception>
    public static IReadOnlyList<TokenGrant> Read(string path) =>
        Read(path, out var problems) ?? throw new ConfigurationException(problems);

    /// <summary>Reads it.</summary>
    /// <returns>Null for a file that cannot be used; then there are problems.</returns>
    public static IReadOnlyList<TokenGrant>? Read(string path, out IReadOnlyList<ConfigurationProblem> problems)
    {
        var found = new List<ConfigurationProblem>();
        problems = found;
        if (IsOpen(path, out var mode))
        {
            found.Add(new(path, null, $"every local user can read or change the tokens in it (mode {Convert.ToString((int)mode, 8)}); run 'chmod o= {path}' first"));
            return null;
        }

        if (YamlFile.Read(path, UseOfFile, found) is not { } root)
        {
            return null;
        }

        var log = new BindingLog("/", found);
        var section = new Section(root, "", log);
        var entries = section.Items("tokens", "'{ token_sha256: …, project: ops, roles: [member] }'")?.ToList();
        section.Require("tokens", entries, $"expected {FormOfFile}");
        section.Finish();
        var grants = new Dictionary<string, TokenGrant>(StringComparer.Ordinal);
        foreach (var entry in entries ?? [])
        {
            if (Bind(entry, log) is { } grant && !grants.TryAdd(grant.Sha256, grant))
            {
                log.Report(entry.Origin, "tokens", "this token is in the list twice; keep one of the entries");
            }
        }

        return found.Count == 0 ? [.. grants.Values] : null;
    }

    private static TokenGrant? Bind(Section entry, BindingLog log)
    {
        var token = entry.Secret("token", FormOfToken, text => text.Length is >= 16 and <= 8192 && !text.AsSpan().ContainsAnyExceptInRange('!', '~'));
        var hash = entry.Secret("token_sha256", "64 hexadecimal digits", text => text.Length == 64 && text.All(char.IsAsciiHexDigit));
        var project = entry.Text("project", "a project's id");
        var user = entry.Text("user", "a user's id");
        var roles = entry.Texts("roles", "roles, such as [member]");
        var expires = entry.Read("expires", FormOfExpiry, scalar => ParseExpiry(scalar.Value));
        if (entry.Has("token") == entry.Has("token_sha256"))
        {
            log.Report(entry.Origin, entry.PathOf("token"), "give the token itself, or as token_sha256 its SHA-256 (printf %s TOKEN | sha256sum), and not both");
        }

        entry.Require("project", project, "name the project that the token acts in");
        entry.Require("roles", roles, "say what the token may do: [reader], [member] or [admin]");
        entry.Finish();
        if (roles is { Count: 0 })
        {
            log.Report(entry.Origin, entry.PathOf("roles"), "the list is empty; say what the token may do: [reader], [member] or [admin]");
        }

        var sha = hash?.ToLowerInvariant() ?? (token is null ? null : Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(token))));
        return sha is null || project is null || roles is null
            ? null
            : new TokenGrant(sha, new Caller(project, user, Implied(roles)), (DateTimeOffset?)expires);
    }

    /// <summary>As Keystone hands roles out: an administrator is a member too, a member a reader.</summary>
    private static IEnumerable<string> Implied(IReadOnlyList<string> roles)
    {
        string[] ladder = ["admin", "member", "reader"];
        var highest = Array.FindIndex(ladder, step => roles.Contains(step, StringComparer.OrdinalIgnoreCase));
        return highest < 0 ? roles : [.. roles, .. ladder[highest..]];
    }

    [SuppressMessage("Performance", "CA1859:Use concrete types when possible for improved performance", Justification = "A reader of values takes objects.")]
    private static object? ParseExpiry(string text) =>
        DateTimeOffset.TryParseExact(text, expiryFormats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;

    /// <summary>Whether others than owner and group can get at it. A file that is not there is somebody else's to report.</summary>
    private static bool IsOpen(string path, out UnixFileMode mode)
    {
        mode = default;
        try
        {
            mode = File.GetUnixFileMode(path);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return false;
        }

        return File.Exists(path) && (mode.HasFlag(UnixFileMode.OtherRead) || mode.HasFlag(UnixFileMode.OtherWrite));
    }
}
