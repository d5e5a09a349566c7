using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace GlanceGateway.Plugins.GridFs;

/// <summary>Whether a server's certificate is good when the operator named the authorities to trust.</summary>
internal static class TlsTrust
{
    /// <summary>The name must fit, and the chain must end at one of the trusted certificates; the system's do not count.</summary>
    public static bool Accepts(X509Certificate2Collection trusted, X509Certificate? shown, X509Chain? chain, SslPolicyErrors errors)
    {
        if (shown is null || (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != SslPolicyErrors.None)
            return false;
        using var certificate = new X509Certificate2(shown);
        using var own = new X509Chain();
        own.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        own.ChainPolicy.CustomTrustStore.AddRange(trusted);
        own.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        foreach (var element in chain?.ChainElements.AsEnumerable() ?? [])
            own.ChainPolicy.ExtraStore.Add(element.Certificate);
        return own.Build(certificate);
    }
}
