using GlanceGateway.Registry.Tests;

[assembly: AssemblyFixture(typeof(SharedPostgresServer))]

namespace GlanceGateway.Registry.Tests;

/// <summary>The server that tests share: started by the first that needs it, stopped after the last.</summary>
public sealed class SharedPostgresServer : IAsyncDisposable
{
    private static readonly SemaphoreSlim Starting = new(1);
    private static PostgresServer? _server;

    /// <summary>The server, running.</summary>
    public static async Task<PostgresServer> StartAsync()
    {
        await Starting.WaitAsync();
        try
        {
            return _server ??= await PostgresServer.StartNewAsync();
        }
        finally
        {
            Starting.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
    }
}
