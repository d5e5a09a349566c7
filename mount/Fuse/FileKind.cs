namespace GlanceGateway.Fuse;

/// <summary>What a node is; the values are the file type bits of <c>st_mode</c> shifted right by 12, as in <c>d_type</c>.</summary>
public enum FileKind
{
    /// <summary>Not known; only in directory entries.</summary>
    Unknown = 0,

    /// <summary>A directory.</summary>
    Directory = 4,

    /// <summary>A regular file.</summary>
    Regular = 8,

    /// <summary>A symbolic link.</summary>
    SymbolicLink = 10,
}
