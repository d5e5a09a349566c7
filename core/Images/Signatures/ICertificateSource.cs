namespace GlanceGateway.Images;

/// <summary>Where the certificates are by which the data of images is verified.</summary>
public interface ICertificateSource
{
    /// <summary>Largest certificate that is read, in bytes.</summary>
    const int MostBytes = 64 * 1024;

    /// <summary>Finds a certificate.</summary>
    /// <param name="id">Its UUID, in lower case with hyphens.</param>
    /// <param name="caller">For whom.</param>
    /// <param name="cancellationToken">Ends the search.</param>
    /// <returns>DER or PEM; null when there is none, or the caller may not see it.</returns>
    /// <exception cref="ImageException"><see cref="ImageError.Unavailable"/>: nobody can tell for now.</exception>
    ValueTask<byte[]?> FindAsync(string id, Caller caller, CancellationToken cancellationToken);
}
