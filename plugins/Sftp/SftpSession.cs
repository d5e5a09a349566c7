using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Threading.Channels;
using GlanceGateway.Abstractions;
using Renci.SshNet;

namespace GlanceGateway.Plugins.Sftp;

/// <summary>
/// One SFTP session: any number of requests in flight on one connection, each answered whenever the server likes.
/// <para>
/// Requests go through one queue to one sender, because sending blocks while the socket or the server's window is full; answers come on the
/// thread of SSH.NET that reads the connection, which must never wait. Invariants:
/// </para>
/// <list type="bullet">
/// <item>the queue is bounded by its users: each has a limited number of requests in flight, so memory is too;</item>
/// <item>a read's answer is copied into the reader's buffer only while the reader still waits: a cancelled reader has its buffer back at once;</item>
/// <item>a session that failed once stays failed and fails every request with the same fault; its users take another session;</item>
/// <item>time-outs are the session's: nothing heard for the operation time-out while something is asked ends it, because a server that skips
/// one answer cannot be trusted with the next.</item>
/// </list>
/// </summary>
internal sealed partial class SftpSession : IAsyncDisposable
{
    // OpenSSH's own bound on a message. A larger length is not SFTP: a banner of a login shell, for instance.
    private const int LargestMessage = 256 * 1024;

    private static readonly TimeSpan watchInterval = TimeSpan.FromSeconds(1);

    // A server that flushes gigabytes to a slow disk is silent meanwhile, to all requests of the session.
    private static readonly TimeSpan syncPatience = TimeSpan.FromMinutes(10);

    // SSH.NET says goodbye and waits a second for the server's.
    private static readonly TimeSpan closingPatience = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<uint, Pending> waiting = new();
    private readonly Channel<SftpPacket> outgoing = Channel.CreateUnbounded<SftpPacket>(new UnboundedChannelOptions { SingleReader = true });
    private readonly TaskCompletionSource<Dictionary<string, string>> greeting = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource ended = new();
    private readonly BaseClient client;
    private readonly TimeProvider time;
    private readonly TimeSpan patience;
    private readonly string server;
    private SshChannel? channel;
    private Task sender = Task.CompletedTask;
    private Task watcher = Task.CompletedTask;
    private StoreException? fault;
    private uint lastId;
    private int outstanding;
    private int syncing;
    private long heard;
    private byte[] message = new byte[64 * 1024];
    private int filled;

    private SftpSession(BaseClient client, string server, TimeProvider time, TimeSpan patience)
    {
        this.client = client;
        this.server = server;
        this.time = time;
        this.patience = patience;
        heard = time.GetTimestamp();
    }

    /// <summary>Transfers that use the session now; the pool's to change.</summary>
    public int Users { get; set; }

    /// <summary>False once it failed or was disposed.</summary>
    public bool IsOpen => Volatile.Read(ref fault) is null;

    /// <summary>The server's extensions by name.</summary>
    public IReadOnlyDictionary<string, string> Extensions { get; private set; } = new Dictionary<string, string>();

    /// <summary>How much fits into one request.</summary>
    public SftpLimits Limits { get; private set; } = new(32 * 1024, 32 * 1024);

    /// <summary>Begins SFTP on a connection.</summary>
    /// <param name="client">Connected; the session's from here on, also when this fails.</param>
    /// <param name="server">Host and port, for messages.</param>
    /// <param name="time">For the time-out.</param>
    /// <param name="patience">The time without an answer after which the session is given up.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    /// <exception cref="StoreException">The server has no SFTP, or does not answer.</exception>
    public static async Task<SftpSession> OpenAsync(
        BaseClient client, string server, TimeProvider time, TimeSpan patience, CancellationToken cancellationToken)
    {
        var session = new SftpSession(client, server, time, patience);
        try
        {
            client.ErrorOccurred += (_, happening) => session.Fail(StoreError.Unavailable, $"The connection to {server} was lost: {happening.Exception.Message}");
            session.channel = await Task.Run(
                () => SshChannel.Open(client, session.Receive, () => session.Fail(StoreError.Unavailable, $"{server} closed the SFTP session.")),
                cancellationToken);
            session.sender = Task.Run(session.SendAllAsync, CancellationToken.None);
            session.watcher = Task.Run(session.WatchAsync, CancellationToken.None);
            session.Greet();
            session.Extensions = await session.greeting.Task.WaitAsync(patience, time, cancellationToken);
            await session.AskLimitsAsync(cancellationToken);
            return session;
        }
        catch (Exception exception)
        {
            await session.DisposeAsync();
            throw exception switch
            {
                StoreException or OperationCanceledException => exception,
                TimeoutException => new StoreException(StoreError.TimedOut, $"{server} did not begin SFTP in {patience.TotalSeconds:0} s."),
                _ => new StoreException(StoreError.Unavailable, $"{server} did not begin SFTP: {exception.Message}"),
            };
        }
    }

    public async ValueTask DisposeAsync()
    {
        Fail(StoreError.Unavailable, $"The connection to {server} was closed.");
        var closing = Task.Run(async () =>
        {
            channel?.Dispose();
            client.Dispose();
            await Task.WhenAll(sender, watcher);
            ended.Dispose();
        });
        try
        {
            await closing.WaitAsync(closingPatience, time);
        }
        catch (TimeoutException)
        {
            // It hangs in a send to a server that vanished. The kernel ends that in its own time, and nobody waits for it.
        }
    }

    private Task<Reply> RequestAsync(SftpPacket packet) => RequestAsync(packet, new Pending());

