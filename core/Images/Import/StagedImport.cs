using System.Text.Json;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary><c>glance-direct</c>: the data is staged already.</summary>
internal sealed class StagedImport : IImportMethod
{
    public string Name => ImportMethodNames.GlanceDirect;

    public ImageStatus From => ImageStatus.Uploading;

    public PolicyAction Action => PolicyAction.ModifyImage;

    public string WrongStatus => "Image needs to be staged before 'glance-direct' method can be used";

    public void Check(JsonElement method)
    {
        // There is nothing to say but the name; more is ignored, as in Glance.
    }
}
