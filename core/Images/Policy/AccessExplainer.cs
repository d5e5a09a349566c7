using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>Says in words what decides whether a caller may do something, as the services of this project decide it.</summary>
public sealed class AccessExplainer(PolicySet policy)
{
    private const string NotShared = "only shared images have members";

    /// <summary>Explains an action.</summary>
    /// <param name="caller">Who.</param>
    /// <param name="action">What.</param>
    /// <param name="image">To which image; null when there is none of the id, and for <see cref="NeedsImage">actions that need none</see>.</param>
    /// <param name="hasMemberRow">Whether the caller's project is in the image's list of members.</param>
    public AccessExplanation Explain(Caller caller, PolicyAction action, Image? image, bool hasMemberRow)
    {
        if (!PolicyRules.HasScope(caller))
        {
            return new(ImageError.Forbidden, "the token is of the system or a domain, and every rule wants one of a project", null, []);
        }

        if (!NeedsImage(action))
        {
            var made = action == PolicyAction.AddImage ? new Image { Id = Guid.Empty.ToString(), Owner = caller.ProjectId } : null;
            var rule = Ask(action, new(caller, made, IsMember: false));
            return rule.Holds
                ? new(null, $"the rule {rule.Rule} holds", null, [rule])
                : new(ImageError.Forbidden, $"the rule {rule.Rule} does not hold", null, [rule]);
        }

        return image is null
            ? new(ImageError.NotFound, "there is no such image", null, [])
            : ExplainImage(new(caller, image, hasMemberRow && ImageAccess.MayBeMember(caller, image)), image, action);
    }

    /// <summary>Whether an action is about an image that exists.</summary>
    public static bool NeedsImage(PolicyAction action) => action is not (PolicyAction.GetImages or PolicyAction.AddImage or PolicyAction.StoresInfoDetail
        or PolicyAction.CacheList or PolicyAction.CacheImage or PolicyAction.CacheDelete or PolicyAction.CacheClean or PolicyAction.CachePrune
        or PolicyAction.ListCachedNodes);

    /// <summary>Whether an action is about images, so that it can be explained. Metadata definitions have actions of their own.</summary>
    public static bool IsAboutImages(PolicyAction action) => !PolicyRules.RuleName(action).Contains("metadef", StringComparison.Ordinal);

    private AccessExplanation ExplainImage(in PolicyQuestion question, Image image, PolicyAction action)
    {
        var sight = Sight(question, image);
        if (!ImageAccess.IsVisible(question.Caller, image, question.IsMember))
        {
            return new(ImageError.NotFound, sight, sight, []);
        }

        var rules = new List<RuleExplanation> { Ask(PolicyAction.GetImage, question) };
        if (!rules[0].Holds)
        {
            return new(ImageError.NotFound, "the rule get_image does not hold, so the image does not exist for this caller", sight, rules);
        }

        if (action is PolicyAction.GetMembers or PolicyAction.ModifyMember && image.Visibility != ImageVisibility.Shared)
        {
            return new(ImageError.Forbidden, NotShared, sight, rules);
        }

        // A change of visibility is a change, and its rule is asked about the image as it is to be.
        var target = image;
        if (action is PolicyAction.PublicizeImage or PolicyAction.CommunitizeImage)
        {
            rules.Add(Ask(PolicyAction.ModifyImage, question));
            target = image with { Visibility = action == PolicyAction.PublicizeImage ? ImageVisibility.Public : ImageVisibility.Community };
        }

        if (action != PolicyAction.GetImage && rules[^1].Holds)
        {
            rules.Add(Ask(action, question with { Image = target, IsMember = question.IsMember && ReferenceEquals(target, image) }));
        }

        if (!rules[^1].Holds)
        {
            var hidden = action is PolicyAction.GetMember or PolicyAction.GetMembers;
            return new(hidden ? ImageError.NotFound : ImageError.Forbidden, $"the rule {rules[^1].Rule} does not hold", sight, rules);
        }

        return Obstacle(question.Caller, image, action) is { } obstacle
            ? new(obstacle.Error, obstacle.Reason, sight, rules)
            : new(null, $"the rule {rules[^1].Rule} holds", sight, rules);
    }

    /// <summary>What forbids it though the rules allow it.</summary>
    private static (ImageError Error, string Reason)? Obstacle(Caller caller, Image image, PolicyAction action) => action switch
    {
        PolicyAction.DownloadImage when image.Status == ImageStatus.Deactivated && !caller.IsAdmin =>
            (ImageError.Forbidden, "the image is deactivated: its data is for administrators only"),
        PolicyAction.Deactivate or PolicyAction.Reactivate when image.Status is not (ImageStatus.Active or ImageStatus.Deactivated) =>
            (ImageError.Forbidden, $"the image is {WireNames.Of(image.Status)}: only active and deactivated ones can be switched"),
        PolicyAction.DeleteImage when image.Protected => (ImageError.Forbidden, "the image is protected"),
        PolicyAction.GetMember when image.Visibility != ImageVisibility.Shared => (ImageError.NotFound, NotShared),
        PolicyAction.AddMember or PolicyAction.DeleteMember when image.Visibility != ImageVisibility.Shared => (ImageError.Forbidden, NotShared),
        _ => null,
    };

    private static string Sight(in PolicyQuestion question, Image image)
    {
        var (project, owner) = (Project(question.Caller), image.Owner);
        var visibility = WireNames.Of(image.Visibility);
        return image.Visibility switch
        {
            _ when question.Caller.IsAdmin => "the caller is an administrator, who sees every image",
            _ when owner is null => "nobody owns the image, so everybody sees it",
            _ when owner == question.Caller.ProjectId => $"{project} owns the image",
            ImageVisibility.Public => $"the image is {visibility}, so everybody sees it",
            ImageVisibility.Community => $"the image is {visibility}: everybody who knows its id sees it",
            ImageVisibility.Shared when question.IsMember => $"project {owner} shares the image with {project}",
            ImageVisibility.Shared => $"the image is {visibility} by project {owner}, but not with {project}",
            _ => $"the image is {visibility} to project {owner}, so {project} does not see it",
        };
    }

    private static string Project(Caller caller) => caller.ProjectId is { } project ? $"project {project}" : "a caller without a project";

    private RuleExplanation Ask(PolicyAction action, in PolicyQuestion question)
    {
        var rule = policy.Of(action);
        var checks = new List<CheckExplanation>();
        rule.Check.Explain(question, rule.Name, checks);
        return new(rule.Name, rule.Text, rule.IsOperators, rule.Check.Holds(question), checks);
    }
}
