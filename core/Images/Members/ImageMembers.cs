using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>With whom images are shared.</summary>
/// <remarks>The owner shares and ends shares; only the member answers. Administrators do either.</remarks>
public sealed class ImageMembers
{
    private const int MemberIdLimit = 255;

    private readonly ImageRegistry registry;
    private readonly PolicyRules policy;
    private readonly ImageAccess access;
    private readonly ImageOptions options;

    internal ImageMembers(ImageRegistry registry, PolicyRules policy, ImageAccess access, ImageOptions options)
    {
        this.registry = registry;
        this.policy = policy;
        this.access = access;
        this.options = options;
    }

    /// <summary>The members that the caller may see: all for the owner and administrators, itself for a member.</summary>
    public async Task<IReadOnlyList<ImageMember>> ListAsync(Caller caller, string imageId, CancellationToken cancellationToken)
    {
        var (image, isMember) = await access.FindAsync(caller, imageId, cancellationToken);
        RequireShared(image);
        if (!policy.Allows(caller, PolicyAction.GetMembers, image, isMember))
        {
            throw ImageAccess.NoSuchImage(imageId);
        }

        var members = await registry.ListMembersAsync(imageId, cancellationToken);
        return SeesAll(caller, image) ? members : [.. members.Where(m => m.MemberId == caller.ProjectId)];
    }

    /// <summary>One member.</summary>
    public async Task<ImageMember> GetAsync(Caller caller, string imageId, string memberId, CancellationToken cancellationToken)
    {
        var (image, isMember) = await access.FindAsync(caller, imageId, cancellationToken);
        var visible = image.Visibility == ImageVisibility.Shared
            && policy.Allows(caller, PolicyAction.GetMember, image, isMember)
            && (SeesAll(caller, image) || memberId == caller.ProjectId);
        return visible && await registry.FindMemberAsync(imageId, memberId, cancellationToken) is { } member
            ? member
            : throw NoSuchMember(imageId, memberId);
    }

    /// <summary>Shares an image; the member starts as pending.</summary>
    public async Task<ImageMember> AddAsync(Caller caller, string imageId, string memberId, CancellationToken cancellationToken)
    {
        var image = await FindForAsync(caller, imageId, PolicyAction.AddMember, "create", cancellationToken);
        if (string.IsNullOrEmpty(memberId))
        {
            throw new ImageException(ImageError.Invalid, "Member can't be empty");
        }

        if (memberId.Length > MemberIdLimit || !ImageValues.IsStorable(memberId))
        {
            throw new ImageException(ImageError.Invalid, $"Member must be a project id of at most {MemberIdLimit} characters.");
        }

        var (member, count) = await registry.WriteAsync(
            async (tx, ct) =>
            {
                var count = await tx.CountMembersAsync(image.Id, ct);
                var full = options.MemberQuota >= 0 && count >= options.MemberQuota;
                return full && await tx.FindMemberAsync(image.Id, memberId, ct) is null
                    ? (null, count)
                    : (await tx.InsertMemberAsync(image.Id, memberId, ct), -1);
            },
            cancellationToken);
        if (count >= 0)
        {
            throw ImageValues.OverQuota("members", count + 1, options.MemberQuota);
        }

        return member ?? throw new ImageException(ImageError.Conflict, $"Member {memberId} is duplicated for image {imageId}");
    }

    /// <summary>Answers a share, on behalf of the member.</summary>
    public async Task<ImageMember> SetStatusAsync(Caller caller, string imageId, string memberId, MemberStatus status, CancellationToken cancellationToken)
    {
        var (image, isMember) = await access.FindAsync(caller, imageId, cancellationToken);
        RequireShared(image);
        if (!policy.Allows(caller, PolicyAction.ModifyMember, image, isMember))
        {
            throw NotAllowed("update", imageId);
        }

        var mayAnswer = caller.IsAdmin || memberId == caller.ProjectId;
        return (mayAnswer ? await registry.WriteAsync((tx, ct) => tx.UpdateMemberAsync(imageId, memberId, status, ct), cancellationToken) : null)
            ?? throw NoSuchMember(imageId, memberId);
    }

    /// <summary>Ends a share.</summary>
    public async Task RemoveAsync(Caller caller, string imageId, string memberId, CancellationToken cancellationToken)
    {
        var image = await FindForAsync(caller, imageId, PolicyAction.DeleteMember, "delete", cancellationToken);
        if (!await registry.WriteAsync((tx, ct) => tx.DeleteMemberAsync(image.Id, memberId, ct), cancellationToken))
        {
            throw NoSuchMember(imageId, memberId);
        }
    }

    private static bool SeesAll(Caller caller, Image image) => caller.IsAdmin || (caller.ProjectId is not null && image.Owner == caller.ProjectId);

    private static void RequireShared(Image image)
    {
        if (image.Visibility != ImageVisibility.Shared)
        {
            throw new ImageException(ImageError.Forbidden, "Only shared images have members.");
        }
    }

    private static ImageException NotAllowed(string verb, string imageId) =>
        new(ImageError.Forbidden, $"Not allowed to {verb} members for image {imageId}.");

    private static ImageException NoSuchMember(string imageId, string memberId) =>
        new(ImageError.NotFound, $"{memberId} not found in the member list of the image {imageId}.");

    private async Task<Image> FindForAsync(Caller caller, string imageId, PolicyAction action, string verb, CancellationToken cancellationToken)
    {
        var (image, isMember) = await access.FindAsync(caller, imageId, cancellationToken);
        if (!policy.Allows(caller, action, image, isMember))
        {
            throw NotAllowed(verb, imageId);
        }

        RequireShared(image);
        return image;
    }
}
