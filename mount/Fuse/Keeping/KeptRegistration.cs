using System.Runtime.InteropServices;

namespace GlanceGateway.Fuse;

/// <summary>A backing file that opens of a node may name; from an earlier server of the same mount.</summary>
/// <param name="Node">The node.</param>
/// <param name="BackingId">Number of the registration, above 0.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct KeptRegistration(ulong Node, int BackingId);
