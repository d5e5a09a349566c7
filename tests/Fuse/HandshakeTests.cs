namespace GlanceGateway.Fuse.Tests;

/// <summary>What is agreed with kernels of different ages.</summary>
public sealed class HandshakeTests
{
    // What Linux 6.18 offers.
    private const uint ModernFlags = 0x73fffffb;
    private const uint ModernFlags2 = 0x5fd;

    private static readonly FuseMountOptions s_options = new() { MaxBackground = 64 };

    [Fact]
    public void A_modern_kernel_gets_passthrough_and_large_reads()
    {
        (InitOut reply, FuseNegotiation negotiation) = Handshake.Settle(Offer(45, ModernFlags, ModernFlags2), s_options);

        Assert.True(negotiation.Passthrough);
        Assert.Equal(1u, reply.MaxStackDepth);
        Assert.Equal(1024 * 1024, negotiation.MaxReadBytes);
        Assert.Equal(1024 * 1024, reply.MaxPages * Environment.SystemPageSize);
        Assert.Equal(45, negotiation.Minor);
        Assert.Equal(64, reply.MaxBackground);
        Assert.Equal(48, reply.CongestionThreshold);
        Assert.Equal(4096u, reply.MaxWrite);
    }

    [Fact]
    public void Locks_stay_with_the_kernel_and_directories_are_always_opened()
    {
        (InitOut reply, _) = Handshake.Settle(Offer(45, uint.MaxValue, uint.MaxValue), s_options);

        Assert.Equal(0u, reply.Flags & (1u << 1)); // POSIX_LOCKS
        Assert.Equal(0u, reply.Flags & (1u << 10)); // FLOCK_LOCKS
        Assert.Equal(0u, reply.Flags & (1u << 17)); // NO_OPEN_SUPPORT
        Assert.Equal(0u, reply.Flags & (1u << 24)); // NO_OPENDIR_SUPPORT
        Assert.Equal(0u, reply.Flags & (1u << 16)); // WRITEBACK_CACHE
        Assert.Equal(0, reply.RequestTimeout);
    }

    [Fact]
    public void A_kernel_without_the_second_flag_word_gets_none_of_it()
    {
        (InitOut reply, FuseNegotiation negotiation) = Handshake.Settle(Offer(31, ModernFlags & ~(1u << 30), uint.MaxValue), s_options);

        Assert.Equal(0u, reply.Flags2);
        Assert.False(negotiation.Passthrough);
        Assert.Equal(0u, reply.MaxStackDepth);
        Assert.Equal(31, negotiation.Minor);
    }

    [Fact]
    public void A_kernel_without_max_pages_reads_32_pages_at_most()
    {
        (_, FuseNegotiation negotiation) = Handshake.Settle(Offer(28, ModernFlags & ~(1u << 22), 0), s_options);

        Assert.Equal(32 * Environment.SystemPageSize, negotiation.MaxReadBytes);
    }

    [Fact]
    public void A_newer_kernel_is_spoken_to_in_the_version_known_here() =>
        Assert.Equal(45, Handshake.Settle(Offer(99, ModernFlags, ModernFlags2), s_options).Negotiation.Minor);

    private static InitIn Offer(uint minor, uint flags, uint flags2) =>
        new() { Major = 7, Minor = minor, MaxReadAhead = 131072, Flags = flags, Flags2 = flags2 };
}
