using System.Runtime.CompilerServices;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Sftp;

/// <summary>The requests. Each gives the server's status as a value, and throws <see cref="StoreException"/> when there is no answer.</summary>
internal sealed partial class SftpSession
{
    private const string SyncExtension = "fsync@openssh.com";
    private const string LinkExtension = "hardlink@openssh.com";
    private const string SpaceExtension = "statvfs@openssh.com";
    private const string LimitsExtension = "limits@openssh.com";

    // More per request saves nothing measurable beyond this, and a message must stay below 256 KiB.
    private const int LargestData = 128 * 1024;

    /// <summary>Whether <see cref="SyncAsync"/> is to be had.</summary>
    public bool CanSync => Extensions.ContainsKey(SyncExtension);

    /// <summary>Whether <see cref="LinkAsync"/> is to be had.</summary>
    public bool CanLink => Extensions.ContainsKey(LinkExtension);

    /// <summary>Whether <see cref="GetSpaceAsync"/> is to be had.</summary>
    public bool CanTellSpace => Extensions.ContainsKey(SpaceExtension);

    /// <summary>Opens a file; the handle is the caller's to close. A new file gets mode 0640 less the server's umask.</summary>
    public async Task<SftpAnswer<byte[]>> OpenFileAsync(string path, SftpOpen how, CancellationToken cancellationToken)
    {
        var packet = new SftpPacket(SftpMessage.Open, SftpPacket.Room(path) + 12);
        packet.Add(path);
        packet.Add((uint)how);
        packet.Add(4u);
        packet.Add(0x1a0u);
        return await HandleAsync(RequestAsync(packet), cancellationToken);
    }

    /// <summary>Closes a handle.</summary>
    public Task<SftpAnswer<bool>> CloseAsync(byte[] handle) => StatusAsync(SimpleAsync(SftpMessage.Close, handle));

    /// <summary>Reads once: fewer bytes than asked are no end; 0 bytes are.</summary>
    public async Task<SftpAnswer<int>> ReadAsync(byte[] handle, long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var packet = new SftpPacket(SftpMessage.Read, handle.Length + 16);
        packet.Add(handle);
        packet.Add(offset);
        packet.Add((uint)buffer.Length);
        var pending = new PendingRead(buffer);
        var answer = RequestAsync(packet, pending);
        Reply reply;
        await using (cancellationToken.UnsafeRegister(static (state, token) => ((PendingRead)state!).Cancel(token), pending))
            reply = await answer;
        if (reply.Type == SftpMessage.Data)
            return new SftpAnswer<int>(SftpStatus.Ok, reply.Count);
        var status = StatusOf(reply);
        return status.Status == SftpStatus.EndOfFile ? new SftpAnswer<int>(SftpStatus.Ok, 0) : new SftpAnswer<int>(status.Status, 0, status.Text);
    }

    /// <summary>Queues a write. The data is copied before the call returns.</summary>
    public Task<SftpAnswer<bool>> WriteAsync(byte[] handle, long offset, ReadOnlySpan<byte> data)
    {
        var packet = new SftpPacket(SftpMessage.Write, handle.Length + 16 + data.Length);
        packet.Add(handle);
        packet.Add(offset);
        packet.Add(data);
        return StatusAsync(RequestAsync(packet));
    }

    /// <summary>Describes a path; a symbolic link is described itself.</summary>
    public Task<SftpAnswer<SftpAttributes>> DescribeAsync(string path, CancellationToken cancellationToken) =>
        AttributesAsync(SimpleAsync(SftpMessage.LStat, path), cancellationToken);

    /// <summary>Describes an open file.</summary>
    public Task<SftpAnswer<SftpAttributes>> DescribeAsync(byte[] handle, CancellationToken cancellationToken) =>
        AttributesAsync(SimpleAsync(SftpMessage.FStat, handle), cancellationToken);

    /// <summary>Changes the times of a path, in seconds since 1970.</summary>
    public Task<SftpAnswer<bool>> SetTimesAsync(string path, uint accessedAt, uint modifiedAt)
    {
        var packet = new SftpPacket(SftpMessage.SetStat, SftpPacket.Room(path) + 12);
        packet.Add(path);
        packet.Add(8u);
        packet.Add(accessedAt);
        packet.Add(modifiedAt);
        return StatusAsync(RequestAsync(packet));
    }

