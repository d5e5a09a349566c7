using GlanceGateway.Formats;
using GlanceGateway.Registry;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Images;

/// <summary>Checks that the content of an image is what the image is said to be, and safe to open.</summary>
internal sealed class ContentJudge(ImageOptions options, ILogger log)
{
    /// <summary>Judges data whose image has both formats. They cannot change while data is written.</summary>
    /// <returns>Bytes of the disk that a guest sees; null when unknown, and for no data at all.</returns>
    /// <exception cref="ImageException"><see cref="ImageError.UnsupportedContent"/>.</exception>
    public long? Judge(Image image, UploadedData data)
    {
        var verdict = FormatRules.Judge(image.DiskFormat!, image.ContainerFormat!, data.Content, options.FormatPolicy, data.Size);
        if (verdict is not FormatVerdict.Accepted accepted)
        {
            throw new ImageException(ImageError.UnsupportedContent, ((FormatVerdict.Refused)verdict).Message);
        }

        if (accepted.Warning is { } warning)
        {
            ImageLog.ContentDoubtful(log, image.Id, warning);
        }

        return data.Size == 0 ? null : accepted.VirtualSize;
    }
}
