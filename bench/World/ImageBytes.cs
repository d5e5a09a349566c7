namespace GlanceGateway.Bench;

/// <summary>Contents of images.</summary>
internal static class ImageBytes
{
    /// <summary>Bytes that nothing can compress or take for a hole, the same in every run.</summary>
    public static byte[] Random(long length)
    {
        var bytes = GC.AllocateUninitializedArray<byte>(checked((int)length));
        new Random(42).NextBytes(bytes);
        return bytes;
    }

    /// <summary>Nothing but zeros.</summary>
    public static byte[] Zeros(long length) => new byte[length];
}
