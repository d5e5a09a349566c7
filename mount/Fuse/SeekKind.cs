namespace GlanceGateway.Fuse;

/// <summary>What <see cref="FuseFileSystem.Seek"/> looks for; the values of lseek(2).</summary>
public enum SeekKind
{
    /// <summary>Not a seek that reaches a filesystem.</summary>
    None = 0,

    /// <summary>The first byte of data at or after the offset (SEEK_DATA).</summary>
    Data = 3,

    /// <summary>The first hole at or after the offset; the end of the file counts as one (SEEK_HOLE).</summary>
    Hole = 4,
}
