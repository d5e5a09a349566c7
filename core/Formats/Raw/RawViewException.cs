namespace GlanceGateway.Formats.Raw;

/// <summary>An image whose disk cannot be shown as raw bytes: it needs other files or a key, is damaged, or is of a kind that is not read here.</summary>
/// <param name="reason">Why, as a sentence in plain words, with the remedy where there is one. Holds nothing that the image says but numbers.</param>
public sealed class RawViewException(string reason) : Exception(reason);
