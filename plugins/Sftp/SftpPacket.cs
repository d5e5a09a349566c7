using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Sftp;

/// <summary>A request being written: length, type, id, then the fields. The buffer is pooled and goes back with <see cref="Release"/>.</summary>
internal struct SftpPacket
{
    private byte[] buffer;
    private int position;

    /// <summary>Begins a request; its id is filled in when it is sent.</summary>
    /// <param name="type">What is asked.</param>
    /// <param name="room">Bytes that the fields will take at most.</param>
    public SftpPacket(SftpMessage type, int room)
    {
        buffer = ArrayPool<byte>.Shared.Rent(9 + room);
        buffer[4] = (byte)type;
        position = 9;
    }

    /// <summary>The whole packet.</summary>
    public readonly byte[] Buffer => buffer;

    /// <summary>Bytes of it.</summary>
    public readonly int Length => position;

    /// <summary>Bytes that a text takes as a field.</summary>
    public static int Room(string text) => 4 + Encoding.UTF8.GetMaxByteCount(text.Length);

    /// <summary>Appends four bytes.</summary>
    public void Add(uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(buffer.AsSpan(position), value);
        position += 4;
    }

    /// <summary>Appends eight bytes.</summary>
    public void Add(long value)
    {
        BinaryPrimitives.WriteInt64BigEndian(buffer.AsSpan(position), value);
        position += 8;
    }

    /// <summary>Appends a length and a text in UTF-8.</summary>
    public void Add(string text)
    {
        var count = Encoding.UTF8.GetBytes(text, buffer.AsSpan(position + 4));
        Add((uint)count);
        position += count;
    }

    /// <summary>Appends a length and bytes.</summary>
    public void Add(ReadOnlySpan<byte> bytes)
    {
        Add((uint)bytes.Length);
        bytes.CopyTo(buffer.AsSpan(position));
        position += bytes.Length;
    }

    /// <summary>Fills in length and id.</summary>
    public readonly void Seal(uint id)
    {
        BinaryPrimitives.WriteInt32BigEndian(buffer, position - 4);
        BinaryPrimitives.WriteUInt32BigEndian(buffer.AsSpan(5), id);
    }

    /// <summary>Returns the buffer.</summary>
    public void Release()
    {
        if (buffer is { } used)
            ArrayPool<byte>.Shared.Return(used);
        buffer = null!;
    }
}

/// <summary>Reads the fields of an answer. A field beyond its end is <see cref="StoreError.Corrupt"/>.</summary>
internal ref struct SftpReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> rest = bytes;

    public readonly bool IsAtEnd => rest.IsEmpty;

    public byte Byte() => Take(1)[0];

    public uint UInt32() => BinaryPrimitives.ReadUInt32BigEndian(Take(4));

    public long Int64() => BinaryPrimitives.ReadInt64BigEndian(Take(8));

    public ReadOnlySpan<byte> Bytes()
    {
        var length = UInt32();
        return length <= int.MaxValue ? Take((int)length) : throw Short();
    }

    public string Text() => Encoding.UTF8.GetString(Bytes());

    /// <summary>ATTRS of section 5.</summary>
    public SftpAttributes Attributes()
    {
        var flags = UInt32();
        var size = (flags & 1) != 0 ? Int64() : 0;
        if ((flags & 2) != 0)
            Take(8);
        var mode = (flags & 4) != 0 ? UInt32() : 0;
        var accessed = (flags & 8) != 0 ? UInt32() : 0;
        var modified = (flags & 8) != 0 ? UInt32() : 0;
        if ((flags & 0x80000000) != 0)
        {
            for (var count = UInt32(); count > 0; count--)
            {
                Bytes();
                Bytes();
            }
        }

        return new SftpAttributes(size, mode, accessed, modified);
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > rest.Length)
            throw Short();
        var taken = rest[..count];
        rest = rest[count..];
        return taken;
    }

    private static StoreException Short() => new(StoreError.Corrupt, "The SFTP server sent an answer that ends in the middle of a field.");
}
