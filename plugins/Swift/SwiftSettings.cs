using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Swift;

/// <summary>The options of one store, checked.</summary>
internal sealed record SwiftSettings
{
    public static readonly IReadOnlyList<OptionDescriptor> Options =
    [
        new("auth_url", OptionType.Text, "Where to log in: Keystone (https://host:5000/v3), or with auth_version 1 the URL of tempauth (https://host/auth/v1.0).", Required: true),
        new("auth_version", OptionType.Number, "3 for Keystone, 1 for tempauth and RadosGW.", Default: 3L),
        new("username", OptionType.Text, "The user; with auth_version 1 account:user."),
        new("password", OptionType.Text, "The user's password or key.", Secret: true),
        new("password_file", OptionType.Path, "A file whose first line is the password, instead of password."),
        new("project_name", OptionType.Text, "The project whose account holds the images (Keystone)."),
        new("user_domain_name", OptionType.Text, "The domain of the user (Keystone).", Default: "Default"),
        new("project_domain_name", OptionType.Text, "The domain of the project (Keystone).", Default: "Default"),
        new("application_credential_id", OptionType.Text, "Instead of user and project (Keystone)."),
        new("application_credential_secret", OptionType.Text, "The secret of application_credential_id.", Secret: true),
        new("region", OptionType.Text, "The region of the endpoint, when the catalogue has several."),
        new("interface", OptionType.Text, "The endpoint of the catalogue: public, internal or admin.", Default: "public"),
        new("storage_url", OptionType.Text, "The account's URL, instead of the one that the log-in names."),
        new("container", OptionType.Text, "The container of the images.", Default: "glance"),
        new("create_container", OptionType.Flag, "Make the container when it is not there.", Default: false),
        new("multi_tenant", OptionType.Flag, "Keep each image in the account of its project, in a container of its own; takes the role ResellerAdmin.", Default: false),
        new("admin_tenants", OptionType.Text, "With multi_tenant: the ids of projects, separated by commas, that may read and write each new container."),
        new("reference", OptionType.Text, "The store's name in locations: swift+config://reference/container/object.", Default: "ref1"),
        new("segment_size", OptionType.Size, "Bytes of a segment; larger images get larger ones.", Default: 10L << 20),
        new("segments_in_flight", OptionType.Number, "Segments that travel at once.", Default: 4L),
        new("operation_timeout", OptionType.Duration, "How long the server may be silent.", Default: TimeSpan.FromSeconds(60)),
        new("ca_file", OptionType.Path, "Certificates (PEM) of the authorities that vouch for Swift and Keystone, instead of the system's."),
    ];

    public required Uri AuthUrl { get; init; }

    public required bool IsKeystone { get; init; }

    public required string User { get; init; }

    public required string Password { get; init; }

    public required string Project { get; init; }

    public required string UserDomain { get; init; }

    public required string ProjectDomain { get; init; }

    /// <summary>Then <see cref="User"/> and <see cref="Password"/> are its id and secret.</summary>
    public required bool IsApplicationCredential { get; init; }

    public string? Region { get; init; }

    public required string Interface { get; init; }

    public Uri? StorageUrl { get; init; }

    public required string Container { get; init; }

    public required bool CreateContainer { get; init; }

    public required bool IsMultiTenant { get; init; }

    /// <summary>Ids of projects.</summary>
    public required IReadOnlyList<string> AdminTenants { get; init; }

    public required string Reference { get; init; }

    public required long SegmentSize { get; init; }

    public required int SegmentsInFlight { get; init; }

    public required TimeSpan OperationTimeout { get; init; }

    public X509Certificate2Collection? Authorities { get; init; }

    /// <summary>How servers are verified.</summary>
    public SslClientAuthenticationOptions Tls
    {
        get
        {
            if (Authorities is null)
                return new SslClientAuthenticationOptions();
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.AddRange(Authorities);
            return new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
        }
    }

