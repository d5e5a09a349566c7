using System.Globalization;

namespace GlanceGateway.Fuse;

// What a signal does to a thread that waits for an answer.
//
// The kernel says only that there was one. An answer of EINTR goes to the program as it is, and programs do not expect it of a file on a disk: there, open(2)
// and read(2) are never interrupted by a signal that has a handler. So who waits is answered early only when nobody will see the answer.
//
// /proc/<thread>/status (proc(5)) tells. A signal that kills a process is turned into SIGKILL for each of its threads when it is sent, unless it leaves a core
// behind, or the thread that it goes to has another signal pending already: these stay pending as what they are until the thread returns from the kernel,
// which it does not while it waits here.

/// <summary>Whether who waits for an answer will see it.</summary>
internal enum CallerFate
{
    /// <summary>It cannot be known: in another pid namespace, hidden, or gone.</summary>
    Unknown,

    /// <summary>He will, signals or not.</summary>
    GoesOn,

    /// <summary>He is being killed.</summary>
    Dies,
}

/// <summary>Looks at the signals of those who wait.</summary>
internal static class CallerSignals
{
    private const ulong Kill = 1ul << (9 - 1);

    // SIGCHLD 17 to SIGURG 23 (CONT, STOP, TSTP, TTIN, TTOU between them) and SIGWINCH 28 do not kill; all others do unless they are handled.
    private const ulong Harmless = (0x7ful << (17 - 1)) | (1ul << (28 - 1));

    // Where /proc is absent or that of other processes, its numbers say nothing.
    private static readonly bool s_isOurs =
        new FileInfo("/proc/self").LinkTarget == Environment.ProcessId.ToString(CultureInfo.InvariantCulture);

    /// <summary>What becomes of a thread after its wait. Never blocks.</summary>
    /// <param name="thread">Its id; 0 for one that cannot be seen from here.</param>
    internal static CallerFate Of(uint thread)
    {
        if (thread == 0 || !s_isOurs)
        {
            return CallerFate.Unknown;
        }

        try
        {
            return Of(File.ReadLines($"/proc/{thread.ToString(CultureInfo.InvariantCulture)}/status"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return CallerFate.Unknown;
        }
    }

    /// <summary>The same from the lines of its status.</summary>
    internal static CallerFate Of(IEnumerable<string> status)
    {
        ulong pending = 0;
        ulong handled = 0;
        bool isTraced = false;
        bool isWhole = false;
        foreach (string line in status)
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            ReadOnlySpan<char> value = line.AsSpan(colon + 1).Trim();
            switch (colon < 0 ? "" : line[..colon])
            {
                case "TracerPid":
                    isTraced = value is not "0";
                    break;
                case "SigPnd" or "ShdPnd":
                    pending |= Mask(value);
                    break;
                case "SigBlk" or "SigIgn":
                    handled |= Mask(value);
                    break;
                case "SigCgt":
                    handled |= Mask(value);
                    isWhole = true;
                    break;
                default:
                    break;
            }
        }

        // Who traces it hears of a signal first and may take it away, all but SIGKILL.
        ulong deadly = isTraced ? Kill : ~(handled | Harmless) | Kill;
        return !isWhole ? CallerFate.Unknown
            : (pending & deadly) == 0 ? CallerFate.GoesOn
            : CallerFate.Dies;
    }

    private static ulong Mask(ReadOnlySpan<char> value) => ulong.TryParse(value, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong mask) ? mask : 0;
}
