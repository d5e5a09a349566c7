namespace GlanceGateway.Fuse;

/// <summary>
/// What INIT settled. The kernel negotiates once per connection: whoever takes over a device later needs this record.
/// </summary>
/// <param name="Minor">Minor version of protocol 7 both sides speak.</param>
/// <param name="Flags">Abilities in use.</param>
/// <param name="MaxReadBytes">Largest read the kernel will ask for.</param>
public sealed record FuseNegotiation(int Minor, FuseAbilities Flags, int MaxReadBytes)
{
    /// <summary>Whether the kernel takes backing files. Registering one also needs CAP_SYS_ADMIN.</summary>
    public bool Passthrough => (Flags & FuseAbilities.Passthrough) != FuseAbilities.None;
}
