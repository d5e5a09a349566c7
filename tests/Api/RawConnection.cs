using System.Net.Sockets;
using System.Text;

namespace GlanceGateway.Api.Tests;

/// <summary>A connection on which every byte is the test's: for what an HTTP client would not send, or would not show.</summary>
internal sealed class RawConnection : IAsyncDisposable
{
    private readonly TcpClient client = new();
    private NetworkStream stream = null!;

    public static async Task<RawConnection> OpenAsync(Uri url, int? receiveBuffer = null)
    {
        var connection = new RawConnection();
        if (receiveBuffer is { } bytes)
            connection.client.ReceiveBufferSize = bytes;
        await connection.client.ConnectAsync(url.Host, url.Port, TestContext.Current.CancellationToken);
        connection.stream = connection.client.GetStream();
        return connection;
    }

    public Task SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    public async Task SendAsync(byte[] bytes) => await stream.WriteAsync(bytes, TestContext.Current.CancellationToken);

    /// <summary>A request with its headers and an end to them.</summary>
    public Task SendRequestAsync(string line, Persona persona, params string[] headers) => SendAsync(
        $"{line} HTTP/1.1\r\nHost: gateway.test\r\n"
        + string.Concat(Gateway.HeadersOf(persona).Select(h => $"{h.Name}: {h.Value}\r\n"))
        + string.Concat(headers.Select(h => h + "\r\n")) + "\r\n");

    /// <summary>Status line and headers, to the empty line.</summary>
    public async Task<string> ReadHeadAsync()
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await stream.ReadAsync(one, TestContext.Current.CancellationToken) == 0)
                break;
            head.Append((char)one[0]);
        }
        return head.ToString();
    }

    /// <summary>Reads bytes of a body and drops them.</summary>
    public async Task SkipAsync(int count) => await stream.ReadExactlyAsync(new byte[count], TestContext.Current.CancellationToken);

    /// <summary>Everything until the other side ends, in whatever way.</summary>
    public async Task<(byte[] Bytes, bool WasReset)> ReadToEndAsync(TimeSpan timeout)
    {
        using var all = new MemoryStream();
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        ending.CancelAfter(timeout);
        try
        {
            await stream.CopyToAsync(all, ending.Token);
            return (all.ToArray(), WasReset: false);
        }
        catch (IOException)
        {
            return (all.ToArray(), WasReset: true);
        }
    }

    public void Reset()
    {
        client.LingerState = new LingerOption(enable: true, seconds: 0);
        client.Close();
    }

    public async ValueTask DisposeAsync()
    {
        if (stream is not null)
            await stream.DisposeAsync();
        client.Dispose();
    }
}
