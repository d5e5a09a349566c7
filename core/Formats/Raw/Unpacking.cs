using System.IO.Compression;
using GlanceGateway.Abstractions;
using ZstdSharp;

namespace GlanceGateway.Formats.Raw;

/// <summary>How clusters are compressed.</summary>
internal enum Packing
{
    /// <summary>A bare DEFLATE stream (RFC 1951).</summary>
    Deflate,

    /// <summary>A zlib stream (RFC 1950).</summary>
    Zlib,

    /// <summary>Zstandard frames (RFC 8878).</summary>
    Zstandard,
}

/// <summary>Unpacks a cluster into a buffer of its size: what would be more than that is not unpacked, so a bomb costs nothing.</summary>
internal static class Unpacking
{
    /// <summary>Fills the buffer from the packed bytes; what follows them is not looked at.</summary>
    /// <returns>Bytes unpacked: the length of <paramref name="cluster"/>, or fewer when the packed bytes end there.</returns>
    /// <exception cref="StoreException"><see cref="StoreError.Corrupt"/>.</exception>
    public static int Unpack(Packing packing, byte[] packed, int offset, int length, Span<byte> cluster)
    {
        try
        {
            using var memory = new MemoryStream(packed, offset, length, writable: false);
            using Stream stream = packing switch
            {
                Packing.Deflate => new DeflateStream(memory, CompressionMode.Decompress),
                Packing.Zlib => new ZLibStream(memory, CompressionMode.Decompress),
                _ => new DecompressionStream(memory),
            };
            return stream.ReadAtLeast(cluster, cluster.Length, throwOnEndOfStream: false);
        }
        catch (Exception e) when (e is InvalidDataException or ZstdException or EndOfStreamException)
        {
            throw new StoreException(StoreError.Corrupt, "The disk image is damaged: a compressed cluster cannot be unpacked.", innerException: e);
        }
    }
}
