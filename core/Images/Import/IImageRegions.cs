namespace GlanceGateway.Images;

/// <summary>The image services of other regions, which a user reaches with the credentials that the user has here.</summary>
public interface IImageRegions
{
    /// <summary>Finds the image service of a region.</summary>
    /// <param name="caller">For whom; only what the caller may know of is found.</param>
    /// <param name="region">The id of the region.</param>
    /// <param name="face">Which endpoint: <c>public</c>, <c>internal</c> or <c>admin</c>.</param>
    /// <param name="cancellationToken">Ends the search.</param>
    /// <returns>Where its paths begin, with a slash at the end and before the version; null when there is none.</returns>
    /// <exception cref="ImageException"><see cref="ImageError.Unavailable"/>: nobody can tell, or not of this caller any more.</exception>
    Task<Uri?> FindAsync(Caller caller, string region, string face, CancellationToken cancellationToken);

    /// <summary>Asks such a service as the caller. Redirects are not followed: the caller's token goes to that service only.</summary>
    /// <param name="caller">As whom.</param>
    /// <param name="address">A URL below one that was found.</param>
    /// <param name="cancellationToken">Ends the question, not the reading of its answer.</param>
    /// <returns>The answer, whatever its status, its body yet to be read. The caller disposes it.</returns>
    /// <exception cref="ImageException"><see cref="ImageError.Unavailable"/>: it cannot be reached.</exception>
    Task<HttpResponseMessage> GetAsync(Caller caller, Uri address, CancellationToken cancellationToken);
}
