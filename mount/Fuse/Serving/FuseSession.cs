using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Fuse;

/// <summary>Serves a negotiated FUSE device with a <see cref="FuseFileSystem"/> until the mount is gone.</summary>
/// <remarks>
/// <para>Worker model. N dedicated threads block in read(2) on one shared descriptor; whichever gets a request answers it
/// inline from a buffer of its own, without allocating. A read that misses goes to the thread pool with a pooled buffer and
/// is answered by whoever completes it, so no reader thread ever waits for a network. Measured on 2 cores: 1 to 8 threads,
/// shared or cloned descriptors are equal for hits; poll before read is slower; a cloned descriptor that closes at a crash
/// loses its requests, so there are none.</para>
/// <para>Invariants. A request is answered exactly once, or never when it wants no answer. The descriptor is not closed
/// while a thread or a pending read may still write to it: a reused number would get the reply. The session ends when
/// read(2) says ENODEV, which comes when the mount is gone and the last open file is closed.</para>
/// </remarks>
public sealed partial class FuseSession
{
    private readonly SafeFileHandle _device;
    private readonly int _descriptor;
    private readonly FuseSessionOptions _options;
    private readonly IBackingRegistrar _registrar;
    private readonly ConcurrentDictionary<ulong, PendingRequest> _pending = new();
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly FuseWorker[] _workers;
    private int _running;
    private int _started;
    private int _leaving;

