using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace GlanceGateway.Plugins.Sheepdog;

/// <summary>An answer's 48-byte header. Its data are in the buffer that was given with the request.</summary>
/// <param name="Result">Whether it was done.</param>
/// <param name="DataLength">Bytes of data.</param>
/// <param name="Offset">Of READ_OBJ: leading zero bytes that were left out.</param>
/// <param name="VdiId">Of the operations on vdis.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct SheepAnswer(SheepResult Result, int DataLength, long Offset, uint VdiId)
{
    public static SheepAnswer Parse(ReadOnlySpan<byte> header) => new(
        (SheepResult)BinaryPrimitives.ReadUInt32LittleEndian(header[16..]),
        BinaryPrimitives.ReadInt32LittleEndian(header[12..]),
        BinaryPrimitives.ReadInt64LittleEndian(header[24..]),
        BinaryPrimitives.ReadUInt32LittleEndian(header[24..]));
}
