using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using GlanceGateway.Api;
using GlanceGateway.Host.Configuration;
using GlanceGateway.Images;

namespace GlanceGateway.Host;

/// <summary>From the configured signatures to what finds their certificates.</summary>
internal sealed class ConfiguredSignatures : IDisposable
{
    private readonly BarbicanCertificates? barbican;

    private ConfiguredSignatures(SignatureOptions options, BarbicanCertificates? barbican)
    {
        Options = options;
        this.barbican = barbican;
    }

    /// <summary>How signatures are verified; usable until this is disposed.</summary>
    public SignatureOptions Options { get; }

    /// <summary>Reads the trusted certificates; the others are looked for when they are needed.</summary>
    /// <exception cref="ConfigurationException">The trusted certificates cannot be read.</exception>
    public static ConfiguredSignatures Open(GatewayConfiguration configuration, ILoggerFactory loggers, TimeProvider time)
    {
        var signatures = configuration.Signatures;
        var trusted = signatures.TrustedFile is { } file ? ReadTrusted(file) : null;
        var barbican = signatures.Barbican
            ? new BarbicanCertificates(configuration.Identity.Keystone!, signatures.Region, signatures.Interface, time, loggers.CreateLogger("GlanceGateway.Api"))
            : null;
        List<ICertificateSource> sources = [];
        if (signatures.Directory is { } directory)
        {
            sources.Add(new CertificateDirectory(directory));
        }

        if (barbican is not null)
        {
            sources.Add(barbican);
        }

        return new ConfiguredSignatures(new SignatureOptions { Certificates = sources, Trusted = trusted }, barbican);
    }

    /// <inheritdoc/>
    public void Dispose() => barbican?.Dispose();

    private static X509Certificate2Collection ReadTrusted(string path)
    {
        var problem = "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)";
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPemFile(path);
            if (certificates.Count > 0)
            {
                return certificates;
            }
        }
        catch (Exception fault) when (fault is CryptographicException or IOException or UnauthorizedAccessException)
        {
            problem = $"cannot be read ({fault.Message})";
        }

        throw new ConfigurationException([new ConfigurationProblem(path, "signatures.trusted_certificates", problem)]);
    }
}
