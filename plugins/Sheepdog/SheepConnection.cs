using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Sockets;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Sheepdog;

/// <summary>
/// One TCP connection to a node: any number of requests in flight, answered in whatever order the node likes. Invariants:
/// <list type="bullet">
/// <item>requests are sent whole, one after the other; one receiver reads all answers and never waits for their readers;</item>
/// <item>the data of an answer are copied into the asker's buffer only while the asker still waits: a cancelled one has its buffer back at once;</item>
/// <item>an answer with data counts only when what follows it looks like the next answer, because the protocol has no checksum and a lost byte
/// shifts everything behind it;</item>
/// <item>a connection that failed once stays failed and fails every request with the same fault;</item>
/// <item>time-outs are the connection's: silence for the operation time-out while something is asked ends it, and so does one request that is
/// four times older than that while others are answered.</item>
/// </list>
/// </summary>
internal sealed class SheepConnection : IAsyncDisposable
{
    private const int ReceiveSize = 256 * 1024;
    private const int OldestAge = 4;

    // So that a slow line that moves is not taken for silence.
    private const int SendSlice = 256 * 1024;

    private readonly ConcurrentDictionary<uint, Pending> waiting = new();
    private readonly SemaphoreSlim sending = new(1);
    private readonly CancellationTokenSource ended = new();
    private readonly Socket socket;
    private readonly SheepNode node;
    private readonly TimeProvider time;
    private readonly TimeSpan patience;
    private Task running = Task.CompletedTask;
    private StoreException? fault;
    private uint lastId;
    private int outstanding;
    private long moved;

    private SheepConnection(Socket socket, SheepNode node, TimeProvider time, TimeSpan patience)
    {
        this.socket = socket;
        this.node = node;
        this.time = time;
        this.patience = patience;
        moved = time.GetTimestamp();
    }

    /// <summary>False once it failed or was disposed.</summary>
    public bool IsOpen => Volatile.Read(ref fault) is null;

    /// <summary>Requests that are not answered.</summary>
    public int Outstanding => Volatile.Read(ref outstanding);

