using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace GlanceGateway.Host.Metrics;

/// <summary>Answers <c>GET /metrics</c> at an address of its own, for Prometheus and what reads its text format. Nobody is asked who he is: names of stores
/// and numbers are all that is told.</summary>
internal sealed class MetricsEndpoint : IAsyncDisposable
{
    private readonly WebApplication _application;
    private readonly MetricsCollection _collection;

    private MetricsEndpoint(WebApplication application, MetricsCollection collection, string address)
    {
        (_application, _collection) = (application, collection);
        Address = $"{address}/metrics";
    }

    /// <summary>Its URL, with the port it really has.</summary>
    public string Address { get; }

    /// <summary>Begins to measure and to answer.</summary>
    /// <param name="listen">Where; null for not at all, which costs nothing.</param>
    /// <param name="loggers">Gets the URL.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    /// <exception cref="IOException">The address is taken or not ours.</exception>
    public static async Task<MetricsEndpoint?> StartAsync(IPEndPoint? listen, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        if (listen is null)
            return null;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.Sources.Clear();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(listen, endpoint => endpoint.Protocols = HttpProtocols.Http1);
        });
        // The signals are the command's, and the lines of this little server nobody's.
        builder.Services.AddSingleton<IHostLifetime, Lifetime>();
        builder.Logging.ClearProviders();
        var collection = new MetricsCollection();
        var application = builder.Build();
        application.MapGet("/metrics", () => Results.Text(collection.Read(), "text/plain; version=0.0.4; charset=utf-8"));
        try
        {
            await application.StartAsync(cancellationToken);
        }
        catch
        {
            await application.DisposeAsync();
            collection.Dispose();
            throw;
        }

        var addresses = application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!;
        var endpoint = new MetricsEndpoint(application, collection, addresses.Addresses.Single());
        loggers.CreateLogger("GlanceGateway.Host").LogInformation("Metrics are at {Address}", endpoint.Address);
        return endpoint;
    }

    public async ValueTask DisposeAsync()
    {
        await _application.DisposeAsync();
        _collection.Dispose();
    }

    private sealed class Lifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
