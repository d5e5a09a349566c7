namespace GlanceGateway.Plugins.Swift;

/// <summary>Where the object of an image is, and by which connection it is reached.</summary>
/// <param name="Connection">To the account.</param>
/// <param name="Container">The container.</param>
/// <param name="Name">The object.</param>
/// <param name="Location">The location that says all this.</param>
/// <param name="Project">The project to whose account the container belongs, which is the image's alone; null in the store's one container.</param>
internal sealed record ImagePlace(SwiftConnection Connection, string Container, string Name, string Location, string? Project);
