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
}
