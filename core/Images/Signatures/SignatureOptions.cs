using System.Security.Cryptography.X509Certificates;

namespace GlanceGateway.Images;

/// <summary>How the signatures of images are verified.</summary>
public sealed record SignatureOptions
{
    /// <summary>Where certificates are, asked in this order. With none, data of images that say they are signed is refused.</summary>
    public IReadOnlyList<ICertificateSource> Certificates { get; init; } = [];

    /// <summary>The certificates of which one must vouch for the one of a signature; null to trust whatever the sources hold.</summary>
    public X509Certificate2Collection? Trusted { get; init; }
}
