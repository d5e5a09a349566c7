using System.Net;
using System.Net.Sockets;
using System.Text;

namespace GlanceGateway.Api.Tests;

/// <summary>A web server on loopback that answers each connection with what the test has written, byte for byte, and remembers what it was asked.</summary>
internal sealed class WebServer : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stopping = new();
    private readonly List<string> asked = [];
    private readonly Func<string, byte[]> answer;
    private readonly Task serving;

    /// <param name="answer">From the path to the whole answer; the connection is closed after it.</param>
    public WebServer(Func<string, byte[]> answer)
    {
        this.answer = answer;
        listener.Start();
        serving = ServeAsync();
    }

    public string Url => $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";

    /// <summary>The heads of the requests that came.</summary>
    public IReadOnlyList<string> Asked
    {
        get
        {
            lock (asked)
            {
                return [.. asked];
            }
        }
    }

    public static byte[] Ok(byte[] body, int? length = null) =>
        [.. Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: {length ?? body.Length}\r\nConnection: close\r\n\r\n"), .. body];

    public static byte[] Redirect(string location) =>
        Encoding.ASCII.GetBytes($"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");

    public static byte[] Status(string line) => Encoding.ASCII.GetBytes($"HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        listener.Stop();
        await serving;
        stopping.Dispose();
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                using var client = await listener.AcceptTcpClientAsync(stopping.Token);
                var stream = client.GetStream();
                var head = new StringBuilder();
                var buffer = new byte[4096];
                while (!head.ToString().Contains("\r\n\r\n", StringComparison.Ordinal) && await stream.ReadAsync(buffer, stopping.Token) is var read and > 0)
                    head.Append(Encoding.ASCII.GetString(buffer, 0, read));
                lock (asked)
                {
                    asked.Add(head.ToString());
                }

                await stream.WriteAsync(answer(head.ToString().Split(' ') is [_, var path, ..] ? path : ""), stopping.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
        {
            // The test is over, or the gateway went away in the middle of an answer, which ends the test as well.
        }
    }
}
