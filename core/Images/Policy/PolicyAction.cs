namespace GlanceGateway.Images;

/// <summary>What a caller wants to do, by Glance's rule names in snake case (<c>get_image</c>).</summary>
public enum PolicyAction
{
    /// <summary>List images.</summary>
    GetImages,

    /// <summary>See one image.</summary>
    GetImage,

    /// <summary>Read an image's data.</summary>
    DownloadImage,

    /// <summary>Create an image.</summary>
    AddImage,

    /// <summary>Change an image's attributes.</summary>
    ModifyImage,

    /// <summary>Delete an image.</summary>
    DeleteImage,

    /// <summary>Write an image's data.</summary>
    UploadImage,

    /// <summary>Make an image public.</summary>
    PublicizeImage,

    /// <summary>Make an image visible to the community.</summary>
    CommunitizeImage,

    /// <summary>Close an image's data to all but administrators.</summary>
    Deactivate,

    /// <summary>Open it again.</summary>
    Reactivate,

    /// <summary>Share an image.</summary>
    AddMember,

    /// <summary>End a share.</summary>
    DeleteMember,

    /// <summary>See one member.</summary>
    GetMember,

    /// <summary>List members.</summary>
    GetMembers,

    /// <summary>Answer a share.</summary>
    ModifyMember,

    /// <summary>Copy an active image's data to more stores.</summary>
    CopyImage,

    /// <summary>Use the tasks API.</summary>
    TasksApiAccess,

    /// <summary>See where an image's data lies.</summary>
    GetImageLocation,

    /// <summary>Add or rearrange locations by changing the image.</summary>
    SetImageLocation,

    /// <summary>Remove one copy of an image's data.</summary>
    DeleteImageLocation,

    /// <summary>Add data that lies somewhere already, by the resource for it.</summary>
    AddImageLocation,

    /// <summary>See where an image's data lies, by the resource for it.</summary>
    FetchImageLocation,

    /// <summary>See how stores are configured.</summary>
    StoresInfoDetail,

    /// <summary>See what the cache holds.</summary>
    CacheList,

    /// <summary>Have an image fetched into the cache.</summary>
    CacheImage,

    /// <summary>Have the cache forget an image, or everything.</summary>
    CacheDelete,

    /// <summary>Have the cache forget what is of no use.</summary>
    CacheClean,

    /// <summary>Have the cache keep to its limit.</summary>
    CachePrune,

    /// <summary>See which gateways have an image in their cache.</summary>
    ListCachedNodes,

    /// <summary>See a namespace of metadata definitions.</summary>
    GetMetadefNamespace,

    /// <summary>List namespaces of metadata definitions.</summary>
    GetMetadefNamespaces,

    /// <summary>Create a namespace.</summary>
    AddMetadefNamespace,

    /// <summary>Change a namespace's attributes.</summary>
    ModifyMetadefNamespace,

    /// <summary>Delete a namespace.</summary>
    DeleteMetadefNamespace,

    /// <summary>See an object of a namespace.</summary>
    GetMetadefObject,

    /// <summary>List the objects of a namespace.</summary>
    GetMetadefObjects,

    /// <summary>Add an object to a namespace.</summary>
    AddMetadefObject,

    /// <summary>Change an object of a namespace.</summary>
    ModifyMetadefObject,

    /// <summary>Delete objects of a namespace.</summary>
    DeleteMetadefObject,

    /// <summary>List the known resource types.</summary>
    ListMetadefResourceTypes,

    /// <summary>List the resource types of a namespace.</summary>
    GetMetadefResourceType,

    /// <summary>Associate a namespace with a resource type.</summary>
    AddMetadefResourceTypeAssociation,

    /// <summary>End an association with a resource type.</summary>
    RemoveMetadefResourceTypeAssociation,

    /// <summary>See a property of a namespace.</summary>
    GetMetadefProperty,

    /// <summary>List the properties of a namespace.</summary>
    GetMetadefProperties,

    /// <summary>Add a property to a namespace.</summary>
    AddMetadefProperty,

    /// <summary>Change a property of a namespace.</summary>
    ModifyMetadefProperty,

    /// <summary>Delete properties of a namespace.</summary>
    RemoveMetadefProperty,

    /// <summary>See a tag of a namespace.</summary>
    GetMetadefTag,

    /// <summary>List the tags of a namespace.</summary>
    GetMetadefTags,

    /// <summary>Add a tag to a namespace.</summary>
    AddMetadefTag,

    /// <summary>Set the tags of a namespace.</summary>
    AddMetadefTags,

    /// <summary>Change a tag of a namespace.</summary>
    ModifyMetadefTag,

    /// <summary>Delete a tag of a namespace.</summary>
    DeleteMetadefTag,

    /// <summary>Delete all tags of a namespace.</summary>
    DeleteMetadefTags,
}
