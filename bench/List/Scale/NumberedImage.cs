using GlanceGateway.Registry;

namespace GlanceGateway.Bench;

/// <summary>
/// What image number n of a big registry is like. The same number gives the same image; neighbours have nothing in common but the time, so that
/// neither a filter nor a viewer's images lie together in the order of the list.
/// </summary>
internal sealed record NumberedImage(int Number, int Total)
{
    /// <summary>Images of a project, on top of the numbered ones, that are shared with <see cref="ScaleViewers.Shares"/>.</summary>
    public const int SharedOnTop = 1000;

    /// <summary>How many images carry each of the rare values, whatever the total.</summary>
    public const int Rare = 20;

    private static readonly string[] Distributions = ["debian", "ubuntu", "fedora", "alma", "suse", "arch", "alpine", "gentoo", "nixos", "void"];

    public string Id => $"{unchecked((uint)Number * 2654435761u):x8}-{Mixed(1) & 0xffff:x4}-4{Mixed(2) & 0xfff:x3}-8{Mixed(3) & 0xfff:x3}-{Number:x12}";

    public bool IsShared => Number >= Total;

    public bool IsRare => !IsShared && Number % (Total / Rare) == 7;

    public string Name => IsRare ? "rare" : Mixed(4) % 10 == 0 ? "common" : $"image {Mixed(5):x8}";

    public string Status => IsRare ? "deactivated" : Mixed(6) % 100 == 0 ? "queued" : "active";

    public string Owner => IsShared ? "p-giver" : Number % (Total / 10) == 3 ? ScaleViewers.Few : Mixed(7) % 10 == 0 ? ScaleViewers.Many : $"p-{Mixed(8) % 1000}";

    public string Visibility => IsShared ? "shared" : (Mixed(9) % 10) switch { < 3 => "public", < 6 => "private", < 9 => "shared", _ => "community" };

    public long? Size => Status == "queued" ? null : (Mixed(10) % 1000) << 20;

    /// <summary>Microseconds since 1970; one second after the image before.</summary>
    public long CreatedAt => 1_600_000_000_000_000 + (Number * 1_000_000L);

    public IEnumerable<string> Tags
    {
        get
        {
            if (Mixed(11) % 10 == 0)
                yield return "common";
            if (IsRare)
                yield return "rare";
        }
    }

    public IEnumerable<(string Name, string Value)> Properties =>
        IsRare ? [("os_distro", Distributions[Mixed(13) % 10]), ("build", "rare")] : [("os_distro", Distributions[Mixed(13) % 10])];

    /// <summary>A number that looks random, by SplitMix64.</summary>
    private long Mixed(int salt)
    {
        var x = unchecked(((ulong)Number * 64 + (ulong)salt + 1) * 0x9E3779B97F4A7C15);
        x = unchecked((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9);
        x = unchecked((x ^ (x >> 27)) * 0x94D049BB133111EB);
        return (long)((x ^ (x >> 31)) >> 33);
    }
}

/// <summary>The projects that look at a big registry.</summary>
internal static class ScaleViewers
{
    /// <summary>Owns ten images.</summary>
    public const string Few = "p-few";

    /// <summary>Owns one image in ten.</summary>
    public const string Many = "p-many";

    /// <summary>Owns nothing; a thousand images are shared with it.</summary>
    public const string Shares = "p-shares";

    public static IEnumerable<(string Name, ImageViewer Viewer)> All =>
    [
        ("admin", new("p-admin", SeesEverything: true)),
        ("10 images", new(Few, SeesEverything: false)),
        ("1 in 10", new(Many, SeesEverything: false)),
        ("1,000 shares", new(Shares, SeesEverything: false)),
    ];
}
