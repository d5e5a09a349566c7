using System.Text.Json;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary><c>copy-image</c>: the data is that of the image itself, in stores that have it.</summary>
internal sealed class CopyImport : IImportMethod
{
    public string Name => ImportMethodNames.CopyImage;

    public ImageStatus From => ImageStatus.Active;

    public PolicyAction Action => PolicyAction.CopyImage;

    public string WrongStatus => "Only images with status active can be targeted for copying";

    public void Check(JsonElement method)
    {
        // There is nothing to say but the name; more is ignored, as in Glance.
    }
}