    private Task<Reply> RequestAsync(SftpPacket packet, Pending pending)
    {
        var id = Interlocked.Increment(ref lastId);
        packet.Seal(id);
        if (Interlocked.Increment(ref outstanding) == 1)
            Volatile.Write(ref heard, time.GetTimestamp());
        waiting[id] = pending;
        if (!outgoing.Writer.TryWrite(packet))
            packet.Release();

        // Failed meanwhile: whoever failed it may have looked before the request was there.
        if (Volatile.Read(ref fault) is { } already)
            Forget(id)?.TrySetException(Copy(already));
        return pending.Task;
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
        outgoing.Writer.TryComplete();
        ended.Cancel();
        greeting.TrySetException(Copy(fault));
        foreach (var id in waiting.Keys)
            Forget(id)?.TrySetException(Copy(fault));
    }

    // One exception object thrown by many tasks would collect all their stack traces.
    private static StoreException Copy(StoreException fault) => new(fault.Error, fault.Message);

    private void Greet()
    {
        // INIT alone has a version where the others have their id.
        var init = new SftpPacket(SftpMessage.Init, 0);
        init.Seal(3);
        outgoing.Writer.TryWrite(init);
    }

    private async Task SendAllAsync()
    {
        try
        {
            await foreach (var packet in outgoing.Reader.ReadAllAsync())
            {
                if (IsOpen)
                    channel!.Send(packet.Buffer, packet.Length);
                packet.Release();
            }
        }
        catch (Exception exception)
        {
            Fail(StoreError.Unavailable, $"Sending to {server} failed: {exception.Message}");
            while (outgoing.Reader.TryRead(out var packet))
                packet.Release();
        }
    }

    private async Task WatchAsync()
    {
        try
        {
            while (true)
            {
                await Task.Delay(watchInterval, time, ended.Token);
                var limit = Volatile.Read(ref syncing) > 0 && patience < syncPatience ? syncPatience : patience;
                if (!client.IsConnected)
                    Fail(StoreError.Unavailable, $"The connection to {server} was lost.");
                else if (Volatile.Read(ref outstanding) > 0 && time.GetElapsedTime(Volatile.Read(ref heard)) > limit)
                    Fail(StoreError.TimedOut, $"{server} did not answer for {limit.TotalSeconds:0} s.");
            }
        }
        catch (OperationCanceledException)
        {
            // The session ended.
        }
    }

    // Messages begin and end anywhere in the channel's packets.
    private void Receive(ReadOnlySpan<byte> bytes)
    {
        Volatile.Write(ref heard, time.GetTimestamp());
        try
        {
            while (!bytes.IsEmpty && IsOpen)
            {
                var wanted = filled < 4 ? 4 : 4 + Length();
                if (message.Length < wanted)
                    Array.Resize(ref message, 4 + LargestMessage);
                var count = Math.Min(wanted - filled, bytes.Length);
                bytes[..count].CopyTo(message.AsSpan(filled));
                bytes = bytes[count..];
                filled += count;
                if (filled < 4 || filled < 4 + Length())
                    continue;
                Dispatch(message.AsSpan(4, filled - 4));
                filled = 0;
            }
        }
        catch (Exception exception)
        {
            Fail(StoreError.Unavailable, $"{server} does not speak SFTP as it should: {exception.Message}");
        }

        int Length()
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(message);
            return length is >= 5 and <= LargestMessage ? length : throw new InvalidDataException("a message has an impossible length; does the login print text?");
        }
    }

    private void Dispatch(ReadOnlySpan<byte> bytes)
    {
        var reader = new SftpReader(bytes[1..]);
        var type = (SftpMessage)bytes[0];
        var id = reader.UInt32();
        if (type == SftpMessage.Version)
        {
            var extensions = new Dictionary<string, string>();
            while (!reader.IsAtEnd)
                extensions[reader.Text()] = reader.Text();
            if (id == 3)
                greeting.TrySetResult(extensions);
            else
                Fail(StoreError.Misconfigured, $"{server} speaks version {id} of SFTP; version 3 is needed.");
            return;
        }

        Forget(id)?.Answer(type, bytes[5..]);
    }

    /// <summary>An answer after its id.</summary>
    private readonly record struct Reply(SftpMessage Type, byte[] Body, int Count = 0);

    private class Pending() : TaskCompletionSource<Reply>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public virtual void Answer(SftpMessage type, ReadOnlySpan<byte> body) => TrySetResult(new Reply(type, body.ToArray()));
    }

    /// <summary>A read, whose data goes into the reader's buffer. Either the answer or the cancellation gets the buffer, never both.</summary>
    private sealed class PendingRead(Memory<byte> destination) : Pending
    {
        private int taken;

        public void Cancel(CancellationToken cancellationToken)
        {
            if (Interlocked.Exchange(ref taken, 1) == 0)
                TrySetCanceled(cancellationToken);
        }

        public override void Answer(SftpMessage type, ReadOnlySpan<byte> body)
        {
            if (Interlocked.Exchange(ref taken, 1) != 0)
                return;
            if (type != SftpMessage.Data)
            {
                TrySetResult(new Reply(type, body.ToArray()));
                return;
            }

            var reader = new SftpReader(body);
            var data = reader.Bytes();
            if (data.Length > destination.Length)
            {
                TrySetException(new StoreException(StoreError.Corrupt, "The SFTP server sent more bytes than were asked for."));
                return;
            }

            data.CopyTo(destination.Span);
            TrySetResult(new Reply(type, [], data.Length));
        }
    }
}