    /// <summary>Sets the length of an open file.</summary>
    public Task<SftpAnswer<bool>> SetLengthAsync(byte[] handle, long length)
    {
        var packet = new SftpPacket(SftpMessage.FSetStat, handle.Length + 16);
        packet.Add(handle);
        packet.Add(1u);
        packet.Add(length);
        return StatusAsync(RequestAsync(packet));
    }

    /// <summary>Removes a name.</summary>
    public Task<SftpAnswer<bool>> RemoveAsync(string path) => StatusAsync(SimpleAsync(SftpMessage.Remove, path));

    /// <summary>Makes a directory of mode 0750 less the server's umask.</summary>
    public Task<SftpAnswer<bool>> MakeDirectoryAsync(string path)
    {
        var packet = new SftpPacket(SftpMessage.MakeDirectory, SftpPacket.Room(path) + 8);
        packet.Add(path);
        packet.Add(4u);
        packet.Add(0x1e8u);
        return StatusAsync(RequestAsync(packet));
    }

    /// <summary>The path without links and dots.</summary>
    public async Task<SftpAnswer<string>> ResolveAsync(string path)
    {
        var reply = await SimpleAsync(SftpMessage.RealPath, path);
        if (reply.Type != SftpMessage.Name)
            return Failed<string>(reply);
        return new SftpAnswer<string>(SftpStatus.Ok, FirstName(reply.Body));

        static string FirstName(byte[] body)
        {
            var reader = new SftpReader(body);
            reader.UInt32();
            return reader.Text();
        }
    }

    /// <summary>The entries of a directory.</summary>
    /// <exception cref="StoreException">Also when the directory cannot be read.</exception>
    public async IAsyncEnumerable<(string Name, SftpAttributes Attributes)> ListAsync(string path, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var opened = await HandleAsync(SimpleAsync(SftpMessage.OpenDirectory, path), cancellationToken);
        if (!opened.IsOk)
            throw Faults.Of(opened.Status, opened.Text, $"The directory '{path}' cannot be listed");
        try
        {
            while (true)
            {
                var reply = await SimpleAsync(SftpMessage.ReadDirectory, opened.Value).WaitAsync(cancellationToken);
                if (reply.Type != SftpMessage.Name)
                {
                    var status = StatusOf(reply);
                    if (status.Status == SftpStatus.EndOfFile)
                        yield break;
                    throw Faults.Of(status.Status, status.Text, $"The directory '{path}' cannot be listed");
                }

                foreach (var entry in EntriesOf(reply.Body))
                    yield return entry;
            }
        }
        finally
        {
            if (IsOpen)
                await CloseAsync(opened.Value);
        }
    }

    /// <summary>Makes an open file durable.</summary>
    public async Task<SftpAnswer<bool>> SyncAsync(byte[] handle)
    {
        var packet = Extended(SyncExtension, handle.Length + 4);
        packet.Add(handle);
        Interlocked.Increment(ref syncing);
        try
        {
            return await StatusAsync(RequestAsync(packet));
        }
        finally
        {
            Interlocked.Decrement(ref syncing);
        }
    }

    /// <summary>Gives a file a second name, if that is free.</summary>
    public Task<SftpAnswer<bool>> LinkAsync(string path, string newPath)
    {
        var packet = Extended(LinkExtension, SftpPacket.Room(path) + SftpPacket.Room(newPath));
        packet.Add(path);
        packet.Add(newPath);
        return StatusAsync(RequestAsync(packet));
    }

    /// <summary>The bytes of the filesystem that holds a path, and those that its user may still write.</summary>
    public async Task<SftpAnswer<StoreCapacity>> GetSpaceAsync(string path, CancellationToken cancellationToken)
    {
        var packet = Extended(SpaceExtension, SftpPacket.Room(path));
        packet.Add(path);
        var reply = await RequestAsync(packet).WaitAsync(cancellationToken);
        return reply.Type == SftpMessage.ExtendedReply ? new SftpAnswer<StoreCapacity>(SftpStatus.Ok, SpaceOf(reply.Body)) : Failed<StoreCapacity>(reply);

        static StoreCapacity SpaceOf(byte[] body)
        {
            var reader = new SftpReader(body);
            reader.Int64();
            var unit = reader.Int64();
            var total = reader.Int64();
            reader.Int64();
            var free = reader.Int64();
            return new StoreCapacity(unit * total, unit * free);
        }
    }

