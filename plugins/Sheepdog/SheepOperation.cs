namespace GlanceGateway.Plugins.Sheepdog;

/// <summary>What a request asks for: the client's part of Sheepdog's sheepdog_proto.h, and one of internal_proto.h.</summary>
internal enum SheepOperation : byte
{
    CreateAndWriteObject = 0x01,
    ReadObject = 0x02,
    WriteObject = 0x03,
    RemoveObject = 0x04,
    NewVdi = 0x11,
    GetVdiInfo = 0x14,
    ReadVdis = 0x15,
    DeleteVdi = 0x17,
    GetClusterDefault = 0x18,

    /// <summary>An operation between nodes, which wants their protocol's version.</summary>
    ReadDeletedVdis = 0xc9,
}
