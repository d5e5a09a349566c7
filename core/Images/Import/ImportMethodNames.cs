namespace GlanceGateway.Images;

/// <summary>Glance's names of import methods.</summary>
public static class ImportMethodNames
{
    /// <summary>Data that the client has staged.</summary>
    public const string GlanceDirect = "glance-direct";

    /// <summary>Data that the gateway fetches from a URL.</summary>
    public const string WebDownload = "web-download";

    /// <summary>Data of an active image, copied to more stores.</summary>
    public const string CopyImage = "copy-image";

    /// <summary>Data of an image in another region, which the gateway fetches as the user.</summary>
    public const string GlanceDownload = "glance-download";
}
