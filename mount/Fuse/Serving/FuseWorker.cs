using System.Runtime.InteropServices;

namespace GlanceGateway.Fuse;

/// <summary>One reader thread: its buffers and its loop.</summary>
internal sealed unsafe partial class FuseWorker : IDisposable
{
    private readonly FuseSession _session;
    private readonly FuseFileSystem _files;
    private readonly int _descriptor;
    private readonly NativeBuffer _reply;
    private readonly byte* _request;
    private ulong _current;
    private bool _answered;

    internal FuseWorker(FuseSession session)
    {
        _session = session;
        _files = session.FileSystem;
        _descriptor = session.Descriptor;
        _request = (byte*)NativeMemory.AlignedAlloc(Wire.RequestBufferBytes, 4096);
        // Pages of it that no reply used cost nothing.
        _reply = new NativeBuffer(Math.Max(session.Negotiation.MaxReadBytes, 64 * 1024));
    }

    /// <summary>The request being answered, 0 between requests.</summary>
    internal ulong Current => Volatile.Read(ref _current);

    public void Dispose()
    {
        NativeMemory.AlignedFree(_request);
        _reply.Free();
    }

    internal void Run()
    {
        int failures = 0;
        while (true)
        {
            nint length = Libc.Read(_descriptor, _request, Wire.RequestBufferBytes);
            if (length == 0)
            {
                // A device never does this; a socket standing in for one does when its other end closes.
                return;
            }

            if (length > 0)
            {
                failures = 0;
                // In this order: who leaves waits for requests being answered, and none may begin behind its back.
                Interlocked.Exchange(ref _current, length >= sizeof(InHeader) ? ((InHeader*)_request)->Unique : 0);
                if (_session.IsLeaving)
                {
                    Volatile.Write(ref _current, 0);
                    return;
                }

                Handle((int)length);
                continue;
            }

            Errno error = Libc.LastError;
            switch (error)
            {
                // ENOENT: the request was taken back between being announced and being read.
                case Errno.ENOENT or Errno.EINTR or Errno.EAGAIN:
                    continue;
                case Errno.ENODEV:
                    return;
                case Errno.ECONNABORTED:
                    FuseLog.Aborted(_session.Logger);
                    return;
                default:
                    FuseLog.DeviceFailed(_session.Logger, error);
                    if (++failures >= 100)
                    {
                        return;
                    }

                    Thread.Sleep(failures);
                    continue;
            }
        }
    }

    /// <summary>Handles the bytes of one request. Whatever they hold, the thread survives.</summary>
    internal void Handle(int length)
    {
        if (length < sizeof(InHeader))
        {
            FuseLog.Malformed(_session.Logger, length, FuseOpcode.None);
            return;
        }

        InHeader header = *(InHeader*)_request;
        FuseOpcode opcode = (FuseOpcode)header.Opcode;
        _session.Counters.Count(header.Opcode);
        int body = length - sizeof(InHeader) - (header.ExtensionWords * 8);
        _answered = false;
        Volatile.Write(ref _current, header.Unique);
        FuseSession.InsideRequest = true;
        try
        {
            if (header.Length != length || body < 0)
            {
                Refuse(header, length);
                return;
            }

            Dispatch(header, opcode, new ReadOnlySpan<byte>(_request + sizeof(InHeader), body));
        }
        catch (Exception e)
        {
            FuseLog.RequestFailed(_session.Logger, e, opcode, header.Node);
            Fail(header, Errno.EIO);
        }
        finally
        {
            FuseSession.InsideRequest = false;
            Volatile.Write(ref _current, 0);
        }
    }

    private static bool WantsNoReply(in InHeader header) =>
        (FuseOpcode)header.Opcode is FuseOpcode.Forget or FuseOpcode.BatchForget or FuseOpcode.Interrupt;

    private void Refuse(in InHeader header, int length)
    {
        FuseLog.Malformed(_session.Logger, length, (FuseOpcode)header.Opcode);
        Fail(header, Errno.EINVAL);
    }

    private void Fail(in InHeader header, Errno error)
    {
        if (!_answered && !WantsNoReply(header))
        {
            Answer(header, error);
        }
    }

    /// <summary>Answers with an error, or with success and nothing more.</summary>
    private void Answer(in InHeader header, Errno error)
    {
        _answered = true;
        _ = _session.Reply(header.Unique, error, null, 0);
    }

    /// <summary>Answers with a structure.</summary>
    /// <returns>ENOENT when the caller was interrupted: whatever was handed out must be taken back.</returns>
    private Errno Answer<T>(in InHeader header, in T payload)
        where T : unmanaged
    {
        _answered = true;
        fixed (T* address = &payload)
        {
            return _session.Reply(header.Unique, Errno.None, address, sizeof(T));
        }
    }

    /// <summary>Answers with the first bytes of the reply buffer.</summary>
    private Errno AnswerBuffer(in InHeader header, int length)
    {
        _answered = true;
        return _session.Reply(header.Unique, Errno.None, _reply.Address, length);
    }

    private void AnswerBytes(in InHeader header, ReadOnlySpan<byte> payload)
    {
        _answered = true;
        fixed (byte* address = payload)
        {
            _ = _session.Reply(header.Unique, Errno.None, address, payload.Length);
        }
    }
}
