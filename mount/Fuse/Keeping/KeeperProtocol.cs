using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace GlanceGateway.Fuse;

// What a keeper and the processes that serve its mounts say to each other.
//
// The socket is a Unix socket of sequenced packets: a packet is a message, and a descriptor (SCM_RIGHTS) rides on the packet it belongs to. Whoever
// connects asks, the keeper answers each question once and in order, and says nothing by itself. Numbers are little-endian.
//
//   question   u32 length of the packet | u8 version, 1 | u8 operation | u16 0 | body
//   answer     u32 length of the packet | u8 version, 1 | u8 operation | u16 0 | i32 errno | body; a text that explains it when errno is not 0
//   text       u16 bytes | UTF-8
//
//   operation     question                                                  answer
//   1 attach      u8 flags: 1 other users may look, 2 resume                text mount point | u32 generation | u8 flags: 1 taken over, 2 kept, 4 stored |
//                 u32 generation, for resume | text directory               u32 minor | u64 abilities | u32 largest read | u32 count |
//                                                                           count × (u64 node, u32 backing id); the device, unless resumed
//   2 register    u64 node; the file                                        u32 backing id
//   3 unregister  u32 backing id
//   4 unmount     u8 flags: 1 abort as well | text directory, "" for one's own    u8 outcome (UnmountOutcome)
//   5 list                                                                  u32 count | count × (text mount point, u32 uid, u32 pid or 0,
//                                                                           u32 generation, u32 registrations)
//
// Attaching makes the connection the one that serves the mount, until it closes; 2 and 3 are about that mount. A mount has one at a time: EBUSY.
// Who waited in vain for an answer, or got that of another operation, closes the connection and resumes on a new one.
// "Kept" says that a successor can go on, "stored" that this holds even while no keeper runs.
// "Generation" counts the servers a mount has had. "Resume" is for a server that outlived the keeper: it has the device already.
//
// What keeps it safe. The kernel tells who connected (SO_PEERCRED); users that were not named get nothing but a closed connection. A user mounts on
// directories of his own, unmounts what was mounted for him, and registers files that he could open for reading himself, neither on a filesystem that
// shows the state of the system (PseudoFilesystem). Packets have a largest
// size, connections, mounts and registrations a largest number, and an answer to nonsense is EPROTO and the end of the connection.

/// <summary>Numbers of the protocol.</summary>
internal static class KeeperProtocol
{
    internal const byte Version = 1;

    internal const int HeaderBytes = 8;

    /// <summary>Where in a packet the operation stands.</summary>
    internal const int OperationAt = 5;

    /// <summary>Largest question: a path and little more.</summary>
    internal const int QuestionBytes = 8 * 1024;

    /// <summary>Largest answer: a path and every registration.</summary>
    internal const int AnswerBytes = 64 * 1024;

    internal const int MostConnections = 128;

    /// <summary>Of one user other than root.</summary>
    internal const int MostConnectionsOfUser = 32;

    internal const int MostMounts = 64;

    /// <summary>Of one user other than root.</summary>
    internal const int MostMountsOfUser = 32;

    internal const int MostRegistrations = 4096;

    internal const byte AllowOther = 1;
    internal const byte Resume = 2;

    internal const byte TakenOver = 1;
    internal const byte Kept = 2;
    internal const byte Stored = 4;

    internal const byte Abort = 1;
}

/// <summary>What can be asked of a keeper.</summary>
internal enum KeeperOperation : byte
{
    Attach = 1,
    Register = 2,
    Unregister = 3,
    Unmount = 4,
    List = 5,
}

/// <summary>Builds a message.</summary>
internal sealed class KeeperWriter
{
    private readonly ArrayBufferWriter<byte> _bytes = new();

    internal static KeeperWriter Question(KeeperOperation operation)
    {
        KeeperWriter writer = new();
        writer.U32(0).U8(KeeperProtocol.Version).U8((byte)operation).U16(0);
        return writer;
    }

    internal static KeeperWriter Answer(byte operation, Errno error)
    {
        KeeperWriter writer = new();
        writer.U32(0).U8(KeeperProtocol.Version).U8(operation).U16(0).U32((uint)error);
        return writer;
    }

    internal KeeperWriter U8(byte value)
    {
        _bytes.Write([value]);
        return this;
    }

    internal KeeperWriter U16(ushort value) => Number(value, sizeof(ushort));

    internal KeeperWriter U32(uint value) => Number(value, sizeof(uint));

    internal KeeperWriter U64(ulong value) => Number(value, sizeof(ulong));

    internal KeeperWriter Text(string value)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(value);
        int length = Math.Min(bytes.Length, 4096);
        U16((ushort)length);
        _bytes.Write(bytes.AsSpan(0, length));
        return this;
    }

    /// <summary>The bytes as they are, without a length in front.</summary>
    internal byte[] ToArray() => _bytes.WrittenSpan.ToArray();

    /// <summary>The message, with its length put in.</summary>
    internal byte[] ToMessage()
    {
        byte[] message = _bytes.WrittenSpan.ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(message, message.Length);
        return message;
    }

    private KeeperWriter Number(ulong value, int bytes)
    {
        Span<byte> number = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(number, value);
        _bytes.Write(number[..bytes]);
        return this;
    }
}

/// <summary>Reads a message. What is missing reads as zero and makes it <see cref="IsWhole"/> no more.</summary>
internal ref struct KeeperReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;
    private bool _failed;

    /// <summary>Whether everything was there, and nothing else.</summary>
    internal readonly bool IsWhole => !_failed && _rest.IsEmpty;

    internal readonly bool HasFailed => _failed;

    /// <summary>Reads the head of a packet.</summary>
    /// <returns>Whether it is one of this protocol.</returns>
    internal bool Head(int length, out byte operation)
    {
        uint told = U32();
        byte version = U8();
        operation = U8();
        ushort reserved = U16();
        return !_failed && told == length && version == KeeperProtocol.Version && reserved == 0;
    }

    internal byte U8() => Take(1) is { Length: 1 } one ? one[0] : (byte)0;

    internal ushort U16() => Take(sizeof(ushort)) is { Length: sizeof(ushort) } two ? BinaryPrimitives.ReadUInt16LittleEndian(two) : (ushort)0;

    internal uint U32() => Take(sizeof(uint)) is { Length: sizeof(uint) } four ? BinaryPrimitives.ReadUInt32LittleEndian(four) : 0;

    internal ulong U64() => Take(sizeof(ulong)) is { Length: sizeof(ulong) } eight ? BinaryPrimitives.ReadUInt64LittleEndian(eight) : 0;

    internal string Text() => Encoding.UTF8.GetString(Take(U16()));

    private ReadOnlySpan<byte> Take(int count)
    {
        if (_failed || _rest.Length < count)
        {
            _failed = true;
            return [];
        }

        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
