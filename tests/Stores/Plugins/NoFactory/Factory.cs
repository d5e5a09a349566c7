namespace GlanceGateway.TestPlugins.NoFactory;

/// <summary>Is no factory: it has the name only.</summary>
public sealed class Factory;
