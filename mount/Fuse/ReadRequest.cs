using System.Runtime.InteropServices;

namespace GlanceGateway.Fuse;

/// <summary>A read of a file.</summary>
/// <param name="Node">The node read.</param>
/// <param name="Handle">What the open answered.</param>
/// <param name="Offset">First byte, from 0.</param>
/// <param name="Size">Bytes wanted, 1 to the negotiated largest read.</param>
/// <param name="Caller">Who reads; for read-ahead, whoever caused it.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct ReadRequest(ulong Node, ulong Handle, long Offset, int Size, FuseCaller Caller);
