using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Conformance;

// The way out without rules: what a driver asks for in tests is what its author runs.
internal sealed class OpenConnector : IOutboundConnector
{
    public async ValueTask<Stream> ConnectAsync(DnsEndPoint endPoint, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(endPoint, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            throw new StoreException(StoreError.Unavailable, $"{endPoint.Host}:{endPoint.Port} cannot be reached: {exception.Message}", innerException: exception);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public HttpMessageHandler CreateHttpHandler(SslClientAuthenticationOptions? tls) => new SocketsHttpHandler
    {
        ConnectCallback = (connection, cancellationToken) => ConnectAsync(connection.DnsEndPoint, cancellationToken),
        SslOptions = tls ?? new SslClientAuthenticationOptions(),
        MaxAutomaticRedirections = 5,
        UseCookies = false,
        UseProxy = false,
    };
}
