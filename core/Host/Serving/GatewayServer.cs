using System.Net;
using GlanceGateway.Api;
using GlanceGateway.Host.Configuration;
using GlanceGateway.Images;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using IdentityMode = GlanceGateway.Api.IdentityMode;

namespace GlanceGateway.Host.Serving;

/// <summary>The Images API over HTTP, from start to drain. Owns the web server, not the images behind it.</summary>
internal sealed class GatewayServer : IAsyncDisposable
{
    /// <summary>How long transfers may run on after the gateway was asked to stop: less than the 90 s after which systemd kills.</summary>
    private static readonly TimeSpan drainTimeout = TimeSpan.FromSeconds(60);

    private readonly WebApplication application;

    private GatewayServer(WebApplication application, string address)
    {
        this.application = application;
        Address = address;
    }

    /// <summary>The project of everybody when nobody is asked who he is.</summary>
    public const string DefaultProject = "default";

    /// <summary>The URL at which it answers, with the port it really has.</summary>
    public string Address { get; }

    /// <summary>Binds, and answers from then on.</summary>
    /// <exception cref="IOException">The address is taken or not ours.</exception>
    public static async Task<GatewayServer> StartAsync(
        GatewayConfiguration configuration, ImageServices images, ILoggerFactory loggers, TimeProvider time, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.Sources.Clear();
        builder.WebHost.ConfigureKestrel(kestrel => Configure(kestrel, configuration.Listen));
        builder.Services.AddSingleton(loggers);
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>, LargeBlocks>();
        builder.Services.AddSingleton<IHostLifetime, CommandLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = drainTimeout);
        builder.Services.AddSingleton(time);
        builder.Services.AddSingleton(images);
        builder.Services.AddImagesApi(new ApiOptions
        {
            PublicEndpoint = configuration.PublicEndpoint,
            Identity = configuration.Identity.Mode switch
            {
                Configuration.IdentityMode.Headers => IdentityMode.Headers,
                Configuration.IdentityMode.Keystone => IdentityMode.Keystone,
                Configuration.IdentityMode.Tokens => IdentityMode.Tokens,
                _ => IdentityMode.None,
            },
            TrustedProxies = configuration.Identity.TrustedProxies,
            Keystone = configuration.Identity.Keystone,
            TokenFile = configuration.Identity.TokenFile is { } file ? new TokenFileOptions(file, () => TokenFile.Read(file)) : null,
            ProjectId = DefaultProject,
            MaxFeedWaiters = configuration.Limits.FeedWaiters,
        });

        var server = builder.Build();
        server.MapImagesApi();
        try
        {
            await server.StartAsync(cancellationToken);
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }

        var addresses = server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!;
        return new GatewayServer(server, addresses.Addresses.Single());
    }

    /// <summary>Takes no new connection, lets transfers end for up to a minute, then cuts them.</summary>
    public async Task DrainAsync()
    {
        using var limit = new CancellationTokenSource(drainTimeout);
        await application.StopAsync(limit.Token);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => application.DisposeAsync();

    private static void Configure(KestrelServerOptions kestrel, IPEndPoint listen)
    {
        kestrel.AddServerHeader = false;
        // HTTP/2 would carry bulk data at two thirds of the speed for twice the CPU.
        kestrel.Listen(listen, endpoint => endpoint.Protocols = HttpProtocols.Http1);
    }

    /// <summary>Leaves signals to the command.</summary>
    private sealed class CommandLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
