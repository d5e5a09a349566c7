using GlanceGateway.Abstractions;

namespace GlanceGateway.Images;

/// <summary>What a store's refusal to take data means to the user.</summary>
internal static class StoreRefusals
{
    /// <summary>Passes <see cref="StoreOutcome.Ok"/>.</summary>
    /// <exception cref="ImageException">Anything else.</exception>
    public static void Require(StoreOutcome outcome)
    {
        if (outcome != StoreOutcome.Ok)
        {
            throw Of(outcome);
        }
    }

    public static ImageException Of(StoreOutcome outcome) => outcome switch
    {
        StoreOutcome.Full => new(ImageError.TooLarge, "There is not enough disk space on the image storage media."),
        StoreOutcome.Denied => new(ImageError.Unavailable, "Insufficient permissions on image storage media."),
        StoreOutcome.Duplicate => new(ImageError.Conflict, "The store already holds an object of this image's name."),
        StoreOutcome.InUse => new(ImageError.Conflict, "The store says that the image is in use."),
        _ => new(ImageError.Failed, "The store did not take the data."),
    };

    public static ImageException Of(StoreException failure) => failure.Error switch
    {
        StoreError.Unavailable or StoreError.TimedOut => new(ImageError.Unavailable, "The image storage is not available for now.", failure),
        _ => new(ImageError.Failed, "The image storage failed.", failure),
    };
}
