using System.Globalization;
using System.Runtime.InteropServices;

namespace GlanceGateway.Fuse;

/// <summary>A process that serves a mount, told from a later one with the same number.</summary>
/// <param name="Id">Its number; 0 for none, or one that the keeper cannot see.</param>
/// <param name="Started">When it began, in ticks of the system's clock since the boot.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ServingProcess(int Id, ulong Started)
{
    /// <summary>Whether it still runs: it may hold the device, and read from it.</summary>
    internal bool IsAlive => Id > 0 && Started != 0 && StartOf(Id) == Started;

    /// <summary>The process with a number, as it is now.</summary>
    internal static ServingProcess Of(int id) => new(id, StartOf(id));

    private static ulong StartOf(int id)
    {
        if (id <= 0)
        {
            return 0;
        }

        try
        {
            string stat = File.ReadAllText($"/proc/{id.ToString(CultureInfo.InvariantCulture)}/stat");
            // The name may hold anything; behind it come the state, and as the twentieth the start (proc(5)).
            string[] fields = stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            return fields.Length > 19 && fields[0] is not ("Z" or "X") && ulong.TryParse(fields[19], NumberStyles.None, CultureInfo.InvariantCulture, out ulong started) ? started : 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }
}
