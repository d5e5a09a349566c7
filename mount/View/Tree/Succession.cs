using GlanceGateway.Fuse;

namespace GlanceGateway.View;

/// <summary>What a server knows of those that served the same mount before it.</summary>
/// <param name="Generation">Which of them this is, from 1; 0 for a mount that no other process can take over.</param>
/// <param name="IsTakenOver">Whether the kernel may know nodes of earlier ones.</param>
/// <param name="Registrations">Backing files by the node whose opens name them.</param>
internal sealed record Succession(uint Generation, bool IsTakenOver, IReadOnlyDictionary<ulong, int> Registrations)
{
    /// <summary>The first and last server of a mount.</summary>
    internal static Succession None { get; } = new(0, IsTakenOver: false, new Dictionary<ulong, int>());

    /// <summary>Whether a number can be one that an earlier server gave the bytes of an image.</summary>
    internal bool MayBeInherited(ulong number) => IsTakenOver && NodeNumber.WithGeneration(number, Generation) != number;

    internal static Succession Of(KeptMount mount)
    {
        // A node that comes twice was registered anew while the older registration was being given back.
        Dictionary<ulong, int> registrations = [];
        foreach (KeptRegistration registration in mount.Registrations)
        {
            registrations[registration.Node] = registration.BackingId;
        }

        return new Succession(mount.Generation, mount.IsTakenOver, registrations);
    }
}
