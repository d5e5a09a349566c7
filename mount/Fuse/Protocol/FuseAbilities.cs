namespace GlanceGateway.Fuse;

/// <summary>
/// Abilities exchanged by INIT: bits 0-31 travel in <c>flags</c>, bits 32-63 in <c>flags2</c>.
/// Only the bits this library may ask for are named; locks are left out on purpose (see <see cref="FuseMountOptions"/>).
/// </summary>
[Flags]
public enum FuseAbilities : ulong
{
    /// <summary>Nothing.</summary>
    None = 0,
    /// <summary>Several reads of one file may be in flight.</summary>
    AsyncRead = 1UL << 0,
    /// <summary>READDIRPLUS is understood.</summary>
    DoReadDirPlus = 1UL << 13,
    /// <summary>The kernel chooses between READDIR and READDIRPLUS.</summary>
    ReadDirPlusAuto = 1UL << 14,
    /// <summary>Direct I/O may be split into requests in flight together.</summary>
    AsyncDirectIo = 1UL << 15,
    /// <summary>Lookups and readdirs of one directory may run in parallel.</summary>
    ParallelDirOps = 1UL << 18,
    /// <summary>Reading the device after an abort gives ECONNABORTED.</summary>
    AbortError = 1UL << 21,
    /// <summary>The reply carries the largest number of pages of a request.</summary>
    MaxPages = 1UL << 22,
    /// <summary>Link targets may be cached.</summary>
    CacheSymlinks = 1UL << 23,
    /// <summary>Cached data is dropped only when told.</summary>
    ExplicitInvalData = 1UL << 25,
    /// <summary>flags2 is valid.</summary>
    InitExt = 1UL << 30,
    /// <summary>Entries may be expired instead of dropped.</summary>
    HasExpireOnly = 1UL << 35,
    /// <summary>Opens may be served by a backing file.</summary>
    Passthrough = 1UL << 37,
    /// <summary>Unanswered requests can be asked for again.</summary>
    HasResend = 1UL << 39,
}