    private async Task AskLimitsAsync(CancellationToken cancellationToken)
    {
        if (!Extensions.ContainsKey(LimitsExtension))
            return;
        var reply = await RequestAsync(Extended(LimitsExtension, 0)).WaitAsync(cancellationToken);
        if (reply.Type == SftpMessage.ExtendedReply)
            Limits = LimitsOf(reply.Body);

        static SftpLimits LimitsOf(byte[] body)
        {
            var reader = new SftpReader(body);
            var whole = reader.Int64();
            return new SftpLimits(Size(reader.Int64(), whole), Size(reader.Int64(), whole));
        }

        // 0 means that the server does not say; 1 KiB is for the fields around the data.
        static int Size(long said, long whole) =>
            (int)Math.Clamp(Math.Min(said <= 0 ? 32 * 1024 : said, whole <= 0 ? long.MaxValue : whole - 1024), 4096, LargestData);
    }

    private static SftpPacket Extended(string name, int room)
    {
        var packet = new SftpPacket(SftpMessage.Extended, SftpPacket.Room(name) + room);
        packet.Add(name);
        return packet;
    }

    private Task<Reply> SimpleAsync(SftpMessage type, string path)
    {
        var packet = new SftpPacket(type, SftpPacket.Room(path));
        packet.Add(path);
        return RequestAsync(packet);
    }

    private Task<Reply> SimpleAsync(SftpMessage type, byte[] handle)
    {
        var packet = new SftpPacket(type, handle.Length + 4);
        packet.Add(handle);
        return RequestAsync(packet);
    }

    private async Task<SftpAnswer<byte[]>> HandleAsync(Task<Reply> request, CancellationToken cancellationToken)
    {
        try
        {
            var reply = await request.WaitAsync(cancellationToken);
            return reply.Type == SftpMessage.Handle ? new SftpAnswer<byte[]>(SftpStatus.Ok, HandleOf(reply)) : Failed<byte[]>(reply);
        }
        catch (OperationCanceledException)
        {
            // The server opens it all the same, and would keep it open for as long as the connection lives.
            _ = CloseLateAsync(request);
            throw;
        }

        static byte[] HandleOf(Reply reply)
        {
            var reader = new SftpReader(reply.Body);
            return reader.Bytes().ToArray();
        }

        async Task CloseLateAsync(Task<Reply> late)
        {
            try
            {
                if (await late is { Type: SftpMessage.Handle } reply)
                    await CloseAsync(HandleOf(reply));
            }
            catch (StoreException)
            {
                // The session ended, and the handle with it.
            }
        }
    }

    private static async Task<SftpAnswer<SftpAttributes>> AttributesAsync(Task<Reply> request, CancellationToken cancellationToken)
    {
        var reply = await request.WaitAsync(cancellationToken);
        return reply.Type == SftpMessage.Attributes ? new SftpAnswer<SftpAttributes>(SftpStatus.Ok, AttributesOf(reply.Body)) : Failed<SftpAttributes>(reply);

        static SftpAttributes AttributesOf(byte[] body)
        {
            var reader = new SftpReader(body);
            return reader.Attributes();
        }
    }

    private static async Task<SftpAnswer<bool>> StatusAsync(Task<Reply> request)
    {
        var status = StatusOf(await request);
        return new SftpAnswer<bool>(status.Status, status.Status == SftpStatus.Ok, status.Text);
    }

    private static SftpAnswer<T> Failed<T>(Reply reply)
    {
        var status = StatusOf(reply);
        return new SftpAnswer<T>(status.Status == SftpStatus.Ok ? SftpStatus.BadMessage : status.Status, default!, status.Text);
    }

    private static (SftpStatus Status, string Text) StatusOf(Reply reply)
    {
        if (reply.Type != SftpMessage.Status)
            return (SftpStatus.BadMessage, $"answer of type {(int)reply.Type}");
        var reader = new SftpReader(reply.Body);
        var status = (SftpStatus)reader.UInt32();
        return (status, reader.IsAtEnd ? "" : reader.Text());
    }

    private static List<(string Name, SftpAttributes Attributes)> EntriesOf(byte[] body)
    {
        var reader = new SftpReader(body);
        var entries = new List<(string, SftpAttributes)>();
        for (var count = reader.UInt32(); count > 0; count--)
        {
            var name = reader.Text();
            reader.Bytes();
            entries.Add((name, reader.Attributes()));
        }

        return entries;
    }
}
