namespace GlanceGateway.Plugins.Sheepdog;

/// <summary>What an answer says, as in Sheepdog's sheepdog_proto.h and internal_proto.h.</summary>
internal enum SheepResult : uint
{
    Ok = 0x00,
    NoObject = 0x02,
    Io = 0x03,
    VdiExists = 0x04,
    InvalidParameters = 0x05,
    VdiLocked = 0x07,
    NoVdi = 0x08,
    NoBaseVdi = 0x09,
    NoTag = 0x0e,
    StartingUp = 0x0f,
    ShuttingDown = 0x11,
    VdiTableFull = 0x13,
    VersionMismatch = 0x14,
    NoSpace = 0x15,
    WaitForFormat = 0x16,
    WaitForJoin = 0x17,
    JoinFailed = 0x18,
    Halted = 0x19,
    ReadOnly = 0x1a,
    OldEpoch = 0x81,
    NewEpoch = 0x82,
    NotFormatted = 0x83,
    NetworkError = 0x86,
    NodeInRecovery = 0x8c,
    Killed = 0x8d,
    TryAgain = 0x8f,
    ClusterError = 0x91,
}