    /// <summary>Prepares a session; <see cref="Start"/> begins it.</summary>
    /// <param name="device">The device; stays the caller's, who may close it any time: it really closes when the session has ended.</param>
    /// <param name="negotiation">What was settled on the device.</param>
    /// <param name="fileSystem">The tree.</param>
    /// <param name="options">Threads and the like.</param>
    /// <param name="logger">Gets failures.</param>
    public FuseSession(SafeFileHandle device, FuseNegotiation negotiation, FuseFileSystem fileSystem, FuseSessionOptions options, ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(negotiation);
        ArgumentNullException.ThrowIfNull(fileSystem);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(logger);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.ReaderThreads, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.ReaderThreads, 64);
        _device = device;
        _descriptor = (int)device.DangerousGetHandle();
        _options = options;
        _registrar = options.BackingRegistrar ?? new DeviceBackingRegistrar(device);
        Negotiation = negotiation;
        FileSystem = fileSystem;
        Logger = logger;
        Buffers = new NativeBufferPool(negotiation.MaxReadBytes);
        _workers = new FuseWorker[options.ReaderThreads];
    }

    /// <summary>What the kernel agreed to.</summary>
    public FuseNegotiation Negotiation { get; }

    /// <summary>Requests received, by operation.</summary>
    public FuseCounters Counters { get; } = new();

    /// <summary>Reads that wait for bytes now; opens that wait are not among them.</summary>
    public int PendingReads => _pending.Values.Count(static request => request is PendingRead);

    /// <summary>
    /// The request that each reader thread is answering, 0 when it is none. Requests that wait for bytes hold no thread, so two looks a while apart
    /// that are equal and hold no 0 mean that nobody takes requests any more. Empty before the start.
    /// </summary>
    public IReadOnlyList<ulong> Answering => [.. _workers.OfType<FuseWorker>().Select(static worker => worker.Current)];

    /// <summary>Ends when the kernel has: unmounted and the last file closed, or aborted.</summary>
    public Task Completion => _completion.Task;

    internal FuseFileSystem FileSystem { get; }

    internal ILogger Logger { get; }

    internal NativeBufferPool Buffers { get; }

    internal int Descriptor => _descriptor;

    internal bool IsLeaving => Volatile.Read(ref _leaving) != 0;

    /// <summary>Attaches the filesystem and starts the reader threads. Once.</summary>
    public void Start()
    {
        if (Interlocked.Exchange(ref _started, 1) != 0)
        {
            throw new InvalidOperationException("The session was started before.");
        }

        FileSystem.Attach(this);
        if (_options.Resend && (Negotiation.Flags & FuseAbilities.HasResend) != FuseAbilities.None)
        {
            // Before anybody reads: a request that was just read would come a second time.
            _ = Resend();
        }

        _running = _workers.Length;
        for (int i = 0; i < _workers.Length; i++)
        {
            _workers[i] = new FuseWorker(this);
        }

        for (int i = 0; i < _workers.Length; i++)
        {
            Hold();
            FuseWorker worker = _workers[i];
            new Thread(() => Run(worker), 256 * 1024) { IsBackground = true, Name = "fuse-reader-" + i }.Start();
        }
    }

    /// <summary>
    /// Stops answering, so that another process can go on with the device. What is being answered may end; whatever else was read, or is read by a thread
    /// that waited, is left for the successor, who has the kernel send it again (<see cref="FuseSessionOptions.Resend"/>). Final: the process should end.
    /// </summary>
    /// <param name="timeout">How long answers in progress are waited for.</param>
    /// <returns>True when all of them ended.</returns>
    public async Task<bool> LeaveAsync(TimeSpan timeout)
    {
        Interlocked.Exchange(ref _leaving, 1);
        long begun = Stopwatch.GetTimestamp();
        while (_started != 0 && (!_pending.IsEmpty || _workers.Any(static worker => worker?.Current > 0)))
        {
            if (Stopwatch.GetElapsedTime(begun) >= timeout)
            {
                foreach (PendingRequest request in _pending.Values)
                {
                    request.Abandon();
                }

                return false;
            }

            await Task.Delay(5);
        }

        return true;
    }

    /// <summary>Registers a file whose bytes the kernel may read itself for opens that name it.</summary>
    /// <param name="file">A regular file open for reading; may be closed afterwards.</param>
    /// <param name="node">The node whose opens will name it.</param>
    /// <param name="backing">The registration, null unless it succeeded.</param>
    /// <returns>
    /// <see cref="Errno.None"/>, or why it is not possible and reads must be served by the filesystem: EOPNOTSUPP (not
    /// negotiated), EPERM (no CAP_SYS_ADMIN), ELOOP (the file is on an overlay or another stacked filesystem), EINVAL (no
    /// regular file). None of them is a fault.
    /// </returns>
    public Errno TryRegisterBacking(SafeFileHandle file, ulong node, out BackingFile? backing)
    {
        backing = null;
        if (!Negotiation.Passthrough)
        {
            return Errno.EOPNOTSUPP;
        }

        Errno error = _registrar.Open(file, node, out int id);
        if (error == Errno.None)
        {
            backing = new BackingFile(_registrar, id);
        }

        return error;
    }

    /// <summary>A registration that an earlier server of this device made: the only one that opens of its node may name while some of that time are left.</summary>
    public BackingFile InheritBacking(int id) => new(_registrar, id);

    /// <summary>Sends a reply from any thread.</summary>
    internal unsafe Errno Reply(ulong unique, Errno error, void* payload, int length)
    {
        Errno result = DeviceWriter.Send(_descriptor, unique, error, payload, length);
        // ENOENT: the request was interrupted meanwhile. The others: there is nobody left to read it.
        if (result is not (Errno.None or Errno.ENOENT or Errno.ENODEV or Errno.ENOTCONN or Errno.ECONNABORTED))
        {
            FuseLog.ReplyRefused(Logger, result);
        }

        return result;
    }

    /// <summary>Answers an open. What the kernel does not get is released here, since it will not.</summary>
    internal unsafe void ReplyOpen(ulong unique, ulong node, OpenOutcome outcome, bool directory)
    {
        OpenReply reply = outcome.Reply;
        if (outcome.Error != Errno.None || reply.IsPending)
        {
            // Pending is an answer to the first question only.
            _ = Reply(unique, reply.IsPending ? Errno.EIO : outcome.Error, null, 0);
        }
        else if (reply.IsPassthrough && (!Negotiation.Passthrough || reply.BackingId <= 0))
        {
            FuseLog.PassthroughNotNegotiated(Logger, node);
            Release(node, reply.Handle, directory);
            _ = Reply(unique, Errno.EIO, null, 0);
        }
        else
        {
            OpenOut wire = new() { Handle = reply.Handle, OpenFlags = reply.Flags, BackingId = reply.BackingId };
            if (Reply(unique, Errno.None, &wire, sizeof(OpenOut)) == Errno.ENOENT)
            {
                Release(node, reply.Handle, directory);
            }
        }
    }

    internal void Release(ulong node, ulong handle, bool directory)
    {
        if (directory)
        {
            FileSystem.ReleaseDirectory(node, handle);
        }
        else
        {
            FileSystem.Release(node, handle);
        }
    }

    internal void Queue(PendingRequest request)
    {
        if (request is PendingRead)
        {
            Counters.CountAsynchronousRead();
        }

        Hold();
        _pending[request.Unique] = request;
        LookAfter();
        ThreadPool.UnsafeQueueUserWorkItem(request, preferLocal: false);
    }

    internal void Finish(PendingRequest request)
    {
        _pending.TryRemove(KeyValuePair.Create(request.Unique, request));
        request.Dispose();
        _device.DangerousRelease();
    }

    private void Hold()
    {
        bool held = false;
        _device.DangerousAddRef(ref held);
    }

    private void Run(FuseWorker worker)
    {
        try
        {
            worker.Run();
        }
        catch (Exception e)
        {
            FuseLog.RequestFailed(Logger, e, FuseOpcode.None, 0);
        }
        finally
        {
            worker.Dispose();
            if (Interlocked.Decrement(ref _running) == 0)
            {
                foreach (PendingRequest request in _pending.Values.Where(_ => !IsLeaving))
                {
                    request.Cancel();
                }

                Buffers.Dispose();
                _completion.TrySetResult();
            }

            _device.DangerousRelease();
        }
    }
}
