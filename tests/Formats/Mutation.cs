using System.Buffers.Binary;

namespace GlanceGateway.Formats;

/// <summary>Breaks images at the places that matter, by a seed.</summary>
internal sealed class Mutation(int seed)
{
    private static readonly ulong[] extremes =
        [0, 1, 2, 3, 0x7f, 0x80, 0xff, 0x200, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 1UL << 52, 1UL << 60, long.MaxValue, 1UL << 63, ulong.MaxValue];

    private static readonly string[] words =
    [
        "createType=\"", "monolithicFlat", "vmfs", "\"", "\n", "\r", "\0", "#", "=", " ", "RW 1 FLAT \"/etc/passwd\" 0\n", "RW 1 SPARSE \"x\"\n", "rw ",
        "parentFileNameHint=\"/etc/passwd\"\n", "parentCID=0\n", "ddb", "version=1\n", "/", "\\",
    ];

    private readonly Random random = new(seed);

    /// <summary>An image like one of the given, broken.</summary>
    public (string Name, byte[] Bytes) Next(IReadOnlyList<(string Name, byte[] Bytes, (int Offset, int Length)[] Places)> images)
    {
        var (name, original, places) = images[random.Next(images.Count)];
        var image = original.ToArray();
        for (var i = random.Next(1, 6); i > 0; i--)
        {
            var (offset, length) = places[random.Next(places.Length)];
            var at = Math.Min(offset + random.Next(length), image.Length - 1);
            var rest = image.AsSpan(at);
            switch (random.Next(9))
            {
                case 0:
                    rest[0] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    rest[0] = (byte)random.Next(256);
                    break;
                case 2 when rest.Length >= 8:
                    BinaryPrimitives.WriteUInt64LittleEndian(rest, extremes[random.Next(extremes.Length)]);
                    break;
                case 3 when rest.Length >= 8:
                    BinaryPrimitives.WriteUInt64BigEndian(rest, extremes[random.Next(extremes.Length)]);
                    break;
                case 4 when rest.Length >= 4:
                    BinaryPrimitives.WriteUInt32LittleEndian(rest, (uint)extremes[random.Next(extremes.Length)]);
                    break;
                case 5:
                    var word = words[random.Next(words.Length)];
                    for (var j = 0; j < Math.Min(word.Length, rest.Length); j++)
                    {
                        rest[j] = (byte)word[j];
                    }

                    break;
                case 6:
                    // A field over another one, or over a place of another format.
                    var from = Math.Min(places[random.Next(places.Length)].Offset + random.Next(64), image.Length);
                    var n = Math.Min(random.Next(1, 64), Math.Min(rest.Length, image.Length - from));
                    image.AsSpan(from, n).ToArray().CopyTo(rest);
                    break;
                case 7 when random.Next(4) == 0:
                    image = image[..Math.Max(1, random.Next(2) == 0 ? at : random.Next(image.Length))];
                    break;
                case 8 when random.Next(4) == 0:
                    // The front of one image, the rest of another.
                    var other = images[random.Next(images.Count)].Bytes;
                    var cut = Math.Min(random.Next(2) == 0 ? 512 : random.Next(1, 4096), Math.Min(image.Length, other.Length));
                    other.AsSpan(0, cut).CopyTo(image);
                    break;
            }
        }

        return (name, image);
    }
}
