using System.Security.Cryptography.X509Certificates;

namespace GlanceGateway.Images;

/// <summary>Verifies one image's signature while its data passes.</summary>
internal sealed class SignatureCheck : IDisposable
{
    private readonly string imageId;
    private readonly string type;
    private readonly SignatureHash method;
    private readonly byte[] signature;
    private readonly X509Certificate2 certificate;

    /// <summary>Null for the hash that is computed anyway.</summary>
    private readonly SignatureHash.IRunningHash? running;

    /// <param name="imageId">Whose, for messages.</param>
    /// <param name="type">The kind of the key.</param>
    /// <param name="method">The hash.</param>
    /// <param name="signature">What is to be verified.</param>
    /// <param name="certificate">By what; disposed with this.</param>
    public SignatureCheck(string imageId, string type, SignatureHash method, byte[] signature, X509Certificate2 certificate)
    {
        (this.imageId, this.type, this.method, this.signature, this.certificate) = (imageId, type, method, signature, certificate);
        running = method == SignatureHash.Sha512 ? null : method.Start();
    }

    /// <summary>Whether it wants to see the data.</summary>
    public bool IsFed => running is not null;

    /// <summary>Adds data.</summary>
    public void Append(ReadOnlySpan<byte> data) => running?.Append(data);

    /// <summary>Ends the check, after all data.</summary>
    /// <param name="sha512">The SHA-512 of the data, in hexadecimal.</param>
    /// <exception cref="ImageException"><see cref="ImageError.Invalid"/>: the signature is not one of the data.</exception>
    public void Require(string sha512)
    {
        var hash = running?.Finish() ?? Convert.FromHexString(sha512);
        if (!SignatureKey.Verify(type, certificate, method, hash, signature))
        {
            throw ImageSignatures.Refusal(imageId, "the data is not what was signed");
        }
    }

    public void Dispose()
    {
        running?.Dispose();
        certificate.Dispose();
    }
}
