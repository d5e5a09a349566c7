using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace GlanceGateway.Api;

/// <summary>The connections to Keystone.</summary>
internal sealed class KeystoneHttp(KeystoneOptions options) : IDisposable
{
    /// <summary>As many requests at a time; more wait. A common Keystone has some tens of workers.</summary>
    private const int MostConnections = 32;

    /// <summary>The answer about a token without its catalogue has about a kibibyte.</summary>
    public const int LargestAnswer = 1 << 20;

    private readonly HttpClient kept = Client(options, TimeSpan.FromMinutes(2));
    private readonly HttpClient fresh = Client(options, TimeSpan.Zero);

    /// <summary>Sends, over a connection that was kept, and when that turns out to be broken once more over a new one: a Keystone that restarts
    /// cuts the connections that were kept, and below a bare uwsgi it cuts every one after its answer without saying so.</summary>
    /// <param name="make">Makes the request, perhaps twice.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <param name="completion">Whether the answer is read whole, or its body left to the caller.</param>
    /// <exception cref="KeystoneFault">It could not be sent, or the answer did not come whole.</exception>
    public async Task<HttpResponseMessage> SendAsync(
        Func<HttpRequestMessage> make, CancellationToken cancellationToken, HttpCompletionOption completion = HttpCompletionOption.ResponseContentRead)
    {
        try
        {
            using var request = make();
            return await kept.SendAsync(request, completion, cancellationToken);
        }
        catch (HttpRequestException e) when (e.HttpRequestError is HttpRequestError.ResponseEnded or HttpRequestError.Unknown)
        {
            // Again, below.
        }
        catch (HttpRequestException e)
        {
            throw Fault(e);
        }
        try
        {
            using var request = make();
            return await fresh.SendAsync(request, completion, cancellationToken);
        }
        catch (HttpRequestException e)
        {
            throw Fault(e);
        }
    }

    public void Dispose()
    {
        kept.Dispose();
        fresh.Dispose();
    }

    private static KeystoneFault Fault(HttpRequestException e) =>
        new(e.InnerException is { } inner ? $"{e.Message} ({inner.Message})" : e.Message, isDown: true, e);

    private static HttpClient Client(KeystoneOptions options, TimeSpan connectionLife)
    {
        var handler = new SocketsHttpHandler
        {
            // Tokens go to the configured address and nowhere else, whatever proxy the environment names or redirect comes.
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            ActivityHeadersPropagator = null,
            MaxConnectionsPerServer = MostConnections,
            ConnectTimeout = options.Timeout,
            PooledConnectionLifetime = connectionLife,
        };
        if (options.Authorities is { } authorities)
        {
            var chain = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            chain.CustomTrustStore.AddRange(authorities);
            handler.SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = chain };
        }
        return new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = LargestAnswer };
    }
}
