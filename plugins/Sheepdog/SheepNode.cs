namespace GlanceGateway.Plugins.Sheepdog;

/// <summary>Where a node of the cluster listens.</summary>
internal sealed record SheepNode(string Host, int Port)
{
    /// <summary>As locations and people write it.</summary>
    public override string ToString() => $"{(Host.Contains(':') ? $"[{Host}]" : Host)}:{Port}";
}
