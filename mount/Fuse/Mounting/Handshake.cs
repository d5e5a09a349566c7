using System.Runtime.InteropServices;

namespace GlanceGateway.Fuse;

/// <summary>Answers INIT, the first request of a connection and the only one until it is answered.</summary>
internal static unsafe class Handshake
{
    private const FuseAbilities Wanted =
        FuseAbilities.AsyncRead | FuseAbilities.DoReadDirPlus | FuseAbilities.ReadDirPlusAuto | FuseAbilities.AsyncDirectIo
        | FuseAbilities.ParallelDirOps | FuseAbilities.AbortError | FuseAbilities.MaxPages | FuseAbilities.CacheSymlinks
        | FuseAbilities.ExplicitInvalData | FuseAbilities.InitExt | FuseAbilities.HasExpireOnly | FuseAbilities.Passthrough
        | FuseAbilities.HasResend;

    /// <summary>Reads INIT from a device and answers it. Blocks until the kernel sends it.</summary>
    /// <exception cref="FuseMountException">The device ended, or the kernel is too old.</exception>
    internal static FuseNegotiation Perform(int device, FuseMountOptions options)
    {
        byte* request = (byte*)NativeMemory.AlignedAlloc(Wire.RequestBufferBytes, 4096);
        try
        {
            while (true)
            {
                nint length = Libc.Read(device, request, Wire.RequestBufferBytes);
                if (length < 0)
                {
                    Errno error = Libc.LastError;
                    if (error is Errno.EINTR or Errno.EAGAIN or Errno.ENOENT)
                    {
                        continue;
                    }

                    throw new FuseMountException($"The kernel ended the FUSE connection before negotiating ({error}).", error);
                }

                if (Answer(device, new ReadOnlySpan<byte>(request, (int)length), options) is { } negotiation)
                {
                    return negotiation;
                }
            }
        }
        finally
        {
            NativeMemory.AlignedFree(request);
        }
    }

    /// <summary>Settles the abilities. Apart from the device so that it can be tested against any kernel's offer.</summary>
    internal static (InitOut Reply, FuseNegotiation Negotiation) Settle(in InitIn offer, FuseMountOptions options)
    {
        FuseAbilities offered = (FuseAbilities)(offer.Flags | ((ulong)offer.Flags2 << 32));
        if ((offered & FuseAbilities.InitExt) == FuseAbilities.None)
        {
            offered &= (FuseAbilities)uint.MaxValue;
        }

        FuseAbilities flags = offered & Wanted;
        int pageBytes = Environment.SystemPageSize;
        int maxPages = Math.Clamp(options.MaxReadBytes / pageBytes, 1, ushort.MaxValue);
        if ((flags & FuseAbilities.MaxPages) == FuseAbilities.None)
        {
            maxPages = Math.Min(maxPages, 32);
        }

        uint minor = Math.Min(offer.Minor, Wire.Minor);
        ushort background = (ushort)Math.Clamp(options.MaxBackground, 1, ushort.MaxValue);
        InitOut reply = new()
        {
            Major = Wire.Major,
            Minor = minor,
            MaxReadAhead = offer.MaxReadAhead,
            Flags = (uint)flags,
            Flags2 = (uint)((ulong)flags >> 32),
            MaxBackground = background,
            CongestionThreshold = (ushort)Math.Max(1, background * 3 / 4),
            MaxWrite = Wire.MaxWriteBytes,
            TimeGranularity = 1,
            MaxPages = (ushort)maxPages,
            // Depth 1: backing files on plain filesystems, and overlayfs may still be mounted on top of this mount.
            MaxStackDepth = (flags & FuseAbilities.Passthrough) != FuseAbilities.None ? 1u : 0u,
        };
        return (reply, new FuseNegotiation((int)minor, flags, maxPages * pageBytes));
    }

    private static FuseNegotiation? Answer(int device, ReadOnlySpan<byte> request, FuseMountOptions options)
    {
        if (!MemoryMarshal.TryRead(request, out InHeader header)
            || (FuseOpcode)header.Opcode != FuseOpcode.Init
            || request.Length < sizeof(InHeader) + 16)
        {
            throw new FuseMountException("The FUSE connection did not begin with a negotiation; it belongs to another server.", Errno.EPROTO);
        }

        // Old kernels send a shorter structure: what is missing is zero.
        InitIn offer = default;
        ReadOnlySpan<byte> body = request[sizeof(InHeader)..];
        body[..Math.Min(body.Length, sizeof(InitIn))].CopyTo(new Span<byte>(&offer, sizeof(InitIn)));
        if (offer.Major > Wire.Major)
        {
            // Protocol: name the version spoken here, and the kernel asks again with it.
            InitOut downgrade = new() { Major = Wire.Major, Minor = Wire.Minor };
            _ = DeviceWriter.Send(device, header.Unique, Errno.None, &downgrade, sizeof(InitOut));
            return null;
        }

        if (offer.Major < Wire.Major || offer.Minor < Wire.OldestMinor)
        {
            _ = DeviceWriter.Send(device, header.Unique, Errno.EPROTO, null, 0);
            throw new FuseMountException(
                $"The kernel speaks FUSE {offer.Major}.{offer.Minor}; {Wire.Major}.{Wire.OldestMinor} (Linux 4.20) or newer is needed.", Errno.EPROTO);
        }

        (InitOut reply, FuseNegotiation negotiation) = Settle(offer, options);
        Errno sent = DeviceWriter.Send(device, header.Unique, Errno.None, &reply, sizeof(InitOut));
        return sent == Errno.None
            ? negotiation
            : throw new FuseMountException($"The kernel refused the negotiation ({sent}).", sent);
    }
}
