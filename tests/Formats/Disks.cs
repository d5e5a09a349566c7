using GlanceGateway.Testing;

namespace GlanceGateway.Formats;

/// <summary>Disks for the tests.</summary>
internal static class Disks
{
    /// <summary>Makes an image with QEMU's tool, again while it complains of the machine: it times its key derivation, which fails on a busy one.</summary>
    public static async Task CreateAsync(IReadOnlyList<string> arguments)
    {
        CommandResult made;
        var attempts = 0;
        do
        {
            made = await Command.RunAsync("qemu-img", arguments);
        }
        while (made.Error.Contains("Unable to get accurate CPU usage", StringComparison.Ordinal) && ++attempts < 20);

        made.Succeeded();
    }

    /// <summary>Writes a sparse disk of 34 MiB and a sector: noise, text that compresses, zeros and single sectors at odd places.</summary>
    public static void Write(string path, int seed)
    {
        var random = new Random(seed);
        using var file = new FileStream(path, FileMode.Create);
        file.SetLength((34 << 20) + 512);
        var piece = new byte[600_000];
        for (var i = 0; i < 24; i++)
        {
            var length = random.Next(1, i % 3 == 0 ? piece.Length : 3000);
            if (i % 4 == 1)
            {
                piece.AsSpan(0, length).Fill((byte)random.Next(1, 256));
            }
            else
            {
                random.NextBytes(piece.AsSpan(0, length));
            }

            file.Position = random.Next(0, (33 << 20) / 512) * 512L;
            file.Write(piece, 0, length);
        }

        // The last sector, which lies in a cluster of its own that ends behind the disk.
        random.NextBytes(piece);
        file.Position = 34 << 20;
        file.Write(piece, 0, 512);
    }
}
