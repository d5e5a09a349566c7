using System.Buffers.Binary;
using System.IO.Compression;
using GlanceGateway.Abstractions;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>
/// <c>image_decompression</c>: data that is gzip, or a zip of one file, is unpacked on its way through, whatever the image calls it.
/// </summary>
/// <remarks>
/// Nothing is held but the buffers of the stream. The size cap and the quota of the pipeline apply to what comes out, and before that the ratio:
/// a bomb ends after some mebibytes. What comes out may not be compressed in turn. An image of the container <c>compressed</c> stays as it is.
/// </remarks>
internal sealed class Decompression(DecompressionOptions options) : IImportStep
{
    private const int MagicLength = 4;
    private const int TrailerLength = 8;

    public string Name => ImportStepNames.Decompression;

    public async Task<StepResult?> RunAsync(Image image, IByteSource source, CancellationToken cancellationToken)
    {
        var front = new byte[MagicLength];
        var length = await source.ReadAsync(0, front, cancellationToken);
        if (image.ContainerFormat == "compressed" || !IsCompressed(front.AsSpan(0, length)))
        {
            return null;
        }

        var packed = front[0] == 0x1f
            ? await OpenGzipAsync(source, cancellationToken)
            : await ZipMember.OpenAsync(source, cancellationToken);
        return new StepResult(new UnpackedStream(packed, source.Length ?? 0, options.MaxRatio), Length: null, changed => changed);
    }

    /// <summary>Whether data begins as gzip with deflate does (RFC 1952), or as a zip file.</summary>
    public static bool IsCompressed(ReadOnlySpan<byte> front) => front is [0x1f, 0x8b, 8, ..] || front.StartsWith("PK\u0003\u0004"u8);

    /// <summary>
    /// The platform's stream takes the end of its input for the end of the data, so a file that was cut off would pass: the sum and the size in the
    /// last eight bytes decide. They belong to the last of several streams one behind the other, which are therefore refused.
    /// </summary>
    private static async Task<Stream> OpenGzipAsync(IByteSource source, CancellationToken cancellationToken)
    {
        var trailer = new byte[TrailerLength];
        if (source.Length is not { } length || length < TrailerLength || await source.ReadAsync(length - TrailerLength, trailer, cancellationToken) != TrailerLength)
        {
            throw Refusal("it is damaged or cut off");
        }

        return new CheckedStream(
            new GZipStream(await source.OpenRangeAsync(0, null, cancellationToken), CompressionMode.Decompress),
            BinaryPrimitives.ReadUInt32LittleEndian(trailer.AsSpan(4)),
            BinaryPrimitives.ReadUInt32LittleEndian(trailer),
            "The gzip data is damaged, cut off, or several streams in one.",
            isSizeCut: true);
    }

    internal static ImageException Refusal(string reason, Exception? fault = null) =>
        new(ImageError.UnsupportedContent, $"The compressed data is refused: {reason}.", fault);
}
