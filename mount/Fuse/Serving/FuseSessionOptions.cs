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
}
