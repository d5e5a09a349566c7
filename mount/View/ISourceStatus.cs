using System.Text.Json;

namespace GlanceGateway.View;

/// <summary>On an <see cref="IImageSource"/>: it has something to say on the page <c>/.status</c>.</summary>
public interface ISourceStatus
{
    /// <summary>Writes members into an object that is open; without waiting, and without secrets.</summary>
    void WriteStatus(Utf8JsonWriter json);
}
