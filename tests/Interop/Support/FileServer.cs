using System.Net;
using System.Net.Sockets;
using System.Text;

namespace GlanceGateway.Interop.Tests;

/// <summary>A web server on loopback that answers every request with the same bytes, slowly if wanted.</summary>
internal sealed class FileServer : IAsyncDisposable
{
    private const int Piece = 1 << 16;

    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stopping = new();
    private readonly byte[] content;
    private readonly TimeSpan pause;
    private readonly Task serving;

    /// <param name="content">Sent to whoever asks.</param>
    /// <param name="pause">After each 64 KiB.</param>
    public FileServer(byte[] content, TimeSpan pause = default)
    {
        this.content = content;
        this.pause = pause;
        listener.Start();
        serving = ServeAsync();
    }

    public string Url => $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/disk.raw";

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        listener.Stop();
        await serving;
        stopping.Dispose();
    }

    private async Task ServeAsync()
    {
        var answering = new List<Task>();
        try
        {
            while (true)
            {
                answering.Add(AnswerAsync(await listener.AcceptTcpClientAsync(stopping.Token)));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(answering);
        }
    }

    private async Task AnswerAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                var stream = client.GetStream();
                var head = new StringBuilder();
                var buffer = new byte[4096];
                while (!head.ToString().Contains("\r\n\r\n", StringComparison.Ordinal) && await stream.ReadAsync(buffer, stopping.Token) is var read and > 0)
                {
                    head.Append(Encoding.ASCII.GetString(buffer, 0, read));
                }

                await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: {content.Length}\r\nConnection: close\r\n\r\n"), stopping.Token);
                for (var at = 0; at < content.Length; at += Piece)
                {
                    await stream.WriteAsync(content.AsMemory(at, Math.Min(Piece, content.Length - at)), stopping.Token);
                    if (pause > TimeSpan.Zero)
                    {
                        await Task.Delay(pause, stopping.Token);
                    }
                }
            }
            catch (Exception e) when (e is OperationCanceledException or IOException or SocketException)
            {
                // The gateway was killed in the middle, or the test is over.
            }
        }
    }
}
