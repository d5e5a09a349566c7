using GlanceGateway.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Formats;

/// <summary>A file as a source.</summary>
internal sealed class FileSource(string path) : IByteSource
{
    private readonly SafeFileHandle _file = File.OpenHandle(path);

    public long? Length => RandomAccess.GetLength(_file);

    public string? Validator => null;

    public ByteSourceHints Hints { get; } = new(1 << 20, 4, Ranges: true);

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var done = 0;
        while (done < buffer.Length && await RandomAccess.ReadAsync(_file, buffer[done..], offset + done, cancellationToken) is var read and > 0)
        {
            done += read;
        }

        return done;
    }

    public ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken) =>
        ValueTask.FromResult<Stream>(new ByteSourceStream(this, offset, length));

    public ValueTask DisposeAsync()
    {
        _file.Dispose();
        return ValueTask.CompletedTask;
    }
}
