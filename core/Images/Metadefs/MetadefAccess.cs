using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>Who may see and change namespaces. What a caller may not see does not exist for it.</summary>
internal sealed class MetadefAccess(PolicyRules policy)
{
    /// <summary>The namespace itself, when the caller sees it and may do all of this to it.</summary>
    /// <exception cref="ImageException"><see cref="ImageError.NotFound"/> or <see cref="ImageError.Forbidden"/>.</exception>
    public MetadefNamespace Require(Caller caller, string name, MetadefNamespace? found, params ReadOnlySpan<PolicyAction> actions)
    {
        PolicyRules.RequireScope(caller, PolicyAction.GetMetadefNamespace);
        if (found is null || !Sees(caller, found))
        {
            throw MetadefRefusals.NoSuchNamespace(name);
        }

        foreach (var action in actions)
        {
            policy.Require(caller, action, Target(found), isMember: false);
        }

        return found;
    }

    /// <summary>Refuses a caller who may not do this to a namespace, be it one that is to be made.</summary>
    public void Require(Caller caller, PolicyAction action, MetadefNamespace? target) =>
        policy.Require(caller, action, target is null ? null : Target(target), isMember: false);

    /// <summary>Whether the caller sees it: the fence around private namespaces stands whatever the policy says.</summary>
    public bool Sees(Caller caller, MetadefNamespace found) =>
        (caller.IsAdmin || found.IsPublic || found.Owner is null || found.Owner == caller.ProjectId)
        && policy.Allows(caller, PolicyAction.GetMetadefNamespace, Target(found), isMember: false);

    /// <summary>A namespace as rules name its attributes. They are those of images, and more go as properties.</summary>
    private static Image Target(MetadefNamespace found) => new()
    {
        Id = "",
        Name = found.Name,
        Owner = found.Owner,
        Visibility = found.IsPublic ? ImageVisibility.Public : ImageVisibility.Private,
        Protected = found.Protected,
        Properties = [new("namespace", found.Name), new("display_name", found.DisplayName), new("description", found.Description)],
    };
}
