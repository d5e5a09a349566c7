using GlanceGateway.Registry;
using Npgsql;

namespace GlanceGateway.Registry.Tests;

/// <summary>A database of its own on a server that tests share, or on one that the test has for itself.</summary>
public sealed class PostgresHome(PostgresServer? server = null) : RegistryHome
{
    private PostgresServer? _server = server;
    private string? _database;

    /// <summary>The server; the shared one is started by the first test that needs it.</summary>
    internal async Task<PostgresServer> ServerAsync() => _server ??= await SharedPostgresServer.StartAsync();

    /// <summary>The registry's database; made, with the schema unless <paramref name="migrated"/> is false, when it is first asked for.</summary>
    internal async Task<PostgresOptions> DatabaseAsync(bool migrated = true)
    {
        var on = await ServerAsync();
        _database ??= await on.CreateDatabaseAsync(migrated);
        return new PostgresOptions { ConnectionString = on.ConnectionTo(_database) };
    }

    /// <summary>Another connection to the database, for what the registry does not do.</summary>
    internal async Task<NpgsqlConnection> ConnectAsync()
    {
        var connection = new NpgsqlConnection((await DatabaseAsync()).ConnectionString + ";Pooling=false");
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        return connection;
    }

    protected override async Task<RegistryOptions> PlaceAsync() => new() { Postgres = await DatabaseAsync(), InstanceId = "" };

    protected override async Task RemoveAsync()
    {
        if (_database is not null)
            await (await ServerAsync()).DropDatabaseAsync(_database);
    }
}
