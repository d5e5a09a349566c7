using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>Which role may do what to which image: Glance's defaults, and an operator's rules over them. The one place that knows roles.</summary>
/// <remarks>
/// Roles come expanded (an administrator's list holds member and reader too), as Keystone hands them out. Data visibility is a
/// second, independent fence: <see cref="ImageAccess"/> and the registry's queries keep it whatever a policy says.
/// </remarks>
/// <param name="rules">The rules to begin with.</param>
public sealed class PolicyRules(PolicySet rules)
{
    private static readonly string[] names = [.. Enum.GetValues<PolicyAction>().Select(SnakeCase)];

    private volatile PolicySet rules = rules;

    /// <summary>Glance's default rules.</summary>
    public PolicyRules()
        : this(PolicySet.Default)
    {
    }

    /// <summary>The rules in force.</summary>
    public PolicySet Current => rules;

    /// <summary>Puts other rules in force: for what is asked from now on.</summary>
    public void Use(PolicySet replacement) => rules = replacement;

    /// <summary>Whether the caller may do it.</summary>
    /// <param name="caller">Who.</param>
    /// <param name="action">What.</param>
    /// <param name="image">To which image, as it is or as it is to be created; null for actions on no image.</param>
    /// <param name="isMember">Whether the image is shared with the caller's project.</param>
    public bool Allows(Caller caller, PolicyAction action, Image? image, bool isMember) =>
        HasScope(caller) && rules.Of(action).Check.Holds(new PolicyQuestion(caller, image, isMember));

    /// <summary>Refuses what <see cref="Allows"/> does not allow.</summary>
    /// <exception cref="ImageException"><see cref="ImageError.Forbidden"/>.</exception>
    public void Require(Caller caller, PolicyAction action, Image? image, bool isMember)
    {
        RequireScope(caller, action);
        if (!Allows(caller, action, image, isMember))
        {
            throw new ImageException(ImageError.Forbidden, $"You are not authorized to complete {RuleName(action)} action.");
        }
    }

    /// <summary>Refuses tokens of the system or a domain: every rule is about a project's token, an administrator's too.</summary>
    /// <exception cref="ImageException"><see cref="ImageError.Forbidden"/>.</exception>
    public static void RequireScope(Caller caller, PolicyAction action)
    {
        if (!HasScope(caller))
        {
            throw new ImageException(
                ImageError.Forbidden,
                $"{RuleName(action)} requires a scope of ['project'], request was made with {(caller.SystemScope is null ? "domain" : "system")} scope.");
        }
    }

    /// <summary>Glance's name of a rule.</summary>
    public static string RuleName(PolicyAction action) => names[(int)action];

    /// <summary>Whether the token is of a project. One without any scope counts as such: it then owns nothing.</summary>
    internal static bool HasScope(Caller caller) => caller.SystemScope is null && caller.DomainId is null;

    private static string SnakeCase(PolicyAction action) =>
        string.Concat(action.ToString().Select((c, i) => char.IsUpper(c) ? (i == 0 ? "" : "_") + char.ToLowerInvariant(c) : c.ToString()));
}
