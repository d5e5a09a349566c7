using System.Buffers.Binary;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Formats.Raw;

/// <summary>The file of an image as the readers of formats want it: numbers of tables by way of a small cache, and bytes with a word for damage.</summary>
/// <param name="source">Not disposed. Its length is known.</param>
internal sealed class ImageFile(IByteSource source)
{
    /// <summary>Bytes of tables read at once: 512 MiB of disk in a qcow2 with clusters of 64 KiB need four of them.</summary>
    private const int PageLength = 16 * 1024;

    /// <summary>Bytes of tables kept per open view.</summary>
    private const long TablesLength = 4 << 20;

    private readonly LoadingCache _pages = new(TablesLength);

    /// <summary>Bytes of the file.</summary>
    public long Length { get; } = source.Length ?? throw new RawViewException("The length of the image is not known, which its disk format needs.");

    /// <summary>A number of 32 bits of a table, in the byte order of the machine that wrote it.</summary>
    /// <param name="offset">A multiple of four.</param>
    /// <param name="bigEndian">Its byte order.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async ValueTask<uint> ReadUInt32Async(long offset, bool bigEndian, CancellationToken cancellationToken)
    {
        var entry = (await EntryAsync(offset, sizeof(uint), cancellationToken)).Span;
        return bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(entry) : BinaryPrimitives.ReadUInt32LittleEndian(entry);
    }

    /// <summary>A number of 64 bits of a table.</summary>
    /// <param name="offset">A multiple of eight.</param>
    /// <param name="bigEndian">Its byte order.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async ValueTask<ulong> ReadUInt64Async(long offset, bool bigEndian, CancellationToken cancellationToken)
    {
        var entry = (await EntryAsync(offset, sizeof(ulong), cancellationToken)).Span;
        return bigEndian ? BinaryPrimitives.ReadUInt64BigEndian(entry) : BinaryPrimitives.ReadUInt64LittleEndian(entry);
    }

    /// <summary>Bytes of a header, fewer only where the file ends.</summary>
    public async Task<ReadOnlyMemory<byte>> ReadHeaderAsync(long offset, int length, CancellationToken cancellationToken)
    {
        var buffer = new byte[Math.Max(0, Math.Min(length, Length - offset))];
        var read = buffer.Length == 0 ? 0 : await source.ReadAsync(offset, buffer, cancellationToken);
        return buffer.AsMemory(0, read);
    }

    /// <summary>Bytes of the disk. Where the file ends inside of them the rest is zeros: writers do not pad the last cluster of a file.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.Corrupt"/> when they begin behind the end of the file.</exception>
    public async ValueTask ReadDataAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (offset < 0 || offset >= Length)
        {
            throw Damage($"data at byte {offset}, but the file ends at byte {Length}");
        }

        var read = await source.ReadAsync(offset, buffer, cancellationToken);
        if (read < buffer.Length)
        {
            if (offset + read < Length)
            {
                throw new StoreException(StoreError.Changed, $"The image ends at byte {offset + read}, before its length of {Length} bytes.");
            }

            buffer.Span[read..].Clear();
        }
    }

    /// <summary>The fault of an image whose tables say what cannot be.</summary>
    /// <param name="what">What they say: a noun.</param>
    public static StoreException Damage(string what) => new(StoreError.Corrupt, $"The disk image is damaged: its tables name {what}.");

    private async ValueTask<ReadOnlyMemory<byte>> EntryAsync(long offset, int length, CancellationToken cancellationToken)
    {
        var inPage = (int)(offset % PageLength);
        if (offset < 0 || offset > Length - length || inPage > PageLength - length)
        {
            throw Damage($"a table at byte {offset} of a file of {Length} bytes");
        }

        var start = offset - inPage;
        var page = await _pages.GetAsync(start, PageLength, (source, start, Length), static state => PageAsync(state.source, state.start, state.Length), cancellationToken);
        return page.Length >= inPage + length
            ? page.Slice(inPage, length)
            : throw new StoreException(StoreError.Changed, "The image ends before its length.");
    }

    private static async Task<ReadOnlyMemory<byte>> PageAsync(IByteSource source, long start, long end)
    {
        var buffer = new byte[Math.Min(PageLength, end - start)];
        return buffer.AsMemory(0, await source.ReadAsync(start, buffer, CancellationToken.None));
    }
}
