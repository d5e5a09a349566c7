namespace GlanceGateway.MountChecks;

/// <summary>A mounted image that is checked.</summary>
public sealed record MountSubject
{
    /// <summary>The image's file; not empty.</summary>
    public required string File { get; init; }

    /// <summary>A local copy of the same bytes; null when there is none, and then the mount is compared with itself.</summary>
    public string? Original { get; init; }

    /// <summary>Directories whose listings are checked. The more entries the better.</summary>
    public required IReadOnlyList<string> Directories { get; init; }

    /// <summary>Whether the whole machine's caches of names may be dropped, so that the kernel forgets files that are looked up at the same time; needs root.</summary>
    public bool MayDropCaches { get; init; }

    /// <summary>Deletes the image in its service; null when it shall stay. It is the last thing that happens to the image.</summary>
    public Action? Delete { get; init; }

    /// <summary>How long a single step may take before it counts as hung.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>The images of a mount: its first file of some size, or the largest, and the directories of its tree.</summary>
    /// <param name="path">The mount point, or a file below it.</param>
    /// <exception cref="IOException">There is no such file, or no image.</exception>
    public static MountSubject At(string path)
    {
        path = Path.GetFullPath(path);
        if (System.IO.File.Exists(path))
            return new MountSubject { File = path, Directories = [Path.GetDirectoryName(path)!] };

        var images = Path.Join(path, "by-id");
        var directory = Directory.Exists(images) ? images : path;
        var best = new DirectoryInfo(directory).EnumerateFiles().Where(file => file.LinkTarget is null).Take(1000).MaxBy(file => Math.Min(file.Length, GoodSize));
        if (best is null or { Length: 0 })
            throw new IOException($"{directory} holds no image to check; name a file");
        return new MountSubject { File = best.FullName, Directories = [directory, path] };
    }

    /// <summary>Bytes from which every check has something to do.</summary>
    private const long GoodSize = 4 << 20;
}
