using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using GlanceGateway.Abstractions;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Client;

/// <summary>The connections of a client, to endpoints and to Keystone.</summary>
public static class ClientHttp
{
    /// <summary>Makes an HTTP client that checks certificates, follows no redirect and has no time limit of its own.</summary>
    /// <param name="options">Time limits and TLS.</param>
    /// <param name="logger">Hears it when certificates are not checked.</param>
    public static HttpClient Create(ClientOptions options, ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(options);
        SslClientAuthenticationOptions tls = new();
        if (options.Insecure)
        {
            logger.Insecure();
#pragma warning disable CA5359 // the operator said so, by name, and was warned
            tls.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359
        }
        else if (options.Authorities is { } authorities)
        {
            tls.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            tls.CertificateChainPolicy.CustomTrustStore.AddRange(authorities);
        }

        var handler = new SocketsHttpHandler
        {
            // A redirect would carry the token to wherever it points.
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = options.ConnectTimeout,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            UseCookies = false,
            SslOptions = tls,
            // After an abandoned body a few bytes may follow; a connection is cheaper than reading an image to its end.
            MaxResponseDrainSize = 64 << 10,
        };
        return new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <summary>Reads authorities from a file.</summary>
    /// <exception cref="StoreException">It cannot be read or holds no certificate.</exception>
    public static X509Certificate2Collection ReadAuthorities(string file)
    {
        X509Certificate2Collection authorities = [];
        try
        {
            authorities.ImportFromPemFile(file);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or System.Security.Cryptography.CryptographicException)
        {
            throw new StoreException(StoreError.Misconfigured, $"The certificates in {file} cannot be read: {fault.Message}", innerException: fault);
        }

        return authorities.Count > 0 ? authorities : throw new StoreException(StoreError.Misconfigured, $"There is no certificate in {file}; it should be PEM.");
    }

    /// <summary>What went wrong with a request, in words without addresses of proxies or headers.</summary>
    internal static string Describe(Exception fault) => fault switch
    {
        HttpRequestException { InnerException: { } inner } request => $"{request.HttpRequestError}: {inner.Message}",
        HttpRequestException request => request.Message,
        OperationCanceledException => "no answer in time",
        _ => fault.Message,
    };
}
