using System.Runtime.InteropServices;

namespace GlanceGateway.Host;

/// <summary>What the kernel knows of its clock.</summary>
internal static unsafe partial class LinuxClock
{
    /// <summary>What adjtimex(2) returns for a clock that nobody has set by a better one.</summary>
    private const int Unsynchronised = 5;

    /// <summary>Larger than <c>struct timex</c> of sys/timex.h, which has 208 bytes on 64-bit Linux.</summary>
    private const int Room = 512;

    /// <summary>Whether a time server disciplines the clock; in a container, that of the host.</summary>
    public static bool IsSynchronised()
    {
        // All zero: modes of 0 only asks.
        var timex = stackalloc byte[Room];
        new Span<byte>(timex, Room).Clear();
        return adjtimex(timex) is >= 0 and not Unsynchronised;
    }

    [LibraryImport("libc")]
    private static partial int adjtimex(byte* timex);
}
