namespace GlanceGateway.Fuse;

/// <summary>Ways to mount.</summary>
public enum FuseMountMethod
{
    /// <summary>By mount(2) with CAP_SYS_ADMIN, else through fusermount3.</summary>
    Auto,

    /// <summary>By mount(2); needs CAP_SYS_ADMIN.</summary>
    Direct,

    /// <summary>Through the set-uid program fusermount3 of the package fuse3.</summary>
    Fusermount,
}
