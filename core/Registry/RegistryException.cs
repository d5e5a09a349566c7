namespace GlanceGateway.Registry;

/// <summary>The registry cannot be used as it is; the message names the file and the remedy.</summary>
public sealed class RegistryException(string message, Exception? innerException = null) : Exception(message, innerException);

/// <summary>The marker of a list is no image that the viewer can see.</summary>
public sealed class UnknownMarkerException(string marker) : Exception($"No image found with ID {marker}")
{
    /// <summary>The marker as given.</summary>
    public string Marker { get; } = marker;
}
