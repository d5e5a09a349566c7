using Microsoft.Net.Http.Headers;

namespace GlanceGateway.Api;

/// <summary>The type of a request's body.</summary>
internal static class MediaType
{
    /// <summary>Type and subtype in lower case without parameters; null when there is none or it cannot be read.</summary>
    public static string? Of(string? contentType) =>
        MediaTypeHeaderValue.TryParse(contentType, out var type) ? type.MediaType.Value?.ToLowerInvariant() : null;

    /// <summary>The refusal of a type.</summary>
    /// <param name="type">What came; null for none.</param>
    /// <param name="header">What goes with it.</param>
    public static ApiException Unsupported(string? type, (string Name, string Value)? header = null) =>
        new(415, type is null
            ? "The request names no media type that is supported by this server."
            : $"The request media type {type} is not supported by this server.") { Header = header };
}
