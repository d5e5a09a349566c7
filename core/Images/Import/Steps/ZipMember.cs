using System.Buffers.Binary;
using System.IO.Compression;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Images;

/// <summary>
/// The one file in a zip (PKWARE APPNOTE 6.3.10), read by hand: a library would hold the whole list of what a hostile file claims to contain.
/// </summary>
/// <remarks>
/// The end of the file says how many entries there are and where their list is; both lists, the central one and the header before the data,
/// must tell of one file that begins at byte 0. It must not be encrypted and must have a plain name. Sizes beyond 4 GiB are in the extra field
/// (zip64). The stream that comes out is as long as the list says and has its CRC-32, or ends with <see cref="InvalidDataException"/>.
/// </remarks>
internal static class ZipMember
{
    private const int EndLength = 22;
    private const int EntryLength = 46;
    private const int LocalLength = 30;
    private const int MostListBytes = EntryLength + (3 * ushort.MaxValue);
    private const ushort Stored = 0;
    private const ushort Deflated = 8;
    private const uint InExtra = uint.MaxValue;

    /// <summary>Opens it.</summary>
    /// <exception cref="ImageException">The zip is not one of one such file.</exception>
    public static async Task<Stream> OpenAsync(IByteSource source, CancellationToken cancellationToken)
    {
        var length = source.Length ?? throw Decompression.Refusal("its end cannot be found");
        var tail = await ReadAsync(source, Math.Max(0, length - EndLength - ushort.MaxValue), (int)Math.Min(length, EndLength + ushort.MaxValue), cancellationToken);
        var at = tail.AsSpan().LastIndexOf("PK\u0005\u0006"u8);
        if (at < 0 || tail.Length - at < EndLength)
        {
            throw Decompression.Refusal("it is damaged or cut off");
        }

        var end = tail[at..(at + EndLength)];
        if (UInt16(end, 10) is not 1 || UInt16(end, 8) is not 1 || UInt16(end, 4) != 0)
        {
            throw Decompression.Refusal("a zip has to hold exactly one file");
        }

        long listLength = UInt32(end, 12);
        var endAt = length - tail.Length + at;
        var listAt = UInt32(end, 16) == InExtra ? -1 : (long)UInt32(end, 16);
        if (listAt < 0)
        {
            (listAt, listLength) = await FindFarListAsync(source, endAt, cancellationToken);
        }

        if (listLength is < EntryLength or > MostListBytes || listAt < LocalLength || listAt > endAt - listLength)
        {
            throw Decompression.Refusal("its list of files is not where it should be");
        }

        var entry = Entry.Parse(await ReadAsync(source, listAt, (int)listLength, cancellationToken));
        var local = await ReadAsync(source, 0, LocalLength, cancellationToken);
        var dataAt = LocalLength + UInt16(local, 26) + UInt16(local, 28);
        if (!local.AsSpan().StartsWith("PK\u0003\u0004"u8) || UInt16(local, 8) != entry.Method || entry.Packed > listAt - dataAt)
        {
            throw Decompression.Refusal("its headers contradict each other");
        }

        var data = await source.OpenRangeAsync(dataAt, entry.Packed, cancellationToken);
        return new CheckedStream(entry.Method == Deflated ? new DeflateStream(data, CompressionMode.Decompress) : data, entry.Size, entry.Crc, "The file in the zip is not as its list says.");
    }

    private static async Task<(long At, long Length)> FindFarListAsync(IByteSource source, long endAt, CancellationToken cancellationToken)
    {
        const int LocatorLength = 20;
        const int FarEndLength = 56;
        var locator = endAt < LocatorLength ? [] : await ReadAsync(source, endAt - LocatorLength, LocatorLength, cancellationToken);
        var at = locator.AsSpan().StartsWith("PK\u0006\u0007"u8) ? Int64(locator, 8) : -1;
        if (at < 0 || at > endAt - FarEndLength)
        {
            throw Decompression.Refusal("its list of files is not where it should be");
        }

        var end = await ReadAsync(source, at, FarEndLength, cancellationToken);
        return end.AsSpan().StartsWith("PK\u0006\u0006"u8) && Int64(end, 32) == 1
            ? (Int64(end, 48), Int64(end, 40))
            : throw Decompression.Refusal("a zip has to hold exactly one file");
    }

    private static async Task<byte[]> ReadAsync(IByteSource source, long offset, int length, CancellationToken cancellationToken)
    {
        var bytes = new byte[length];
        return await source.ReadAsync(offset, bytes, cancellationToken) == length ? bytes : throw Decompression.Refusal("it is damaged or cut off");
    }

    private static ushort UInt16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint UInt32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static long Int64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt64LittleEndian(bytes[at..]);

    private sealed record Entry(ushort Method, uint Crc, long Packed, long Size)
    {
        private const ushort EncryptedFlags = 0x2041;
        private const ushort FarSizes = 1;

        public static Entry Parse(ReadOnlySpan<byte> list)
        {
            var nameLength = UInt16(list, 28);
            var extraLength = UInt16(list, 30);
            if (!list.StartsWith("PK\u0001\u0002"u8) || EntryLength + nameLength + extraLength > list.Length)
            {
                throw Decompression.Refusal("its list of files is damaged");
            }

            var name = list.Slice(EntryLength, nameLength);
            if (name.IsEmpty || name.ContainsAny((byte)'/', (byte)'\\', (byte)0) || name.SequenceEqual("."u8) || name.SequenceEqual(".."u8))
            {
                throw Decompression.Refusal("the file in it has a path for a name");
            }

            if ((UInt16(list, 8) & EncryptedFlags) != 0)
            {
                throw Decompression.Refusal("the file in it is encrypted");
            }

            if (UInt16(list, 10) is not (Stored or Deflated))
            {
                throw Decompression.Refusal("the file in it is compressed in a way that is not taken");
            }

            var (packed, size, at) = ((long)UInt32(list, 20), (long)UInt32(list, 24), (long)UInt32(list, 42));
            var far = FarField(list.Slice(EntryLength + nameLength, extraLength));
            Take(ref size, ref far);
            Take(ref packed, ref far);
            Take(ref at, ref far);
            return at == 0 && packed >= 0 && size >= 0
                ? new Entry(UInt16(list, 10), UInt32(list, 16), packed, size)
                : throw Decompression.Refusal("something comes before the file in it");
        }

        private static ReadOnlySpan<byte> FarField(ReadOnlySpan<byte> extra)
        {
            while (extra.Length >= 4)
            {
                var length = UInt16(extra, 2);
                if (length > extra.Length - 4)
                {
                    break;
                }

                if (UInt16(extra, 0) == FarSizes)
                {
                    return extra.Slice(4, length);
                }

                extra = extra[(4 + length)..];
            }

            return [];
        }

        private static void Take(ref long value, ref ReadOnlySpan<byte> far)
        {
            if (value != InExtra)
            {
                return;
            }

            if (far.Length < 8)
            {
                throw Decompression.Refusal("its list of files is damaged");
            }

            value = Int64(far, 0);
            far = far[8..];
        }
    }
}
