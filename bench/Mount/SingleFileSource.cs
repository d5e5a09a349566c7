using System.Runtime.CompilerServices;
using GlanceGateway.Abstractions;
using GlanceGateway.View;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Bench;

/// <summary>A catalogue of one image, which is a local file.</summary>
internal sealed class SingleFileSource(string path) : IImageSource
{
    public const string ImageId = "6b1d7c0e-57a2-4a5e-9f0b-0f6f5c1f2a3b";

    public async IAsyncEnumerable<CatalogueUpdate> FollowAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var image = new MountedImage { Id = ImageId, Size = new FileInfo(path).Length, UpdatedAt = DateTimeOffset.UnixEpoch };
        yield return new CatalogueUpdate(IsSnapshot: true, [image], []);
        await Task.Delay(Timeout.Infinite, cancellationToken);
    }

    public ValueTask<IByteSource?> OpenAsync(string imageId, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IByteSource?>(new OpenFile(File.OpenHandle(path)));

    private sealed class OpenFile(SafeFileHandle handle) : IByteSource, ILocalFile
    {
        public long? Length { get; } = RandomAccess.GetLength(handle);

        public string? Validator => null;

        public ByteSourceHints Hints { get; } = new(1 << 20, 1, Ranges: true);

        public SafeFileHandle Handle => handle;

        public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken) =>
            ValueTask.FromResult(RandomAccess.Read(handle, buffer.Span, offset));

        public ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken) =>
            throw new NotSupportedException("A mount reads at random.");

        public ValueTask DisposeAsync()
        {
            handle.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
