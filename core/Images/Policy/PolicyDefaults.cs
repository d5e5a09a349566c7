namespace GlanceGateway.Images;

/// <summary>A rule as it is written.</summary>
/// <param name="Name">Its name (<c>get_image</c>).</param>
/// <param name="Check">The check, in the language that <see cref="CheckParser"/> describes.</param>
/// <param name="Description">What it is about.</param>
internal sealed record PolicyRuleText(string Name, string Check, string Description);

/// <summary>Glance's default rules, in its own check language. A new action is a line here and one in <see cref="PolicyAction"/>.</summary>
/// <remarks>
/// <c>None:%(owner)s</c> stands for images that nobody owns: they are visible to all. That an image is shared is no reason here to
/// allow anything; that it is shared with the caller's project (<c>member_id</c>) is.
/// </remarks>
internal static class PolicyDefaults
{
    private const string Owns = "project_id:%(project_id)s";
    private const string IsMember = "project_id:%(member_id)s";
    private const string Reaches = $"{Owns} or {IsMember} or 'public':%(visibility)s or 'community':%(visibility)s or None:%(owner)s";
    private const string OwnDefinitions = $"role:admin or (role:reader and {Owns})";
    private const string SeesDefinitions = $"role:admin or (role:reader and ({Owns} or 'public':%(visibility)s or None:%(owner)s))";
    private const string OwningMember = $"role:admin or (role:member and {Owns})";

    /// <summary>What other rules refer to.</summary>
    public static IReadOnlyList<PolicyRuleText> Shared { get; } =
    [
        new("default", "", "For rules that refer to it"),
        new("context_is_admin", "role:admin", "Who is an administrator, for rules that refer to it"),
        new("service_api", "role:service or role:admin", "Who calls on behalf of a service, for rules that refer to it"),
        new("metadef_default", "rule:default", "For rules that refer to it"),
        new("metadef_admin", "rule:context_is_admin", "For rules that refer to it"),
    ];

