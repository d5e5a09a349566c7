using System.Runtime.InteropServices;

namespace GlanceGateway.Plugins.Rbd.Native;

/// <summary>
/// Operations that call back when they are done: no thread waits for them. The libraries call from one of a few threads of their own, so
/// whatever awaits the task goes on in the thread pool.
/// </summary>
internal static unsafe class Completion
{
    /// <summary>Starts to read from an image; the result is the bytes read, or a negative errno.</summary>
    /// <param name="image">Stays open until the task has ended.</param>
    /// <param name="offset">In the image.</param>
    /// <param name="buffer">Stays where it is until the task has ended.</param>
    /// <param name="length">Bytes.</param>
    public static Task<int> ReadAsync(nint image, long offset, nint buffer, int length)
    {
        var (done, argument) = Begin();
        Librbd.rbd_aio_create_completion(argument, &OnImageDone, out var completion);
        var started = Librbd.rbd_aio_read(image, (ulong)offset, (nuint)length, (byte*)buffer, completion);
        return started >= 0 ? done.Task : NotStarted(argument, completion, started);
    }

    /// <summary>Starts to write to an image; the result is 0 or a negative errno.</summary>
    /// <param name="image">Stays open until the task has ended.</param>
    /// <param name="offset">In the image.</param>
    /// <param name="buffer">Stays what and where it is until the task has ended.</param>
    /// <param name="length">Bytes.</param>
    public static Task<int> WriteAsync(nint image, long offset, nint buffer, int length)
    {
        var (done, argument) = Begin();
        Librbd.rbd_aio_create_completion(argument, &OnImageDone, out var completion);
        var started = Librbd.rbd_aio_write(image, (ulong)offset, (nuint)length, (byte*)buffer, completion);
        return started >= 0 ? done.Task : NotStarted(argument, completion, started);
    }

    /// <summary>Starts a method of an object class; the result is the bytes of output, which are dropped, or a negative errno.</summary>
    public static Task<int> ExecuteAsync(nint io, string oid, string cls, string method, ReadOnlySpan<byte> input)
    {
        var (done, argument) = Begin();
        Librados.rados_aio_create_completion2(argument, &OnObjectDone, out var completion);
        fixed (byte* pinned = input)
        {
            // The input is copied before the call returns.
            var started = Librados.rados_aio_exec(io, oid, completion, cls, method, pinned, (nuint)input.Length, null, 0);
            if (started >= 0)
                return done.Task;
            Librados.rados_aio_release(completion);
            GCHandle.FromIntPtr(argument).Free();
            return Task.FromResult(started);
        }
    }

    private static (TaskCompletionSource<int> Done, nint Argument) Begin()
    {
        var done = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        return (done, GCHandle.ToIntPtr(GCHandle.Alloc(done)));
    }

    private static Task<int> NotStarted(nint argument, nint completion, int error)
    {
        Librbd.rbd_aio_release(completion);
        GCHandle.FromIntPtr(argument).Free();
        return Task.FromResult(error);
    }

    [UnmanagedCallersOnly]
    private static void OnImageDone(nint completion, nint argument)
    {
        var result = (int)Librbd.rbd_aio_get_return_value(completion);
        Librbd.rbd_aio_release(completion);
        Finish(argument, result);
    }

    [UnmanagedCallersOnly]
    private static void OnObjectDone(nint completion, nint argument)
    {
        var result = Librados.rados_aio_get_return_value(completion);
        Librados.rados_aio_release(completion);
        Finish(argument, result);
    }

    private static void Finish(nint argument, int result)
    {
        var handle = GCHandle.FromIntPtr(argument);
        var done = (TaskCompletionSource<int>)handle.Target!;
        handle.Free();
        done.SetResult(result);
    }
}
