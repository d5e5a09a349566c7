using System.Runtime.InteropServices;

namespace GlanceGateway.Formats.Raw;

/// <summary>What a run of bytes of the disk is in the file.</summary>
internal enum RunKind
{
    /// <summary>Nothing is stored: it reads as zeros.</summary>
    Zero,

    /// <summary>The same bytes lie in the file.</summary>
    Data,

    /// <summary>Part of a cluster that is stored compressed.</summary>
    Packed,
}

/// <summary>A run of bytes of the disk, from the byte that was asked for.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Length">Bytes for which this holds, more than 0; may reach behind the end of the disk.</param>
/// <param name="At">Where in the file: of the first byte of the run, or of the compressed cluster.</param>
/// <param name="PackedLength">Bytes of the compressed cluster, at most.</param>
/// <param name="Skip">Bytes of the unpacked cluster before the run.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Run(RunKind Kind, long Length, long At = 0, int PackedLength = 0, int Skip = 0);