    /// <summary>One for every action.</summary>
    public static IReadOnlyList<PolicyRuleText> Actions { get; } =
    [
        Of(PolicyAction.GetImages, $"role:admin or (role:reader and {Owns})", "List images"),
        Of(PolicyAction.GetImage, $"role:admin or (role:reader and ({Reaches}))", "See an image"),
        Of(PolicyAction.DownloadImage, $"role:admin or (role:member and ({Reaches}))", "Read an image's data"),
        Of(PolicyAction.AddImage, $"role:admin or (role:member and {Owns} and project_id:%(owner)s)", "Create an image"),
        Of(PolicyAction.ModifyImage, OwningMember, "Change an image's attributes"),
        Of(PolicyAction.DeleteImage, OwningMember, "Delete an image"),
        Of(PolicyAction.UploadImage, OwningMember, "Write an image's data"),
        Of(PolicyAction.PublicizeImage, "role:admin", "Make an image public"),
        Of(PolicyAction.CommunitizeImage, OwningMember, "Make an image visible to the community"),
        Of(PolicyAction.Deactivate, OwningMember, "Close an image's data to all but administrators"),
        Of(PolicyAction.Reactivate, OwningMember, "Open the data of a deactivated image again"),
        Of(PolicyAction.AddMember, OwningMember, "Share an image"),
        Of(PolicyAction.DeleteMember, OwningMember, "End a share"),
        Of(PolicyAction.GetMember, $"role:admin or (role:reader and ({Owns} or {IsMember}))", "See with whom an image is shared, one by one"),
        Of(PolicyAction.GetMembers, $"role:admin or (role:reader and ({Owns} or {IsMember}))", "List with whom an image is shared"),
        Of(PolicyAction.ModifyMember, $"role:admin or (role:member and {IsMember})", "Answer a share"),
        Of(PolicyAction.CopyImage, "role:admin", "Copy an active image's data to more stores"),
        Of(PolicyAction.TasksApiAccess, "role:admin", "Use the tasks API"),
        Of(PolicyAction.GetImageLocation, $"role:admin or (role:reader and {Owns})", "See where an image's data lies"),
        Of(PolicyAction.SetImageLocation, OwningMember, "Add or rearrange locations by changing the image"),
        Of(PolicyAction.DeleteImageLocation, "role:admin", "Remove one copy of an image's data"),
        Of(PolicyAction.AddImageLocation, $"rule:service_api or (role:member and {Owns} and project_id:%(owner)s)", "Add data that lies somewhere already"),
        Of(PolicyAction.FetchImageLocation, "rule:service_api", "See where an image's data lies, for services"),
        Of(PolicyAction.StoresInfoDetail, "rule:service_api", "See how stores are configured"),
        Of(PolicyAction.CacheList, "role:admin", "See what the cache holds"),
        Of(PolicyAction.CacheImage, "role:admin", "Have an image fetched into the cache"),
        Of(PolicyAction.CacheDelete, "role:admin", "Have the cache forget an image, or everything"),
        Of(PolicyAction.CacheClean, "role:admin", "Have the cache forget what is of no use"),
        Of(PolicyAction.CachePrune, "role:admin", "Have the cache keep to its limit"),
        Of(PolicyAction.ListCachedNodes, "role:admin", "See which gateways have an image in their cache"),
        Of(PolicyAction.GetMetadefNamespace, SeesDefinitions, "See a namespace of metadata definitions"),
        Of(PolicyAction.GetMetadefNamespaces, OwnDefinitions, "List namespaces of metadata definitions"),
        Of(PolicyAction.AddMetadefNamespace, "rule:metadef_admin", "Create a namespace"),
        Of(PolicyAction.ModifyMetadefNamespace, "rule:metadef_admin", "Change a namespace's attributes"),
        Of(PolicyAction.DeleteMetadefNamespace, "rule:metadef_admin", "Delete a namespace"),
        Of(PolicyAction.GetMetadefObject, SeesDefinitions, "See an object of a namespace"),
        Of(PolicyAction.GetMetadefObjects, SeesDefinitions, "List the objects of a namespace"),
        Of(PolicyAction.AddMetadefObject, "rule:metadef_admin", "Add an object to a namespace"),
        Of(PolicyAction.ModifyMetadefObject, "rule:metadef_admin", "Change an object of a namespace"),
        Of(PolicyAction.DeleteMetadefObject, "rule:metadef_admin", "Delete objects of a namespace"),
        Of(PolicyAction.ListMetadefResourceTypes, SeesDefinitions, "List the known resource types"),
        Of(PolicyAction.GetMetadefResourceType, SeesDefinitions, "List the resource types of a namespace"),
        Of(PolicyAction.AddMetadefResourceTypeAssociation, "rule:metadef_admin", "Associate a namespace with a resource type"),
        Of(PolicyAction.RemoveMetadefResourceTypeAssociation, "rule:metadef_admin", "End an association with a resource type"),
        Of(PolicyAction.GetMetadefProperty, SeesDefinitions, "See a property of a namespace"),
        Of(PolicyAction.GetMetadefProperties, SeesDefinitions, "List the properties of a namespace"),
        Of(PolicyAction.AddMetadefProperty, "rule:metadef_admin", "Add a property to a namespace"),
        Of(PolicyAction.ModifyMetadefProperty, "rule:metadef_admin", "Change a property of a namespace"),
        Of(PolicyAction.RemoveMetadefProperty, "rule:metadef_admin", "Delete properties of a namespace"),
        Of(PolicyAction.GetMetadefTag, SeesDefinitions, "See a tag of a namespace"),
        Of(PolicyAction.GetMetadefTags, SeesDefinitions, "List the tags of a namespace"),
        Of(PolicyAction.AddMetadefTag, "rule:metadef_admin", "Add a tag to a namespace"),
        Of(PolicyAction.AddMetadefTags, "rule:metadef_admin", "Set the tags of a namespace"),
        Of(PolicyAction.ModifyMetadefTag, "rule:metadef_admin", "Change a tag of a namespace"),
        Of(PolicyAction.DeleteMetadefTag, "rule:metadef_admin", "Delete a tag of a namespace"),
        Of(PolicyAction.DeleteMetadefTags, "rule:metadef_admin", "Delete all tags of a namespace"),
    ];

    /// <summary>Glance's rules for what this gateway does not do: an operator's file may hold them, they decide nothing.</summary>
    public static IReadOnlySet<string> Elsewhere { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "download_from_store", "copy_from",
        "manage_image_cache",
        "get_task", "get_tasks", "add_task", "modify_task",
    };

    private static PolicyRuleText Of(PolicyAction action, string check, string description) => new(PolicyRules.RuleName(action), check, description);
}
