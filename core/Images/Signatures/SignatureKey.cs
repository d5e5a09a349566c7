using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace GlanceGateway.Images;

/// <summary>Verifies by a certificate's key, as <c>img_signature_key_type</c> names its kind.</summary>
internal static class SignatureKey
{
    public const string Rsa = "RSA-PSS";
    public const string Dsa = "DSA";

    private const string EllipticCurveKey = "1.2.840.10045.2.1";

    /// <summary>The curves, by the object identifiers of SEC 2.</summary>
    private static readonly Dictionary<string, string> curves = new(StringComparer.Ordinal)
    {
        ["ECC_SECT571K1"] = "1.3.132.0.38",
        ["ECC_SECT409K1"] = "1.3.132.0.36",
        ["ECC_SECT571R1"] = "1.3.132.0.39",
        ["ECC_SECT409R1"] = "1.3.132.0.37",
        ["ECC_SECP521R1"] = "1.3.132.0.35",
        ["ECC_SECP384R1"] = "1.3.132.0.34",
    };

    /// <summary>Whether there is such a kind.</summary>
    public static bool IsKnown(string type) => type is Rsa or Dsa || curves.ContainsKey(type);

    /// <summary>Whether the key of a certificate is of a kind.</summary>
    public static bool Fits(string type, X509Certificate2 certificate)
    {
        try
        {
            switch (type)
            {
                case Rsa:
                    using (var rsa = certificate.GetRSAPublicKey())
                    {
                        return rsa is not null;
                    }

                case Dsa:
                    using (var dsa = certificate.GetDSAPublicKey())
                    {
                        return dsa is not null;
                    }

                default:
                    // A curve that is spelt out instead of named is refused: it need not be one.
                    var key = certificate.PublicKey;
                    return key.Oid.Value == EllipticCurveKey
                        && key.EncodedParameters is { } parameters
                        && AsnDecoder.ReadObjectIdentifier(parameters.RawData, AsnEncodingRules.DER, out _) == curves[type];
            }
        }
        catch (Exception fault) when (fault is CryptographicException or AsnContentException)
        {
            return false;
        }
    }

    /// <summary>Whether a signature is one of the certificate's key over a hash.</summary>
    public static bool Verify(string type, X509Certificate2 certificate, SignatureHash method, byte[] hash, byte[] signature)
    {
        try
        {
            switch (type)
            {
                case Rsa:
                    using (var rsa = certificate.GetRSAPublicKey()!)
                    {
                        return RsaPss.Verify(rsa.ExportParameters(includePrivateParameters: false), method, hash, signature);
                    }

                case Dsa:
                    using (var dsa = certificate.GetDSAPublicKey()!)
                    {
                        return dsa.VerifySignature(hash, signature, DSASignatureFormat.Rfc3279DerSequence);
                    }

                default:
                    using (var curve = certificate.GetECDsaPublicKey()!)
                    {
                        return curve.VerifyHash(hash, signature, DSASignatureFormat.Rfc3279DerSequence);
                    }
            }
        }
        catch (CryptographicException)
        {
            // A key or signature that cannot even be read proves nothing.
            return false;
        }
    }
}
