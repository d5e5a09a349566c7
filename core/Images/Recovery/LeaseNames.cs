namespace GlanceGateway.Images;

/// <summary>What leases are called.</summary>
internal static class LeaseNames
{
    /// <summary>The one lease under which the data of an image is written or deleted.</summary>
    public static string OfImage(string id) => $"image/{id}";
}
