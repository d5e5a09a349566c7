namespace GlanceGateway.Registry;

/// <summary>What a project uses and may have a limit of.</summary>
public enum UsageKind
{
    /// <summary>Bytes in stores: the size of each image times the number of its locations.</summary>
    StoredBytes,

    /// <summary>Bytes in staging: the sizes of images that are <c>uploading</c> or <c>importing</c>.</summary>
    StagedBytes,

    /// <summary>Images, with data or without.</summary>
    Images,

    /// <summary>Images whose data is on its way: <c>saving</c>, <c>uploading</c>, <c>importing</c>.</summary>
    Transfers,
}
