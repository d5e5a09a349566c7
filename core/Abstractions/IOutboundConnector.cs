using System.Net;
using System.Net.Security;

namespace GlanceGateway.Abstractions;

/// <summary>
/// The host's way out to addresses that somebody else than the operator named: a location that a user registered, a URL to import. It
/// applies the operator's rules for outbound connections, so that a driver cannot be made to reach what only this machine can reach.
/// </summary>
/// <remarks>
/// A driver whose backend stands in its own options needs no such guard: the operator has named it. What is refused is a
/// <see cref="StoreException"/> with <see cref="StoreError.InvalidLocation"/>, what cannot be reached one with
/// <see cref="StoreError.Unavailable"/> or <see cref="StoreError.TimedOut"/>. Their messages are for the operator's log: shown to a user they
/// would tell which addresses and ports exist inside.
/// </remarks>
public interface IOutboundConnector
{
    /// <summary>Opens a TCP connection. The name is resolved once, and what was checked is what is connected to.</summary>
    /// <param name="endPoint">A name or a literal address, and a port.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <returns>The connection, the caller's to dispose.</returns>
    /// <exception cref="StoreException">Refused or not reached.</exception>
    ValueTask<Stream> ConnectAsync(DnsEndPoint endPoint, CancellationToken cancellationToken);

    /// <summary>
    /// Makes a handler for an <see cref="HttpClient"/>: HTTP/1.1 for http and https, where every connection goes through
    /// <see cref="ConnectAsync"/> and every URL passes the operator's rules for schemes, hosts and ports. It follows the redirects of GET and
    /// HEAD, a few of them, checks each like the first URL, never goes from https to http, and sends credentials to no other origin than the
    /// one that the request named. No cookies, no proxy, no decompression.
    /// </summary>
    /// <param name="tls">How to verify servers; null for the system's authorities.</param>
    /// <returns>The caller's to dispose; with it go its connections.</returns>
    HttpMessageHandler CreateHttpHandler(SslClientAuthenticationOptions? tls);
}
