using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests.Sheepdog;

/// <summary>
/// A STAND-IN for a Sheepdog node, not Sheepdog: it speaks the client's protocol over TCP on loopback and checks every header to the letter.
/// Requests of a connection are executed and answered in another order than they came, and reads leave out zeros, as the protocol allows.
/// </summary>
internal sealed class StandInSheep : IAsyncDisposable
{
    private const int HeaderLength = 48;
    private const int BitmapLength = 1 << 21;
    private const ushort DataFollow = 1;

    private readonly Lock gate = new();
    private readonly ConcurrentDictionary<Socket, Task> connections = new();
    private readonly ConcurrentQueue<string> violations = new();
    private TcpListener? listener;
    private Task accepting = Task.CompletedTask;

    private StandInSheep()
    {
    }

    /// <summary>What it keeps, also while it is stopped. Not to be looked at while requests are under way.</summary>
    public StandInCluster Cluster { get; } = new();

    /// <summary>None of those that the kernel gives to anybody: one would be taken while the server is away.</summary>
    public int Port { get; } = FreePorts.First();

    /// <summary>Answers with a result of its own instead of executing; null executes. Given operation and object id.</summary>
    public Func<byte, ulong, uint?>? Refusal { get; set; }

    /// <summary>Executes the request but breaks the connection instead of answering. Given operation and the base vdi of a new one.</summary>
    public Func<byte, uint, bool>? Loss { get; set; }

    /// <summary>Executes nothing and answers nothing any more.</summary>
    public bool IsSilent { get; set; }

    /// <summary>Whether requests are shuffled; off for counts and speed.</summary>
    public bool Shuffles { get; set; } = true;

    /// <summary>Requests by operation.</summary>
    public ConcurrentDictionary<byte, int> Requests { get; } = new();

    /// <summary>What a correct client would not have sent.</summary>
    public IReadOnlyList<string> Violations
    {
        get
        {
            lock (gate)
                return [.. violations, .. Cluster.Violations];
        }
    }

    public static StandInSheep Start()
    {
        var sheep = new StandInSheep();
        sheep.StartAgain();
        return sheep;
    }

    /// <summary>Serves what it kept, on the same port.</summary>
    public void StartAgain()
    {
        listener = new TcpListener(IPAddress.Loopback, Port);
        listener.Start();
        accepting = AcceptAsync(listener);
    }

    /// <summary>Stops as a killed process does: without a goodbye.</summary>
    public async Task KillAsync()
    {
        listener!.Stop();
        await accepting;
        foreach (var (socket, _) in connections)
            socket.Close(0);
        await Task.WhenAll(connections.Values);
        connections.Clear();
    }

    public async ValueTask DisposeAsync() => await KillAsync();

    private async Task AcceptAsync(TcpListener own)
    {
        try
        {
            while (true)
            {
                var socket = await own.AcceptSocketAsync();
                socket.NoDelay = true;
                connections[socket] = Task.Run(() => ServeAsync(socket));
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        using var stream = new NetworkStream(socket, ownsSocket: true);
        using var sending = new SemaphoreSlim(1);
        var underWay = new ConcurrentDictionary<uint, bool>();
        var running = new List<Task>();
        try
        {
            while (true)
            {
                var header = new byte[HeaderLength];
                await stream.ReadExactlyAsync(header);
                var flags = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(2));
                var length = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(12));
                if (length is < 0 or > 64 << 20)
                    throw new IOException("a length that no request has");
                var data = new byte[(flags & DataFollow) != 0 ? length : 0];
                await stream.ReadExactlyAsync(data);
                var id = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(8));
                Check(underWay.TryAdd(id, true), "two requests with one id under way");
                running.RemoveAll(task => task.IsCompleted);
                running.Add(Task.Run(() => AnswerAsync(stream, sending, underWay, id, header, data)));
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // The client went away, or this server was killed.
        }

        await Task.WhenAll(running);
    }

    private async Task AnswerAsync(Stream stream, SemaphoreSlim sending, ConcurrentDictionary<uint, bool> underWay, uint id, byte[] header, byte[] data)
    {
        if (Shuffles && Random.Shared.Next(4) == 0)
            await Task.Delay(Random.Shared.Next(1, 5));
        if (IsSilent)
            return;
        var answer = new byte[HeaderLength];
        byte[] body;
        lock (gate)
            body = Execute(header, data, answer);
        if (Loss?.Invoke(header[1], BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(24))) == true)
        {
            await stream.DisposeAsync();
            return;
        }

        answer[0] = header[0];
        answer[1] = header[1];
        header.AsSpan(8, 4).CopyTo(answer.AsSpan(8));
        BinaryPrimitives.WriteInt32LittleEndian(answer.AsSpan(4), 1);
        BinaryPrimitives.WriteInt32LittleEndian(answer.AsSpan(12), body.Length);
        underWay.TryRemove(id, out _);
        try
        {
            await sending.WaitAsync();
            try
            {
                await stream.WriteAsync(answer);
                await stream.WriteAsync(body);
            }
            finally
            {
                sending.Release();
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // The client went away.
        }
    }

