using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Fuse.Tests;

/// <summary>A socket in place of the device: each datagram is one request or one reply. Sends what no kernel would.</summary>
internal sealed unsafe class FakeKernel : IDisposable
{
    private readonly SafeFileHandle _kernel;
    private readonly SafeFileHandle _device;
    private ulong _unique;

    internal FakeKernel(FuseFileSystem files, int readerThreads = 2, FuseAbilities abilities = FuseAbilities.None)
    {
        const int SequencedPackets = 5; // SOCK_SEQPACKET
        int* pair = stackalloc int[2];
        Assert.Equal(0, Posix.SocketPair(1, SequencedPackets, 0, pair));
        _kernel = new SafeFileHandle(pair[0], ownsHandle: true);
        _device = new SafeFileHandle(pair[1], ownsHandle: true);
        // SO_RCVTIMEO: a reply that never comes is an error, not a hang.
        long* timeout = stackalloc long[2] { 10, 0 };
        Assert.Equal(0, Posix.SetSocketOption(pair[0], 1, 20, timeout, 16));
        Session = new FuseSession(
            _device, new FuseNegotiation(45, abilities, 128 * 1024), files, new FuseSessionOptions { ReaderThreads = readerThreads }, NullLogger.Instance);
        Session.Start();
    }

    internal FuseSession Session { get; }

    public void Dispose()
    {
        _kernel.Dispose();
        Assert.True(Session.Completion.Wait(TimeSpan.FromSeconds(10)), "the session outlives its device");
        _device.Dispose();
    }

    internal static byte[] Bytes<T>(in T value)
        where T : unmanaged => MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)).ToArray();

    /// <summary>Sends a request with the given body and gives its number.</summary>
    internal ulong Send(FuseOpcode opcode, ulong node, ReadOnlySpan<byte> body, ushort extensionWords = 0, uint thread = 0)
    {
        InHeader header = new()
        {
            Length = (uint)(Unsafe.SizeOf<InHeader>() + body.Length),
            Opcode = (uint)opcode,
            Unique = _unique += 2,
            Node = node,
            Pid = thread,
            ExtensionWords = extensionWords,
        };
        SendRaw([.. Bytes(header), .. body]);
        return header.Unique;
    }

    internal void SendRaw(ReadOnlySpan<byte> packet)
    {
        fixed (byte* start = packet)
        {
            Assert.Equal(packet.Length, (int)Posix.Write((int)_kernel.DangerousGetHandle(), start, (nuint)packet.Length));
        }
    }

    /// <summary>The next reply or notification.</summary>
    internal (OutHeader Header, byte[] Payload) Receive()
    {
        byte[] packet = new byte[256 * 1024];
        fixed (byte* start = packet)
        {
            nint length;
            do
            {
                // A socket with a time-out is not restarted after a signal, and the runtime sends signals to stop threads.
                length = Posix.Read((int)_kernel.DangerousGetHandle(), start, (nuint)packet.Length);
            }
            while (length < 0 && Posix.Error == Errno.EINTR);
            Assert.True(length >= Unsafe.SizeOf<OutHeader>(), $"no reply: {length} {Posix.Error}");
            OutHeader header = *(OutHeader*)start;
            Assert.Equal((uint)length, header.Length);
            return (header, packet[Unsafe.SizeOf<OutHeader>()..(int)length]);
        }
    }

    /// <summary>Sends a request and gives the error it was answered with.</summary>
    internal Errno Ask(FuseOpcode opcode, ulong node, ReadOnlySpan<byte> body, ushort extensionWords = 0)
    {
        ulong unique = Send(opcode, node, body, extensionWords);
        (OutHeader header, _) = Receive();
        Assert.Equal(unique, header.Unique);
        return (Errno)(-header.Error);
    }
}
