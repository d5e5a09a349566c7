using System.Buffers;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Blocks;

// The files of one cached object:
//
//   data          sparse, as long as the object; a block that is all zeros stays a hole
//   map           8 bytes for each 64 KiB chunk of data: 0 for absent, else the chunk's XXH3-64, seeded with the object's fingerprint and the
//                 chunk's number; so a checksum is right for one place of one object only
//   object.json   what the object is (ObjectRecord)
//
// Why no crash leads to wrong bytes. A block is written to data first and to map second, but nothing relies on the order in which the two
// reach the disk: EVERY read compares what it read with the checksum. Take any instant:
//   * killed between the two writes: the map says absent. The block is fetched again.
//   * killed within the write of the map, or power lost within a sector: some chunks of the block have an entry and others do not, or an entry is
//     torn. A block counts as present when all its chunks have an entry, and a torn entry does not match its chunk: corrupt, fetched again.
//   * power lost with the map on the disk and the data not: the chunk reads as zeros or as something older. It does not match.
//   * a block evicted (map cleared, then a hole punched) with either of the two lost: absent, or does not match.
// So a lost order costs a fetch, never a byte, and no fsync is on the path of a fetch. The one place where nobody compares any more is a file handed out
// to the kernel (sendfile, passthrough): there data is flushed to the disk first, then the whole is read and compared once, in this process, before
// (CachedObject.Finish).
//
// A new object's object.json is written last and an evicted one's goes first: a directory without it is refuse.

/// <summary>What came of a read.</summary>
internal enum BlockRead
{
    /// <summary>The bytes are there and right.</summary>
    Right,

    /// <summary>They are not there.</summary>
    Absent,

    /// <summary>They are there and wrong, or the disk cannot read them.</summary>
    Wrong,
}

/// <summary>Data and map of one object. Reads by many at once; of one block, one writer at a time.</summary>
internal sealed class ObjectFiles : IDisposable
{
    /// <summary>Bytes under one checksum.</summary>
    public const int ChunkBytes = 64 << 10;

    private const int EntryBytes = sizeof(ulong);

    private static readonly byte[] s_zeros = new byte[ChunkBytes];

    private readonly SafeFileHandle _data;
    private readonly SafeFileHandle _map;
    private readonly ulong _fingerprint;

    private ObjectFiles(string directory, ObjectRecord record, SafeFileHandle data, SafeFileHandle map)
    {
        (_data, _map) = (data, map);
        DataPath = Path.Combine(directory, "data");
        Length = record.Length;
        BlockBytes = record.BlockBytes;
        _fingerprint = record.Key.Fingerprint(record.Length);
    }

    /// <summary>Where the plain bytes lie.</summary>
    public string DataPath { get; }

    public long Length { get; }

    public int BlockBytes { get; }

    public long BlockCount => (Length + BlockBytes - 1) / BlockBytes;

    public long AllocatedBytes => NativeFile.AllocatedBytes(_data);

    public DateTime DataModified => File.GetLastWriteTimeUtc(_data);

    private int ChunksPerBlock => BlockBytes / ChunkBytes;

    public static string RecordPath(string directory) => Path.Combine(directory, "object.json");

