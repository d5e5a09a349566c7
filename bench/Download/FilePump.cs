using System.Net;
using System.Net.Sockets;

namespace GlanceGateway.Bench;

/// <summary>The least that a download can be: a thread that copies a file to a loopback connection, 256 KiB at a time, whenever a byte asks
/// for it.</summary>
internal sealed class FilePump : IDisposable
{
    private const int ChunkBytes = 256 * 1024;

    private readonly Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly Thread thread;

    public FilePump(string path)
    {
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        thread = new Thread(() => Serve(path)) { IsBackground = true, Name = "file pump" };
        thread.Start();
    }

    public IPEndPoint Address => (IPEndPoint)listener.LocalEndPoint!;

    /// <summary>Ends it; its client has closed the connection before.</summary>
    public void Dispose()
    {
        thread.Join();
        listener.Dispose();
    }

    private void Serve(string path)
    {
        using var file = File.OpenHandle(path);
        using var connection = listener.Accept();
        var buffer = new byte[ChunkBytes];
        while (connection.Receive(buffer.AsSpan(0, 1)) == 1)
        {
            int count;
            for (long at = 0; (count = RandomAccess.Read(file, buffer, at)) > 0; at += count)
            {
                for (var sent = 0; sent < count;)
                {
                    sent += connection.Send(buffer.AsSpan(sent, count - sent));
                }
            }
        }
    }
}