    /// <summary>Leaves the password out.</summary>
    public override string ToString() => $"{AuthUrl} {Container}";

    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/>, naming the option.</exception>
    public static SwiftSettings Read(DriverOptions options)
    {
        var authUrl = UrlIn("auth_url", options.Get<string>("auth_url"));
        var version = options.Get<long>("auth_version");
        if (version is not (1 or 3))
            throw Wrong($"auth_version is {version}; it must be 3 or 1, others are no longer served anywhere.");
        var isCredential = options.TryGet<string>("application_credential_id", out var credential);
        if (isCredential && version == 1)
            throw Wrong("application_credential_id is of Keystone, but auth_version is 1.");
        var user = isCredential ? credential : Text(options, "username");
        if (string.IsNullOrWhiteSpace(user))
            throw Wrong("username is missing.");
        var project = Text(options, "project_name");
        if (version == 3 && !isCredential && project is null)
            throw Wrong("project_name is missing.");
        var container = options.Get<string>("container");
        if (container.Length is 0 or > 200 || container.Contains('/') || container[0] == '.' || container.Any(char.IsControl))
            throw Wrong("container must be 1 to 200 characters without '/', not beginning with '.'.");
        var reference = options.Get<string>("reference");
        if (reference.Length == 0 || !reference.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
            throw Wrong("reference must be letters, digits, '-', '_' and '.'.");
        var isMultiTenant = options.Get<bool>("multi_tenant");
        var admins = Text(options, "admin_tenants")?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];
        if (admins.Length > 0 && (!isMultiTenant || !admins.All(AccountUrls.IsProject)))
            throw Wrong("admin_tenants must be ids of projects, separated by commas, and is for multi_tenant.");
        if (isMultiTenant && container.Length > 160)
            throw Wrong("container must be at most 160 characters with multi_tenant.");
        if (options.Get<string>("interface") is not ("public" or "internal" or "admin"))
            throw Wrong("interface must be public, internal or admin.");
        return new SwiftSettings
        {
            AuthUrl = authUrl,
            IsKeystone = version == 3,
            User = user,
            Password = SecretIn(options, isCredential),
            Project = project ?? "",
            UserDomain = options.Get<string>("user_domain_name"),
            ProjectDomain = options.Get<string>("project_domain_name"),
            IsApplicationCredential = isCredential,
            Region = Text(options, "region"),
            Interface = options.Get<string>("interface"),
            StorageUrl = Text(options, "storage_url") is { } url ? UrlIn("storage_url", url) : null,
            Container = container,
            CreateContainer = options.Get<bool>("create_container"),
            IsMultiTenant = isMultiTenant,
            AdminTenants = admins,
            Reference = reference,
            SegmentSize = Number(options, "segment_size", 64 * 1024, 5L << 30),
            SegmentsInFlight = (int)Number(options, "segments_in_flight", 1, 64),
            OperationTimeout = Time(options, "operation_timeout"),
            Authorities = options.TryGet<string>("ca_file", out var file) ? Load(file) : null,
        };
    }

    private static string? Text(DriverOptions options, string name) => options.TryGet<string>(name, out var text) && text.Length > 0 ? text : null;

    private static Uri UrlIn(string option, string text)
    {
        // The text is not repeated: it could hold a password.
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") || url.Host.Length == 0 || url.Query.Length > 0)
            throw Wrong($"{option} must be an http or https URL.");
        return url.UserInfo.Length == 0 ? url : throw Wrong($"{option} must not hold credentials; use username and password.");
    }

    private static string SecretIn(DriverOptions options, bool isCredential)
    {
        var secret = Text(options, isCredential ? "application_credential_secret" : "password");
        if (Text(options, "password_file") is { } file)
        {
            if (secret is not null)
                throw Wrong("the password is there twice, in password_file too; keep one.");
            try
            {
                secret = File.ReadLines(file).FirstOrDefault()?.Trim();
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                throw Wrong($"password_file cannot be read: {exception.Message}");
            }
        }

        return string.IsNullOrEmpty(secret) ? throw Wrong(isCredential ? "application_credential_secret is missing." : "password is missing; set it or password_file.") : secret;
    }

    private static long Number(DriverOptions options, string name, long least, long most)
    {
        var value = options.Get<long>(name);
        return value >= least && value <= most ? value : throw Wrong($"{name} is {value}; it must be from {least} to {most}.");
    }

    private static TimeSpan Time(DriverOptions options, string name)
    {
        var value = options.Get<TimeSpan>(name);
        return value > TimeSpan.Zero && value < TimeSpan.FromHours(24) ? value : throw Wrong($"{name} must be more than nothing and less than a day.");
    }

    private static X509Certificate2Collection Load(string file)
    {
        try
        {
            var found = new X509Certificate2Collection();
            found.ImportFromPemFile(file);
            return found.Count > 0 ? found : throw Wrong($"ca_file '{file}' holds no certificate.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw Wrong($"ca_file cannot be read: {exception.Message}");
        }
    }

    private static StoreException Wrong(string message) => new(StoreError.Misconfigured, message);
}
