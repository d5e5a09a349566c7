using System.Globalization;
using System.Numerics;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.FileSystem;

/// <summary>The checked options of a store.</summary>
internal sealed class FileSystemSettings
{
    private const long SmallestChunk = 64 * 1024;
    private const long LargestChunk = 8 * 1024 * 1024;
    private static readonly char[] separators = [',', '\n'];

    /// <summary>In the order of the configuration; at least one.</summary>
    public required IReadOnlyList<(string Path, int Priority)> Directories { get; init; }

    /// <summary>The mode of new images; null for 0640 less the umask.</summary>
    public UnixFileMode? FileMode { get; init; }

    /// <summary>Where consumers that read the files themselves find them.</summary>
    public required MountPoints MountPoints { get; init; }

    /// <summary>Whether runs of zeros stay holes.</summary>
    public required bool Thin { get; init; }

    /// <summary>Bytes of one read or write, a power of two from 64 KiB to 8 MiB.</summary>
    public required int RequestSize { get; init; }

    /// <summary>Whether files are handed to sendfile and the mount; null to decide by the filesystem.</summary>
    public bool? LocalFiles { get; init; }

    /// <summary>Bytes at the beginning of a new image that stay in the page cache; the rest is written past it where the filesystem can.</summary>
    public required long CachedBytes { get; init; }

    /// <summary>What can be set.</summary>
    public static IReadOnlyList<OptionDescriptor> Options { get; } =
    [
        new("directory", OptionType.Path, "The directory that holds the images, one file each; made with mode 0750 when it is missing."),
        new("directories", OptionType.Text, "Several instead: PATH or PATH:PRIORITY each, between commas; the highest priority first, then the one with most room."),
        new("file_permissions", OptionType.Text, "The mode of new images in octal, such as 644; by default 640 less the umask."),
        new("metadata_file", OptionType.Path, "A JSON object, or a list of them, with id and mountpoint, for consumers that mount the images' filesystem themselves."),
        new("thin_provisioning", OptionType.Flag, "Whether runs of zeros are left out and take no room.", Default: true),
        new("chunk_size", OptionType.Size, "Bytes of one read or write; between 64KiB and 8MiB, rounded up to a power of two.", Default: 1024L * 1024),
        new("local_files", OptionType.Text, "Whether the kernel sends and maps the files itself: always, never, or auto for filesystems known to be local.", Default: "auto"),
        new("cached_bytes", OptionType.Size, "How much of a new image its upload leaves in the page cache; the rest goes straight to the device on ext4 and XFS.", Default: 64L * 1024 * 1024),
    ];

    /// <summary>Reads and checks the options, and the metadata file.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/>, naming the option.</exception>
    public static FileSystemSettings Read(DriverOptions options)
    {
        var chunk = options.Get<long>("chunk_size");
        if (chunk < 1)
            throw Wrong("chunk_size must be at least 1 byte.");
        return new FileSystemSettings
        {
            Directories = ReadDirectories(options),
            FileMode = options.TryGet<string>("file_permissions", out var mode) ? ReadMode(mode) : null,
            MountPoints = options.TryGet<string>("metadata_file", out var file) ? MountPoints.Read(file) : MountPoints.None,
            Thin = options.Get<bool>("thin_provisioning"),
            RequestSize = (int)BitOperations.RoundUpToPowerOf2((ulong)Math.Clamp(chunk, SmallestChunk, LargestChunk)),
            CachedBytes = options.Get<long>("cached_bytes"),
            LocalFiles = options.Get<string>("local_files") switch
            {
                "auto" => null,
                "always" => true,
                "never" => false,
                var other => throw Wrong($"local_files is '{other}'; it must be auto, always or never."),
            },
        };
    }

    private static List<(string Path, int Priority)> ReadDirectories(DriverOptions options)
    {
        var hasOne = options.TryGet<string>("directory", out var one);
        var hasSeveral = options.TryGet<string>("directories", out var several);
        if (hasOne == hasSeveral)
            throw Wrong(hasOne ? "directory and directories exclude each other; keep one of them." : "directory is required, or directories for several.");
        if (hasOne)
            return [(Checked("directory", one!), 0)];

        var all = new List<(string Path, int Priority)>();
        foreach (var entry in several!.Split(separators, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            // As upstream: what follows the last colon is the priority.
            var colon = entry.LastIndexOf(':');
            var priority = 0;
            if (colon >= 0 && colon < entry.Length - 1 && !int.TryParse(entry.AsSpan(colon + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out priority))
                throw Wrong($"directories: '{entry}' does not end in a whole number after its last colon; write PATH:PRIORITY.");
            var path = Checked("directories", colon < 0 ? entry : entry[..colon]);
            if (all.Exists(other => other.Path == path))
                throw Wrong($"directories: '{path}' is named twice; keep one.");
            all.Add((path, priority));
        }

        return all.Count > 0 ? all : throw Wrong("directories names no directory.");
    }

    private static string Checked(string option, string path)
    {
        if (!Path.IsPathFullyQualified(path))
            throw Wrong($"{option}: '{path}' is not an absolute path.");
        if (path.AsSpan().ContainsAny('?', '#') || FileNames.ContainsControl(path))
            throw Wrong($"directory '{path}' holds ?, # or a control character, which a location cannot carry; choose another path.");
        path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        return path != "/" ? path : throw Wrong("directory cannot be the root of the filesystem; name a directory of its own.");
    }

    // 0 is upstream's way to leave it to the umask.
    private static UnixFileMode? ReadMode(string text)
    {
        var mode = 0;
        foreach (var digit in text)
        {
            mode = digit is >= '0' and <= '7' && mode <= 0xfff ? (mode * 8) + (digit - '0') : -1;
            if (mode < 0)
                break;
        }

        if (text.Length == 0 || mode is < 0 or > 0x1ff)
            throw Wrong($"file_permissions is '{text}'; write octal digits up to 777, such as 640.");
        if (mode != 0 && !((UnixFileMode)mode).HasFlag(UnixFileMode.UserRead))
            throw Wrong($"file_permissions is '{text}', with which the gateway could not read its own images; add 400.");
        return mode == 0 ? null : (UnixFileMode)mode;
    }

    private static StoreException Wrong(string message) => new(StoreError.Misconfigured, message);
}
