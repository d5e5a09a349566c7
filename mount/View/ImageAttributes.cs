using System.Text;

namespace GlanceGateway.View;

/// <summary>The extended attributes <c>user.glance.*</c> of an image, made when asked for.</summary>
internal static class ImageAttributes
{
    // What the kernel takes: 255 bytes of name, 64 KiB of value, 64 KiB of names together.
    private const int LongestName = 255;
    private const int LongestValue = 64 * 1024;
    private const int LongestList = 64 * 1024;

    private const string Id = "id";

    internal static ReadOnlySpan<byte> Prefix => "user.glance."u8;

    internal static bool TryGet(MountedImage image, ReadOnlySpan<byte> name, out ReadOnlyMemory<byte> value)
    {
        value = default;
        string key = Encoding.UTF8.GetString(name);
        string? text = key == Id ? image.Id : image.Attributes.GetValueOrDefault(key);
        if (text is null || !IsShown(key, text))
        {
            return false;
        }

        value = Encoding.UTF8.GetBytes(text);
        return true;
    }

    /// <summary>All names, each ended by NUL.</summary>
    internal static ReadOnlyMemory<byte> List(MountedImage image)
    {
        using MemoryStream names = new();
        foreach (string key in image.Attributes.Where(pair => pair.Key != Id && IsShown(pair.Key, pair.Value)).Select(pair => pair.Key).Prepend(Id))
        {
            byte[] name = Encoding.UTF8.GetBytes(key);
            if (names.Length + Prefix.Length + name.Length + 1 > LongestList)
            {
                break;
            }

            names.Write(Prefix);
            names.Write(name);
            names.WriteByte(0);
        }

        return names.ToArray();
    }

    private static bool IsShown(string name, string value) =>
        name.Length != 0
        && !name.Contains('\0')
        && Encoding.UTF8.GetByteCount(name) + Prefix.Length <= LongestName
        && Encoding.UTF8.GetByteCount(value) <= LongestValue;
}
