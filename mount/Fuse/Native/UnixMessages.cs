using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Fuse;

/// <summary>Packets with descriptors attached (SCM_RIGHTS, unix(7)), which .NET's sockets do not do; layouts of 64-bit Linux.</summary>
internal static unsafe class UnixMessages
{
    private const int SocketLevel = 1; // SOL_SOCKET
    private const int Rights = 1; // SCM_RIGHTS
    private const int PeerCredentials = 17; // SO_PEERCRED
    private const int HeadBytes = 16; // struct cmsghdr
    private const int MostDescriptors = 4;
    private const int ControlBytes = HeadBytes + (MostDescriptors * sizeof(int));

    /// <summary>Sends one packet.</summary>
    /// <param name="socket">A connected socket in blocking mode.</param>
    /// <param name="packet">Its bytes, at least one.</param>
    /// <param name="attached">Up to four descriptors; the receiver gets its own ones.</param>
    internal static Errno Send(Socket socket, ReadOnlySpan<byte> packet, params ReadOnlySpan<SafeHandle> attached)
    {
        byte* control = stackalloc byte[ControlBytes];
        int held = 0;
        try
        {
            foreach (SafeHandle handle in attached)
            {
                bool holds = false;
                handle.DangerousAddRef(ref holds);
                ((int*)(control + HeadBytes))[held++] = (int)handle.DangerousGetHandle();
            }

            *(nuint*)control = (nuint)(HeadBytes + (held * sizeof(int)));
            *(int*)(control + 8) = SocketLevel;
            *(int*)(control + 12) = Rights;
            fixed (byte* bytes = packet)
            {
                IoVector vector = new() { Base = bytes, Length = (nuint)packet.Length };
                MessageHeader message = new()
                {
                    Vectors = &vector,
                    VectorCount = 1,
                    Control = held == 0 ? null : control,
                    ControlLength = held == 0 ? 0 : (nuint)((HeadBytes + (held * sizeof(int)) + 7) & ~7),
                };
                while (true)
                {
                    if (Libc.SendMessage((int)socket.Handle, &message, Libc.SendWithoutSignal) >= 0)
                    {
                        return Errno.None;
                    }

                    Errno error = Libc.LastError;
                    if (error != Errno.EINTR)
                    {
                        return error;
                    }
                }
            }
        }
        finally
        {
            for (int i = 0; i < held; i++)
            {
                attached[i].DangerousRelease();
            }
        }
    }

    /// <summary>Receives one packet.</summary>
    /// <param name="socket">A connected socket in blocking mode.</param>
    /// <param name="buffer">A packet that does not fit is an error.</param>
    /// <param name="attached">The descriptors that came with it; the caller's to close, whatever the length.</param>
    /// <returns>Its length; 0 when the other end is closed, the time-out of the socket is over, or more came than there was room for.</returns>
    internal static int Receive(Socket socket, Span<byte> buffer, out SafeFileHandle[] attached)
    {
        byte* control = stackalloc byte[ControlBytes];
        attached = [];
        fixed (byte* bytes = buffer)
        {
            IoVector vector = new() { Base = bytes, Length = (nuint)buffer.Length };
            MessageHeader message = new() { Vectors = &vector, VectorCount = 1, Control = control, ControlLength = ControlBytes };
            nint length;
            do
            {
                length = Libc.ReceiveMessage((int)socket.Handle, &message, Libc.ReceiveCloseOnExec);
            }
            while (length < 0 && Libc.LastError == Errno.EINTR);

            // An empty packet can carry descriptors too.
            if (length >= 0 && message.ControlLength >= HeadBytes && *(int*)(control + 8) == SocketLevel && *(int*)(control + 12) == Rights)
            {
                int count = (int)Math.Min((*(nuint*)control - HeadBytes) / sizeof(int), MostDescriptors);
                attached = new SafeFileHandle[count];
                for (int i = 0; i < count; i++)
                {
                    attached[i] = new SafeFileHandle(((int*)(control + HeadBytes))[i], ownsHandle: true);
                }
            }

            return length > 0 && (message.Flags & (Libc.MessageTruncated | Libc.ControlTruncated)) == 0 ? (int)length : 0;
        }
    }

    /// <summary>Who is at the other end, as the kernel saw it connect or listen.</summary>
    internal static (int Process, uint User, uint Group) PeerOf(Socket socket)
    {
        Span<byte> credentials = stackalloc byte[12]; // struct ucred
        return socket.GetRawSocketOption(SocketLevel, PeerCredentials, credentials) == credentials.Length
            ? (MemoryMarshal.Read<int>(credentials), MemoryMarshal.Read<uint>(credentials[4..]), MemoryMarshal.Read<uint>(credentials[8..]))
            : (0, uint.MaxValue, uint.MaxValue);
    }
}