    /// <summary>Connects.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.Unavailable"/> or <see cref="StoreError.TimedOut"/>.</exception>
    public static async Task<SheepConnection> ConnectAsync(SheepNode node, SheepdogSettings settings, TimeProvider time, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using var timeout = new CancellationTokenSource(settings.ConnectTimeout, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            await socket.ConnectAsync(node.Host, node.Port, limit.Token);
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
        {
            socket.Dispose();
            cancellationToken.ThrowIfCancellationRequested();
            throw exception is SocketException refused
                ? new StoreException(StoreError.Unavailable, $"The Sheepdog node {node} cannot be reached: {refused.Message}.")
                : new StoreException(StoreError.TimedOut, $"The Sheepdog node {node} did not accept a connection in {settings.ConnectTimeout.TotalSeconds:0.#} s.");
        }

        var connection = new SheepConnection(socket, node, time, settings.OperationTimeout);
        connection.running = Task.WhenAll(Task.Run(connection.ReceiveAllAsync, CancellationToken.None), Task.Run(connection.WatchAsync, CancellationToken.None));
        return connection;
    }

    /// <summary>Sends a request and waits for its answer.</summary>
    /// <param name="request">Its data must not change until the task ends.</param>
    /// <param name="destination">Where the answer's data go; what they leave out is filled with zeros.</param>
    /// <param name="cancellationToken">Ends the wait for a request without data; one with data is waited for, because they are the caller's.</param>
    /// <exception cref="StoreException">There was no answer.</exception>
    public async Task<SheepAnswer> AskAsync(SheepRequest request, Memory<byte> destination, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var pending = new Pending(request.Operation, destination);
        var id = Interlocked.Increment(ref lastId);
        if (Interlocked.Increment(ref outstanding) == 1)
            Volatile.Write(ref moved, time.GetTimestamp());
        waiting[id] = pending;

        // Failed meanwhile: whoever failed it may have looked before the request was there.
        if (Volatile.Read(ref fault) is { } already)
            Forget(id)?.Fail(Copy(already));
        else
            await SendAsync(request, id, pending);

        if (!request.Data.IsEmpty)
            return await pending.Task;
        await using (cancellationToken.UnsafeRegister(static (state, token) => ((Pending)state!).Cancel(token), pending))
            return await pending.Task;
    }

    public async ValueTask DisposeAsync()
    {
        Fail(StoreError.Unavailable, $"The connection to the Sheepdog node {node} was closed.");
        await running;

        // The semaphore and the source of cancellation are left to the collector: a sender may still be on its way out through them.
    }

    private async Task SendAsync(SheepRequest request, uint id, Pending pending)
    {
        // The lock is held for as long as the node does not read; the watch ends that, by failing the connection.
        try
        {
            await sending.WaitAsync(ended.Token);
        }
        catch (OperationCanceledException)
        {
            return;
        }

        try
        {
            pending.Sent = time.GetTimestamp();
            await SendAsync(request.Seal(id));
            await SendAsync(request.Data);
            pending.Sent = time.GetTimestamp();
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            Fail(StoreError.Unavailable, $"Sending to the Sheepdog node {node} failed: {exception.Message}");
        }
        finally
        {
            sending.Release();
        }
    }

    private async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var sent = await socket.SendAsync(bytes[..Math.Min(bytes.Length, SendSlice)], SocketFlags.None, ended.Token);
            bytes = bytes[sent..];
            Volatile.Write(ref moved, time.GetTimestamp());
        }
    }

    private async Task ReceiveAllAsync()
    {
        var buffer = ArrayPool<byte>.Shared.Rent(ReceiveSize);
        try
        {
            var (start, end) = (0, 0);
            while (true)
            {
                while (end - start < SheepRequest.HeaderLength)
                    await ReceiveMoreAsync();
                var (id, pending, answer) = Understand(buffer.AsSpan(start, SheepRequest.HeaderLength));
                start += SheepRequest.HeaderLength;

                for (var at = 0; at < answer.DataLength;)
                {
                    if (start == end)
                        await ReceiveMoreAsync();
                    var count = Math.Min(answer.DataLength - at, end - start);
                    pending.Fill((int)answer.Offset + at, buffer.AsSpan(start, count));
                    start += count;
                    at += count;
                }

                if (answer.DataLength > 0 && end - start >= SheepRequest.HeaderLength)
                    Understand(buffer.AsSpan(start, SheepRequest.HeaderLength), answered: id);
                Forget(id);
                pending.Complete(answer);
            }

            async ValueTask ReceiveMoreAsync()
            {
                buffer.AsSpan(start, end - start).CopyTo(buffer);
                (start, end) = (0, end - start);
                var received = await socket.ReceiveAsync(buffer.AsMemory(end), SocketFlags.None, ended.Token);
                if (received == 0)
                    throw new IOException("the node closed it");
                end += received;
                Volatile.Write(ref moved, time.GetTimestamp());
            }
        }
        catch (InvalidDataException exception)
        {
            Fail(StoreError.Unavailable, $"The Sheepdog node {node} does not speak its protocol as it should: {exception.Message}");
        }
        catch (Exception exception)
        {
            Fail(StoreError.Unavailable, $"The connection to the Sheepdog node {node} was lost: {exception.Message}");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // A header that does not belong to a request of ours ends the connection: nothing behind it could be believed.
    private (uint Id, Pending Pending, SheepAnswer Answer) Understand(ReadOnlySpan<byte> header, uint answered = 0)
    {
        var id = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        if (id == answered || !waiting.TryGetValue(id, out var pending))
            throw new InvalidDataException("an answer belongs to no request.");
        if (header[1] != (byte)pending.Operation)
            throw new InvalidDataException($"the answer to {pending.Operation} is one to operation {header[1]:x2}.");
        var answer = SheepAnswer.Parse(header);
        var offset = pending.Operation == SheepOperation.ReadObject ? answer.Offset : 0;
        if (answer.DataLength < 0 || offset < 0 || offset > pending.Room || answer.DataLength > pending.Room - offset)
            throw new InvalidDataException($"the answer to {pending.Operation} has {answer.DataLength} bytes at {offset}, where {pending.Room} were asked for.");
        return (id, pending, answer with { Offset = offset });
    }

    private async Task WatchAsync()
    {
        var interval = TimeSpan.FromTicks(Math.Clamp(patience.Ticks / 4, TimeSpan.TicksPerMillisecond * 50, TimeSpan.TicksPerSecond));
        try
        {
            while (true)
            {
                await Task.Delay(interval, time, ended.Token);
                if (Volatile.Read(ref outstanding) == 0)
                    continue;
                if (time.GetElapsedTime(Volatile.Read(ref moved)) > patience)
                    Fail(StoreError.TimedOut, $"The Sheepdog node {node} did not answer for {patience.TotalSeconds:0.#} s.");
                else if (waiting.Values.Any(pending => pending.Sent != 0 && time.GetElapsedTime(pending.Sent) > patience * OldestAge))
                    Fail(StoreError.TimedOut, $"The Sheepdog node {node} left a request without an answer for {(patience * OldestAge).TotalSeconds:0.#} s.");
            }
        }
        catch (OperationCanceledException)
        {
            // The connection ended.
        }
    }

    private Pending? Forget(uint id)
    {
        if (!waiting.TryRemove(id, out var pending))
            return null;
        Interlocked.Decrement(ref outstanding);
        return pending;
    }

    private void Fail(StoreError error, string text)
    {
        if (Interlocked.CompareExchange(ref fault, new StoreException(error, text), null) is not null)
            return;
        ended.Cancel();
        socket.Dispose();
        foreach (var id in waiting.Keys)
            Forget(id)?.Fail(Copy(fault));
    }

    // One exception object thrown by many tasks would collect all their stack traces.
    private static StoreException Copy(StoreException fault) => new(fault.Error, fault.Message);

    /// <summary>A request that waits. Answer, failure and cancellation exclude each other, and none writes to the buffer after the end.</summary>
    private sealed class Pending(SheepOperation operation, Memory<byte> destination)
    {
        private readonly TaskCompletionSource<SheepAnswer> source = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Lock gate = new();
        private bool over;
        private long sent;

        public SheepOperation Operation => operation;

        public int Room => destination.Length;

        public Task<SheepAnswer> Task => source.Task;

        /// <summary>When the node got it, as a time stamp; 0 before.</summary>
        public long Sent
        {
            get => Volatile.Read(ref sent);
            set => Volatile.Write(ref sent, value);
        }

        public void Fill(int at, ReadOnlySpan<byte> bytes)
        {
            lock (gate)
            {
                if (!over)
                    bytes.CopyTo(destination.Span[at..]);
            }
        }

        public void Complete(SheepAnswer answer)
        {
            lock (gate)
            {
                if (over)
                    return;
                over = true;
                if (answer.Result == SheepResult.Ok)
                {
                    destination.Span[..(int)answer.Offset].Clear();
                    destination.Span[((int)answer.Offset + answer.DataLength)..].Clear();
                }
            }

            source.TrySetResult(answer);
        }

        public void Fail(StoreException exception)
        {
            lock (gate)
                over = true;
            source.TrySetException(exception);
        }

        public void Cancel(CancellationToken cancellationToken)
        {
            lock (gate)
                over = true;
            source.TrySetCanceled(cancellationToken);
        }
    }
}
