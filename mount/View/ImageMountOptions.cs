namespace GlanceGateway.View;

/// <summary>How images are mounted.</summary>
public sealed record ImageMountOptions
{
    /// <summary>The mount point, an existing directory.</summary>
    public required string Directory { get; init; }

    /// <summary>
    /// Socket of the keeper that mounts and holds the mount, so that this process needs no privilege and another one can go on when it ends. Null mounts here.
    /// </summary>
    public string? Keeper { get; init; }

    /// <summary>Owner of everything shown; root by default.</summary>
    public uint Uid { get; init; }

    /// <summary>Group of everything shown: who is in it may read. The group of root by default.</summary>
    public uint Gid { get; init; }

    /// <summary>Files 0444 and directories 0555 instead of 0440 and 0550: every user of the host reads every image.</summary>
    public bool WorldReadable { get; init; }

    /// <summary>Whether the kernel may read local files itself. Without it, or where it is not possible, bytes are copied.</summary>
    public bool Passthrough { get; init; } = true;

    /// <summary>
    /// Whether users other than the one that mounts get to the permission bits at all; QEMU usually is one. Without root it
    /// needs <c>user_allow_other</c> in /etc/fuse.conf.
    /// </summary>
    public bool AllowOther { get; init; } = true;

    /// <summary>How long the kernel may believe names and attributes. Changes are pushed to it, so this may be long.</summary>
    public TimeSpan Validity { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How long the start waits for the first catalogue. The mount is there either way.</summary>
    public TimeSpan CatalogueTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a source may take to open an image, or to answer one read, before the client gets EIO.</summary>
    public TimeSpan SourceTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a source stays open after the last client closed the image.</summary>
    public TimeSpan Linger { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>A file that keeps what the examinations of images found; null to examine anew at each start. Its directory must be the mount's own.</summary>
    public string? VerdictFile { get; init; }

    /// <summary>First and longest wait before a lost catalogue is followed again.</summary>
    public (TimeSpan First, TimeSpan Longest) FollowRetry { get; init; } = (TimeSpan.FromMilliseconds(250), TimeSpan.FromSeconds(30));
}
