using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace GlanceGateway.Plugins.Sheepdog;

/// <summary>
/// A request: the 48-byte header of Sheepdog's sheepdog_proto.h, little-endian, and the data that follow it. Offsets: version 0, opcode 1,
/// flags 2, epoch 4, id 8, length of the data 12, then by kind of operation. Clients send 0 as the epoch.
/// </summary>
internal sealed class SheepRequest
{
    /// <summary>Bytes of a header, of requests and answers alike.</summary>
    public const int HeaderLength = 48;

    private const byte ClientVersion = 2;
    private const byte NodeVersion = 0x0a;
    private const byte FirstNodeOperation = 0x80;
    private const ushort DataFollow = 0x01;

    private readonly byte[] header = new byte[HeaderLength];

    private SheepRequest(SheepOperation operation, ReadOnlyMemory<byte> data, int wanted)
    {
        Operation = operation;
        Data = data;
        header[0] = (byte)operation < FirstNodeOperation ? ClientVersion : NodeVersion;
        header[1] = (byte)operation;
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(2), data.IsEmpty ? (ushort)0 : DataFollow);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(12), data.IsEmpty ? wanted : data.Length);
    }

    public SheepOperation Operation { get; }

    /// <summary>What is sent after the header; the sender's until the request is answered or the connection gone.</summary>
    public ReadOnlyMemory<byte> Data { get; }

    /// <summary>Whether a second execution does no harm, so that it may be asked again when a connection was lost.</summary>
    public bool ChangesNothing => Operation is SheepOperation.ReadObject or SheepOperation.GetVdiInfo or SheepOperation.ReadVdis
        or SheepOperation.ReadDeletedVdis or SheepOperation.GetClusterDefault;

    /// <summary>A read of an object.</summary>
    public static SheepRequest Read(ulong objectId, int offset, int length) => OfObject(SheepOperation.ReadObject, objectId, default, length, offset, default);

    /// <summary>A write to an object. Creating it replaces what was there: what is not sent reads as zeros.</summary>
    public static SheepRequest Write(ulong objectId, int offset, ReadOnlyMemory<byte> data, Redundancy redundancy, bool create) =>
        OfObject(create ? SheepOperation.CreateAndWriteObject : SheepOperation.WriteObject, objectId, data, 0, offset, redundancy);

    /// <summary>The removal of an object.</summary>
    public static SheepRequest Remove(ulong objectId, Redundancy redundancy) => OfObject(SheepOperation.RemoveObject, objectId, default, 0, 0, redundancy);

    /// <summary>A new vdi, empty or with the content of another one.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="size">Its size in bytes.</param>
    /// <param name="origin">The vdi whose content it gets, 0 for none.</param>
    /// <param name="redundancy">Nothing for the cluster's.</param>
    /// <param name="blockSizeShift">Of its objects, as a power of two; 0 for the cluster's.</param>
    public static SheepRequest NewVdi(string name, long size, uint origin, Redundancy redundancy, byte blockSizeShift)
    {
        var request = new SheepRequest(SheepOperation.NewVdi, Inode.PadName(name, withTag: false), 0);
        BinaryPrimitives.WriteInt64LittleEndian(request.header.AsSpan(16), size);
        BinaryPrimitives.WriteUInt32LittleEndian(request.header.AsSpan(24), origin);
        request.header[28] = redundancy.Copies;
        request.header[29] = redundancy.Policy;
        request.header[31] = blockSizeShift;
        return request;
    }

    /// <summary>A question or an order that names a vdi, always the current one and never a snapshot.</summary>
    public static SheepRequest OfName(SheepOperation operation, string name) => new(operation, Inode.PadName(name, withTag: true), 0);

    /// <summary>A question without arguments.</summary>
    public static SheepRequest Plain(SheepOperation operation, int wanted) => new(operation, default, wanted);

    /// <summary>The header with the id by which the answer is known.</summary>
    public ReadOnlyMemory<byte> Seal(uint id)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(8), id);
        return header;
    }

    private static SheepRequest OfObject(
        SheepOperation operation, ulong objectId, ReadOnlyMemory<byte> data, int wanted, int offset, Redundancy redundancy)
    {
        var request = new SheepRequest(operation, data, wanted);
        BinaryPrimitives.WriteUInt64LittleEndian(request.header.AsSpan(16), objectId);
        request.header[32] = redundancy.Copies;
        request.header[33] = redundancy.Policy;
        BinaryPrimitives.WriteInt32LittleEndian(request.header.AsSpan(40), offset);
        return request;
    }
}

/// <summary>How a vdi's objects are spread over the nodes, as its inode says.</summary>
/// <param name="Copies">Replicas, or strips of an erasure code.</param>
/// <param name="Policy">0 for replicas.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Redundancy(byte Copies, byte Policy);
