namespace GlanceGateway.Images;

/// <summary>What leases are called.</summary>
internal static class LeaseNames
{
    /// <summary>The one lease under which the data of an image is written or deleted.</summary>
    public static string OfImage(string id) => $"image/{id}";

    /// <summary>The lease under which the data at a location of an image is read for its hashes. Unlike the other it does not keep the image
    /// from being deleted.</summary>
    public static string OfHash(string id) => $"hash/{id}";
}