    /// <summary>Opens the files, and makes them when they are missing.</summary>
    /// <exception cref="IOException">The disk refuses.</exception>
    public static ObjectFiles Open(string directory, ObjectRecord record)
    {
        SafeFileHandle? data = null;
        try
        {
            data = File.OpenHandle(Path.Combine(directory, "data"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            if (RandomAccess.GetLength(data) != record.Length)
                RandomAccess.SetLength(data, record.Length);
            var map = File.OpenHandle(Path.Combine(directory, "map"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            return new ObjectFiles(directory, record, data, map);
        }
        catch
        {
            data?.Dispose();
            throw;
        }
    }

    /// <summary>Bytes of a block: all but the last are full.</summary>
    public int LengthOf(long block) => (int)Math.Min(BlockBytes, Length - (block * BlockBytes));

    /// <summary>Which blocks the map says are there.</summary>
    /// <returns>A bit per block.</returns>
    public ulong[] ReadPresence()
    {
        var present = new ulong[(BlockCount + 63) / 64];
        var chunks = (Length + ChunkBytes - 1) / ChunkBytes;
        var entries = new ulong[ChunksPerBlock * 64];
        for (long block = 0; block < BlockCount; block += 64)
        {
            var first = block * ChunksPerBlock;
            var count = (int)Math.Min(entries.Length, chunks - first);
            var part = entries.AsSpan(0, count);
            part.Clear();
            ReadFully(_map, MemoryMarshal.AsBytes(part), first * EntryBytes);
            for (var i = 0; i < 64 && block + i < BlockCount; i++)
            {
                var start = i * ChunksPerBlock;
                if (!part[start..Math.Min(count, start + ChunksPerBlock)].Contains(0UL))
                    present[block / 64] |= 1UL << i;
            }
        }

        return present;
    }

    /// <summary>Reads within one block and compares every chunk it touches with its checksum.</summary>
    public BlockRead Read(long offset, Span<byte> target)
    {
        var first = offset / ChunkBytes;
        Span<ulong> entries = stackalloc ulong[(int)(((offset + target.Length - 1) / ChunkBytes) - first + 1)];
        entries.Clear();
        byte[]? edge = null;
        try
        {
            ReadFully(_map, MemoryMarshal.AsBytes(entries), first * EntryBytes);
            if (entries.Contains(0UL))
                return BlockRead.Absent;
            for (var done = 0; done < target.Length;)
            {
                var at = offset + done;
                var chunk = at / ChunkBytes;
                var skip = (int)(at % ChunkBytes);
                var whole = LengthOfChunk(chunk);
                if (skip == 0 && target.Length - done >= whole)
                {
                    // As many whole chunks as there are in one read, straight to where they belong.
                    var run = whole < ChunkBytes ? whole : RunLength(at, target.Length - done);
                    var part = target.Slice(done, run);
                    if (!ReadFully(_data, part, at) || !Matches(part, chunk, entries[(int)(chunk - first)..]))
                        return BlockRead.Wrong;
                    done += run;
                }
                else
                {
                    edge ??= ArrayPool<byte>.Shared.Rent(ChunkBytes);
                    var part = edge.AsSpan(0, whole);
                    if (!ReadFully(_data, part, chunk * ChunkBytes) || !Matches(part, chunk, entries[(int)(chunk - first)..]))
                        return BlockRead.Wrong;
                    var take = Math.Min(whole - skip, target.Length - done);
                    part.Slice(skip, take).CopyTo(target[done..]);
                    done += take;
                }
            }

            return BlockRead.Right;
        }
        catch (IOException)
        {
            return BlockRead.Wrong;
        }
        finally
        {
            if (edge is not null)
                ArrayPool<byte>.Shared.Return(edge);
        }
    }

    /// <summary>Writes a block: data, then map.</summary>
    /// <exception cref="IOException">The disk refuses; the block may not be trusted.</exception>
    public void Write(long block, ReadOnlySpan<byte> content)
    {
        var offset = block * BlockBytes;
        if (content.ContainsAnyExcept((byte)0))
        {
            RandomAccess.Write(_data, content, offset);
        }
        else if (!NativeFile.TryPunch(_data, offset, content.Length))
        {
            RandomAccess.Write(_data, content, offset);
        }

        Span<ulong> entries = stackalloc ulong[(content.Length + ChunkBytes - 1) / ChunkBytes];
        var first = offset / ChunkBytes;
        for (var i = 0; i < entries.Length; i++)
        {
            var start = i * ChunkBytes;
            entries[i] = Checksum(content.Slice(start, Math.Min(ChunkBytes, content.Length - start)), first + i);
        }

        RandomAccess.Write(_map, MemoryMarshal.AsBytes(entries), first * EntryBytes);
    }

    /// <summary>Writes a block that is a hole of the source.</summary>
    public void WriteHole(long block)
    {
        var length = LengthOf(block);
        if (!NativeFile.TryPunch(_data, block * BlockBytes, length))
        {
            for (var at = 0; at < length; at += ChunkBytes)
                RandomAccess.Write(_data, s_zeros.AsSpan(0, Math.Min(ChunkBytes, length - at)), (block * BlockBytes) + at);
        }

        Span<ulong> entries = stackalloc ulong[(length + ChunkBytes - 1) / ChunkBytes];
        var first = block * BlockBytes / ChunkBytes;
        for (var i = 0; i < entries.Length; i++)
            entries[i] = Checksum(s_zeros.AsSpan(0, LengthOfChunk(first + i)), first + i);
        RandomAccess.Write(_map, MemoryMarshal.AsBytes(entries), first * EntryBytes);
    }

    /// <summary>Forgets a block.</summary>
    /// <param name="block">The block.</param>
    /// <param name="giveRoomBack">Whether a hole is made where it was, as far as the disk lets it.</param>
    public void Forget(long block, bool giveRoomBack)
    {
        var length = LengthOf(block);
        Span<ulong> entries = stackalloc ulong[(length + ChunkBytes - 1) / ChunkBytes];
        entries.Clear();
        try
        {
            RandomAccess.Write(_map, MemoryMarshal.AsBytes(entries), block * BlockBytes / ChunkBytes * EntryBytes);
        }
        catch (IOException)
        {
            // The entry stays and will not match the hole; or, if that fails too, everything is as it was, and checked at every read.
        }

        if (giveRoomBack)
            _ = NativeFile.TryPunch(_data, block * BlockBytes, length);
    }

    /// <summary>Makes data and map durable.</summary>
    /// <exception cref="IOException">The disk refuses.</exception>
    public void Flush()
    {
        RandomAccess.FlushToDisk(_data);
        RandomAccess.FlushToDisk(_map);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _data.Dispose();
        _map.Dispose();
    }

    private static bool ReadFully(SafeFileHandle file, Span<byte> target, long offset)
    {
        while (!target.IsEmpty)
        {
            var count = RandomAccess.Read(file, target, offset);
            if (count == 0)
                return false;
            offset += count;
            target = target[count..];
        }

        return true;
    }

    private int LengthOfChunk(long chunk) => (int)Math.Min(ChunkBytes, Length - (chunk * ChunkBytes));

    private int RunLength(long at, int wanted)
    {
        var full = wanted / ChunkBytes * ChunkBytes;
        return at + full <= Length ? full : (int)((Length - at) / ChunkBytes * ChunkBytes);
    }

    private bool Matches(ReadOnlySpan<byte> part, long chunk, ReadOnlySpan<ulong> entries)
    {
        for (var i = 0; i * ChunkBytes < part.Length; i++)
        {
            var start = i * ChunkBytes;
            if (Checksum(part.Slice(start, Math.Min(ChunkBytes, part.Length - start)), chunk + i) != entries[i])
                return false;
        }

        return true;
    }

    private ulong Checksum(ReadOnlySpan<byte> chunk, long number)
    {
        // The odd constant spreads neighbouring numbers over the whole seed.
        var sum = XxHash3.HashToUInt64(chunk, (long)(_fingerprint + ((ulong)number * 0x9E3779B97F4A7C15)));
        return sum == 0 ? 1 : sum;
    }
}
