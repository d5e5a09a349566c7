namespace GlanceGateway.Fuse;

/// <summary>How a device is served.</summary>
public sealed record FuseSessionOptions
{
    /// <summary>
    /// Threads that read requests, 1 to 64. More than the cores buys nothing: hits are answered inline and misses wait elsewhere.
    /// </summary>
    public int ReaderThreads { get; init; } = Math.Max(2, Math.Min(8, Environment.ProcessorCount));

    /// <summary>Registers backing files; null does it on the device itself, which needs CAP_SYS_ADMIN.</summary>
    public IBackingRegistrar? BackingRegistrar { get; init; }

    /// <summary>Asks the kernel for unanswered requests again: for whoever takes over a device from a server that died.</summary>
    public bool Resend { get; init; }

    /// <summary>
    /// Whether the mount was made in the pid namespace of this process, so that the thread ids of requests are those of its /proc. Where they are not, who waits
    /// for an answer gets EINTR for any signal, since nobody can tell whether it kills him.
    /// </summary>
    public bool SeesCallers { get; init; } = true;
}
