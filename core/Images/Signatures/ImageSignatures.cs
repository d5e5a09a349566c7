using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>
/// Signatures of images: properties say with which certificate and how the data was signed, and data that does not fit is refused.
/// </summary>
/// <remarks>
/// As in Glance an image is signed when it has all four properties; with fewer it is not, whatever those say. Everything but the data itself is
/// checked before the first byte of it is read.
/// </remarks>
internal sealed class ImageSignatures(SignatureOptions options, TimeProvider time)
{
    public const string Signature = "img_signature";
    public const string HashMethod = "img_signature_hash_method";
    public const string KeyType = "img_signature_key_type";
    public const string CertificateId = "img_signature_certificate_uuid";

    /// <summary>What checks the data of an image; null for one that is not signed.</summary>
    /// <param name="image">The image.</param>
    /// <param name="caller">Whose certificate it is.</param>
    /// <param name="cancellationToken">Ends the search for the certificate.</param>
    /// <exception cref="ImageException"><see cref="ImageError.Invalid"/>: the data could not be verified whatever it is.</exception>
    public async Task<SignatureCheck?> OpenAsync(Image image, Caller caller, CancellationToken cancellationToken)
    {
        if (Find(image, Signature) is not { } encoded || Find(image, HashMethod) is not { } method
            || Find(image, KeyType) is not { } type || Find(image, CertificateId) is not { } id)
        {
            return null;
        }

        if (options.Certificates.Count == 0)
        {
            throw Refusal(image, "this site has no certificates to verify signatures with");
        }

        var hash = SignatureHash.Find(method) ?? throw Refusal(image, "the hash method of the signature is unknown");
        if (!SignatureKey.IsKnown(type))
        {
            throw Refusal(image, "the key type of the signature is unknown");
        }

        var signature = Decode(encoded) ?? throw Refusal(image, "the signature is not base64");
        var certificate = await FindCertificateAsync(image, id, caller, cancellationToken);
        try
        {
            RequireTrusted(image, certificate);
            return SignatureKey.Fits(type, certificate)
                ? new SignatureCheck(image.Id, type, hash, signature, certificate)
                : throw Refusal(image, $"the key of the certificate is not of the type {type}");
        }
        catch
        {
            certificate.Dispose();
            throw;
        }
    }

    internal static ImageException Refusal(Image image, string reason) => Refusal(image.Id, reason);

    internal static ImageException Refusal(string imageId, string reason) =>
        new(ImageError.Invalid, $"Signature verification failed for image {imageId}: {reason}.");

    private static string? Find(Image image, string name) => image.Properties.FirstOrDefault(property => property.Key == name).Value;

    /// <summary>Tools break base64 into lines.</summary>
    private static byte[]? Decode(string text)
    {
        var bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text, bytes, out var count) && count > 0 ? bytes[..count] : null;
    }

    private static X509Certificate2? Parse(byte[] bytes)
    {
        try
        {
            return bytes.AsSpan().IndexOf("-----BEGIN CERTIFICATE-----"u8) >= 0
                ? X509Certificate2.CreateFromPem(Encoding.UTF8.GetString(bytes))
                : X509CertificateLoader.LoadCertificate(bytes);
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    private async Task<X509Certificate2> FindCertificateAsync(Image image, string id, Caller caller, CancellationToken cancellationToken)
    {
        if (!Guid.TryParse(id, out var uuid))
        {
            throw Refusal(image, "the id of the certificate is not a UUID");
        }

        foreach (var source in options.Certificates)
        {
            if (await source.FindAsync(uuid.ToString("D"), caller, cancellationToken) is { } found)
            {
                return Parse(found) ?? throw Refusal(image, "the certificate cannot be read");
            }
        }

        throw Refusal(image, "there is no such certificate");
    }

    private void RequireTrusted(Image image, X509Certificate2 certificate)
    {
        var now = time.GetUtcNow().UtcDateTime;
        if (now < certificate.NotBefore.ToUniversalTime())
        {
            throw Refusal(image, "the certificate is not valid yet");
        }

        if (now > certificate.NotAfter.ToUniversalTime())
        {
            throw Refusal(image, "the certificate has expired");
        }

        if (options.Trusted is not { } trusted)
        {
            return;
        }

        using var chain = new X509Chain
        {
            ChainPolicy =
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
                DisableCertificateDownloads = true,
                VerificationTime = now,
            },
        };
        chain.ChainPolicy.CustomTrustStore.AddRange(trusted);
        if (!chain.Build(certificate))
        {
            throw Refusal(image, "none of the trusted certificates vouches for the certificate");
        }
    }
}
