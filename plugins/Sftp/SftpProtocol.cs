using System.Runtime.InteropServices;

namespace GlanceGateway.Plugins.Sftp;

/// <summary>Message types of SFTP version 3, draft-ietf-secsh-filexfer-02 section 3.</summary>
internal enum SftpMessage : byte
{
    Init = 1,
    Version = 2,
    Open = 3,
    Close = 4,
    Read = 5,
    Write = 6,
    LStat = 7,
    FStat = 8,
    SetStat = 9,
    FSetStat = 10,
    OpenDirectory = 11,
    ReadDirectory = 12,
    Remove = 13,
    MakeDirectory = 14,
    RealPath = 16,
    Status = 101,
    Handle = 102,
    Data = 103,
    Name = 104,
    Attributes = 105,
    Extended = 200,
    ExtendedReply = 201,
}

/// <summary>Status codes, section 7 of the same draft. There is none for "exists" or "no space": both are <see cref="Failure"/>.</summary>
internal enum SftpStatus : uint
{
    Ok = 0,
    EndOfFile = 1,
    NoSuchFile = 2,
    PermissionDenied = 3,
    Failure = 4,
    BadMessage = 5,
    NoConnection = 6,
    ConnectionLost = 7,
    Unsupported = 8,
}

/// <summary>How a file is opened, section 6.3.</summary>
[Flags]
internal enum SftpOpen : uint
{
    Read = 1,
    Write = 2,
    Create = 8,
    Exclusive = 32,
}

/// <summary>What the server says of a file, section 5; what it does not say is 0.</summary>
/// <param name="Size">Bytes.</param>
/// <param name="Mode">Type and permissions as in <c>st_mode</c>.</param>
/// <param name="AccessedAt">Seconds since 1970.</param>
/// <param name="ModifiedAt">Seconds since 1970; the protocol has no fraction.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct SftpAttributes(long Size, uint Mode, uint AccessedAt, uint ModifiedAt)
{
    public bool IsRegular => (Mode & 0xf000) == 0x8000;

    public bool IsDirectory => (Mode & 0xf000) == 0x4000;
}

/// <summary>An answer: a status, and a value when the status is <see cref="SftpStatus.Ok"/>.</summary>
/// <param name="Status">What the server said.</param>
/// <param name="Value">Meaningless unless it is Ok.</param>
/// <param name="Text">The server's own words, for the operator.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct SftpAnswer<T>(SftpStatus Status, T Value, string Text = "")
{
    public bool IsOk => Status == SftpStatus.Ok;
}

/// <summary>What a server allows in one request, by <c>limits@openssh.com</c> or by the draft's guarantee of 32 KiB.</summary>
/// <param name="Read">Bytes of data in one answer.</param>
/// <param name="Write">Bytes of data in one request.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct SftpLimits(int Read, int Write);
