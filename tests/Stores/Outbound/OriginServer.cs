using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace GlanceGateway.Stores.Tests.Outbound;

/// <summary>An HTTP server on a loopback address that answers what the test says: its redirects are the faults that are injected.</summary>
internal sealed class OriginServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly X509Certificate2? _certificate;
    private readonly Func<string, string> _answer;
    private readonly Task _accepting;

    /// <param name="answer">From the request's head to the whole response.</param>
    /// <param name="tls">Whether it speaks TLS, with a certificate of its own for 127.0.0.1 and localhost.</param>
    public OriginServer(Func<string, string> answer, bool tls = false)
    {
        _answer = answer;
        _certificate = tls ? MakeCertificate() : null;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>The heads of the requests that came, in order.</summary>
    public ConcurrentQueue<string> Requests { get; } = [];

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public string Origin => $"{(_certificate is null ? "http" : "https")}://127.0.0.1:{Port}";

    public SslClientAuthenticationOptions Tls => new()
    {
        CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, CustomTrustStore = { _certificate! }, RevocationMode = X509RevocationMode.NoCheck },
    };

    public static string Ok(string body) => $"HTTP/1.1 200 OK\r\nContent-Length: {body.Length}\r\n\r\n{body}";

    public static string Redirect(string to, int status = 302) => $"HTTP/1.1 {status} Elsewhere\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n";

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting;
        _stop.Dispose();
        _certificate?.Dispose();
    }

    private async Task AcceptAsync()
    {
        var serving = new List<Task>();
        try
        {
            while (true)
                serving.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var owned = client;
        try
        {
            Stream stream = client.GetStream();
            if (_certificate is not null)
            {
                var secured = new SslStream(stream);
                await secured.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = _certificate }, _stop.Token);
                stream = secured;
            }

            using var reader = new StreamReader(stream, Encoding.Latin1);
            while (true)
            {
                var head = new StringBuilder();
                while (await reader.ReadLineAsync(_stop.Token) is { } line)
                {
                    if (line.Length == 0)
                        break;
                    head.Append(line).Append('\n');
                }

                if (head.Length == 0)
                    return;
                Requests.Enqueue(head.ToString());
                var answer = _answer(head.ToString());
                await stream.WriteAsync(Encoding.Latin1.GetBytes(answer), _stop.Token);
                if (answer.Contains("Connection: close", StringComparison.Ordinal))
                    return;
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException or System.Security.Authentication.AuthenticationException)
        {
            // The client has gone, or the test is over.
        }
    }

    private static X509Certificate2 MakeCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        using var made = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }
}
