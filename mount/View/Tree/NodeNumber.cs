using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace GlanceGateway.View;

/// <summary>
/// Numbers of nodes, derived from what the node is: the same after a restart and on every host, so that a server that takes
/// over a live mount understands the numbers the kernel remembers.
/// </summary>
/// <remarks>
/// An image's inode number and the number of the node that serves its bytes come from different <i>kinds</i>. A node served
/// by passthrough may therefore one day stand beside the one served by copying, under the same inode number: the kernel
/// refuses both manners on one node.
/// <para>The lowest bits of an image's node say which server of a kept mount gave it out. What an earlier one gave out names the same bytes under a number
/// of its own: the kernel may have it open in a manner that the successor does not know, and opens by new lookups never meet those.</para>
/// </remarks>
internal static class NodeNumber
{
    internal const string Directory = "directory";
    internal const string Link = "link";
    internal const string ImageInode = "image";
    internal const string ImageNode = "image/open";
    internal const string Text = "text";
    private const string Cookie = "cookie";

    private const ulong Generations = 1 << 12;

    private const int FirstFree = 16; // 0 means "none" and 1 the root in the protocol; the others are room to breathe

    /// <summary>The number of a thing; the next one that is free when another thing has it.</summary>
    internal static ulong Of(string kind, string key, Func<ulong, bool> taken)
    {
        ulong number = Hash(kind, key);
        while (number < FirstFree || taken(number))
        {
            number = number < FirstFree ? FirstFree : number + 1;
        }

        return number;
    }

    /// <summary>The number that a server gives the node of an image's bytes.</summary>
    internal static ulong OfImage(string content, uint generation, Func<ulong, bool> taken)
    {
        ulong number = WithGeneration(Hash(ImageNode, content) + Generations, generation);
        while (taken(number))
        {
            number += Generations;
        }

        return number;
    }

    /// <summary>The number that another server of the mount gives the same node.</summary>
    internal static ulong WithGeneration(ulong number, uint generation) => (number & ~(Generations - 1)) | (generation & (Generations - 1));

    /// <summary>Where a name stands in the listing of its directory; below 2^62, since cookies are signed on their way to programs.</summary>
    internal static ulong CookieOf(string name, Func<ulong, bool> taken) => Of(Cookie, name, taken);

    private static ulong Hash(string kind, string key)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        // A cryptographic one, because users choose the keys: nobody shall fill a listing with collisions.
        SHA256.HashData(Encoding.UTF8.GetBytes(kind + "\0" + key), hash);
        return BinaryPrimitives.ReadUInt64LittleEndian(hash) >> 2;
    }
}
