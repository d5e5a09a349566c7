#pragma warning disable MA0025, CA1822
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>With whom images are shared.</summary>
public sealed class ImageMembers
{
    /// <summary>The members that the caller may see: all for the owner and administrators, itself for a member.</summary>
    public Task<IReadOnlyList<ImageMember>> ListAsync(Caller caller, string imageId, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>One member.</summary>
    public Task<ImageMember> GetAsync(Caller caller, string imageId, string memberId, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Shares an image; the member starts as pending.</summary>
    public Task<ImageMember> AddAsync(Caller caller, string imageId, string memberId, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Answers a share, on behalf of the member.</summary>
    public Task<ImageMember> SetStatusAsync(Caller caller, string imageId, string memberId, MemberStatus status, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Ends a share.</summary>
    public Task RemoveAsync(Caller caller, string imageId, string memberId, CancellationToken cancellationToken) => throw new NotImplementedException();
}
