using System.Runtime.InteropServices;

namespace GlanceGateway.View;

/// <summary>Something the kernel shall drop from its caches.</summary>
/// <param name="Node">The directory of the name, or the node itself.</param>
/// <param name="Name">The name to drop; null for the attributes of the node.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Invalidation(ulong Node, byte[]? Name);

/// <summary>What an update did.</summary>
/// <param name="Invalidations">For the kernel.</param>
/// <param name="Gone">Images whose bytes no name leads to any more.</param>
internal sealed record TreeChange(List<Invalidation> Invalidations, List<ImageNode> Gone);
