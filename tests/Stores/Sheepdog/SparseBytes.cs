namespace GlanceGateway.Stores.Tests.Sheepdog;

/// <summary>An object of the stand-in: bytes at offsets, zeros elsewhere, in memory only where something was written.</summary>
internal sealed class SparseBytes
{
    private const int PageSize = 64 * 1024;

    private readonly Dictionary<int, byte[]> pages = [];

    public void Read(int offset, Span<byte> destination)
    {
        for (var at = 0; at < destination.Length;)
        {
            var (page, within) = Math.DivRem(offset + at, PageSize);
            var count = Math.Min(PageSize - within, destination.Length - at);
            if (pages.TryGetValue(page, out var bytes))
                bytes.AsSpan(within, count).CopyTo(destination[at..]);
            else
                destination.Slice(at, count).Clear();
            at += count;
        }
    }

    public void Write(int offset, ReadOnlySpan<byte> data)
    {
        for (var at = 0; at < data.Length;)
        {
            var (page, within) = Math.DivRem(offset + at, PageSize);
            var count = Math.Min(PageSize - within, data.Length - at);
            if (!pages.TryGetValue(page, out var bytes))
                pages[page] = bytes = new byte[PageSize];
            data.Slice(at, count).CopyTo(bytes.AsSpan(within));
            at += count;
        }
    }
}
