using System.Net;
using System.Security.Cryptography;

namespace GlanceGateway.Interop.Tests;

/// <summary>A body of any length made of one pseudo-random MiB over and over: cheap to make, and nothing in it is zero for long.</summary>
/// <param name="size">Bytes.</param>
/// <param name="lengthKnown">False to send it in chunks.</param>
/// <param name="onSent">Told how many bytes are on their way, before each block; may wait, or throw.</param>
internal sealed class PatternContent(long size, bool lengthKnown = true, Func<long, Task>? onSent = null) : HttpContent
{
    private static readonly byte[] block = MakeBlock();

    /// <summary>The MD5 of a body of this length.</summary>
    public static string Md5(long size)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
        for (long sent = 0; sent < size; sent += block.Length)
        {
            hash.AppendData(block.AsSpan(0, (int)Math.Min(block.Length, size - sent)));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>The first bytes of every body.</summary>
    public static ReadOnlyMemory<byte> Start(int count) => block.AsMemory(0, count);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        for (long sent = 0; sent < size; sent += block.Length)
        {
            if (onSent is not null)
            {
                await onSent(sent);
            }

            await stream.WriteAsync(block.AsMemory(0, (int)Math.Min(block.Length, size - sent)), cancellationToken);
        }

        if (onSent is not null)
        {
            await stream.FlushAsync(cancellationToken);
            await onSent(size);
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = size;
        return lengthKnown;
    }

    private static byte[] MakeBlock()
    {
        var bytes = new byte[1 << 20];
        new Random(20120927).NextBytes(bytes);
        return bytes;
    }
}
