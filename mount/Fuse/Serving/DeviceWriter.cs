namespace GlanceGateway.Fuse;

/// <summary>Writes replies and notifications: one vectored write each, from any thread, without allocating.</summary>
internal static unsafe class DeviceWriter
{
    /// <summary>Sends a reply; an error goes without payload.</summary>
    /// <returns>ENOENT when the request was interrupted or aborted meanwhile, ENODEV when the mount is gone.</returns>
    internal static Errno Send(int device, ulong unique, Errno error, void* payload, int length)
    {
        OutHeader header = new()
        {
            Length = (uint)(sizeof(OutHeader) + (error == Errno.None ? length : 0)),
            Error = -(int)error,
            Unique = unique,
        };
        return Write(device, &header, payload, error == Errno.None ? length : 0, null, 0);
    }

    /// <summary>Sends a notification of up to two parts.</summary>
    internal static Errno Notify(int device, uint code, void* head, int headLength, void* tail, int tailLength)
    {
        OutHeader header = new() { Length = (uint)(sizeof(OutHeader) + headLength + tailLength), Error = (int)code };
        return Write(device, &header, head, headLength, tail, tailLength);
    }

    private static Errno Write(int device, OutHeader* header, void* second, int secondLength, void* third, int thirdLength)
    {
        IoVector* vectors = stackalloc IoVector[3];
        vectors[0] = new IoVector { Base = header, Length = (nuint)sizeof(OutHeader) };
        int count = 1;
        if (secondLength > 0)
        {
            vectors[count++] = new IoVector { Base = second, Length = (nuint)secondLength };
        }

        if (thirdLength > 0)
        {
            vectors[count++] = new IoVector { Base = third, Length = (nuint)thirdLength };
        }

        while (true)
        {
            if (Libc.WriteVector(device, vectors, count) >= 0)
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