    private byte[] Execute(byte[] header, byte[] data, byte[] answer)
    {
        var operation = header[1];
        Requests.AddOrUpdate(operation, 1, (_, count) => count + 1);
        var length = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(12));
        Check(header[0] == (operation >= 0x80 ? 0x0a : 2), $"version {header[0]} with operation {operation:x2}");
        Check(BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(4)) == 0, "an epoch from a client");
        var writes = operation is 0x01 or 0x03 or 0x11 or 0x14 or 0x17;
        Check(BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(2)) == (writes ? DataFollow : 0), $"the flags of operation {operation:x2}");
        if (Refusal?.Invoke(operation, BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(16))) is { } refused)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(answer.AsSpan(16), refused);
            return [];
        }

        var (result, body) = operation switch
        {
            0x01 or 0x02 or 0x03 or 0x04 => OnObject(operation, header, data, length, answer),
            0x11 or 0x14 or 0x17 => (OnVdi(operation, header, data, answer), []),
            0x15 or 0xc9 => OnBitmap(operation, length),
            0x18 => (Defaults(answer), []),
            _ => (Refuse($"operation {operation:x2}"), []),
        };
        BinaryPrimitives.WriteUInt32LittleEndian(answer.AsSpan(16), result);
        return result == StandInCluster.ResultOk ? body : [];
    }

    private (uint Result, byte[] Body) OnObject(byte operation, byte[] header, byte[] data, int length, byte[] answer)
    {
        var id = BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(16));
        var offset = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(40));
        Check(header.AsSpan(24, 8).IndexOfAnyExcept((byte)0) < 0, "an origin of a copy on write without its flag");
        Check(header.AsSpan(34, 6).IndexOfAnyExcept((byte)0) < 0 && header.AsSpan(44, 4).IndexOfAnyExcept((byte)0) < 0, "unused fields of an object's request");
        if (operation is 0x01 or 0x03)
            Check(header[32] == 1 && header[33] == 0, "copies that are not the inode's");
        answer[20] = 1;
        switch (operation)
        {
            case 0x01:
            case 0x03:
                Check(data.Length > 0, "a write of nothing");
                return (Cluster.Write(id, offset, data, create: operation == 0x01), []);
            case 0x04:
                return (Cluster.Remove(id), []);
            default:
                Check(length > 0, "a read of nothing");
                var body = new byte[length];
                var result = Cluster.Read(id, offset, body);
                return (result, Shuffles && Random.Shared.Next(2) == 0 ? Trim(body, answer) : body);
        }
    }

    private static byte[] Trim(byte[] body, byte[] answer)
    {
        var first = body.AsSpan().IndexOfAnyExcept((byte)0);
        if (first < 0)
            return [];
        BinaryPrimitives.WriteInt64LittleEndian(answer.AsSpan(24), first);
        return body[first..(body.AsSpan().LastIndexOfAnyExcept((byte)0) + 1)];
    }

    private uint OnVdi(byte operation, byte[] header, byte[] data, byte[] answer)
    {
        Check(header.AsSpan(32, 16).IndexOfAnyExcept((byte)0) < 0, "a snapshot or a lock that nobody needs");
        if (data.Length != (operation == 0x11 ? 256 : 512))
            return Refuse($"{data.Length} bytes of names with operation {operation:x2}");
        var name = Text(data.AsSpan(0, 256));
        var tag = data.Length == 512 ? Text(data.AsSpan(256)) : "";
        uint vdi = 0;
        uint result;
        switch (operation)
        {
            case 0x11:
                var origin = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(24));
                Check(header[28] == (origin == 0 ? 0 : 1) && header[29] == 0 && header[30] == 0, "copies of a new vdi");
                Check(header[31] == (origin == 0 ? 0 : StandInCluster.ObjectShift), "the block size of a new vdi");
                result = Cluster.Create(name, BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(16)), origin, out vdi);
                break;
            case 0x14:
                result = Cluster.Find(name, tag, out vdi);
                break;
            default:
                result = Cluster.Delete(name);
                break;
        }

        BinaryPrimitives.WriteUInt32LittleEndian(answer.AsSpan(24), vdi);
        answer[32] = 1;
        answer[33] = StandInCluster.ObjectShift;
        return result;

        string Text(ReadOnlySpan<byte> padded)
        {
            var end = padded.IndexOf((byte)0);
            Check(end >= 0 && padded[end..].IndexOfAnyExcept((byte)0) < 0, "a name that is not padded with zeros");
            return Encoding.UTF8.GetString(padded[..Math.Max(0, end)]);
        }
    }

    private (uint Result, byte[] Body) OnBitmap(byte operation, int length) =>
        length == BitmapLength ? (StandInCluster.ResultOk, Cluster.Bitmap(operation == 0xc9)) : (Refuse($"a bitmap of {length} bytes"), []);

    private static uint Defaults(byte[] answer)
    {
        answer[20] = 1;
        answer[22] = StandInCluster.ObjectShift;
        return StandInCluster.ResultOk;
    }

    private void Check(bool condition, string violation)
    {
        if (!condition)
            violations.Enqueue(violation);
    }

    private uint Refuse(string violation)
    {
        violations.Enqueue(violation);
        return StandInCluster.InvalidParameters;
    }
}
