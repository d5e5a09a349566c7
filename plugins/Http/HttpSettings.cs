using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Http;

/// <summary>The options of one store, checked.</summary>
internal sealed record HttpSettings(TimeSpan OperationTimeout, X509Certificate2Collection? Authorities)
{
    public static readonly IReadOnlyList<OptionDescriptor> Options =
    [
        new("ca_file", OptionType.Path, "Certificates (PEM) of authorities that may vouch for https servers, beside those the system trusts."),
        new("operation_timeout", OptionType.Duration, "How long a server may be silent.", Default: TimeSpan.FromSeconds(60)),
    ];

    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/>, naming the option.</exception>
    public static HttpSettings Read(DriverOptions options)
    {
        var timeout = options.Get<TimeSpan>("operation_timeout");
        if (timeout <= TimeSpan.Zero || timeout >= TimeSpan.FromHours(24))
            throw Wrong("operation_timeout must be more than nothing and less than a day.");
        return new HttpSettings(timeout, options.TryGet<string>("ca_file", out var file) ? Load(file) : null);
    }

    /// <summary>How servers are verified; null for the system's way.</summary>
    public SslClientAuthenticationOptions? Tls => Authorities is null
        ? null
        : new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = (_, certificate, chain, errors) => IsTrusted(certificate, chain, errors) };

    // The system's verdict first, so that public servers stay reachable; then, if only the issuer was in the way, ours.
    private bool IsTrusted(X509Certificate? certificate, X509Chain? presented, SslPolicyErrors errors)
    {
        if (errors == SslPolicyErrors.None)
            return true;
        if (errors != SslPolicyErrors.RemoteCertificateChainErrors || certificate is not X509Certificate2 server)
            return false;
        using var chain = new X509Chain
        {
            ChainPolicy =
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
                ApplicationPolicy = { new Oid("1.3.6.1.5.5.7.3.1") }, // TLS server
            },
        };
        chain.ChainPolicy.CustomTrustStore.AddRange(Authorities!);
        if (presented is not null)
        {
            foreach (var element in presented.ChainElements)
                chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        }

        return chain.Build(server);
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
