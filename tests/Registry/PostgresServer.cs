using System.Globalization;
using Dapper;
using GlanceGateway.Registry;
using GlanceGateway.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace GlanceGateway.Registry.Tests;

/// <summary>A real PostgreSQL server on a free port of loopback, in a directory that goes with it.</summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private const string Template = "registry_template";

    private static readonly string Script = Path.Combine(RepositoryPaths.Root, "tests/servers/postgres.sh");

    private readonly TempDirectory _directory = new();
    private readonly SemaphoreSlim _making = new(1);
    private readonly Dictionary<string, string> _settings;
    private string _connection = "";
    private int _databases;
    private bool _hasTemplate;

    private PostgresServer()
    {
        Port = FreePorts.First();
        _settings = new() { ["PG_PORT"] = Port.ToString(CultureInfo.InvariantCulture) };
    }

    /// <summary>Its port, the same after a restart.</summary>
    public int Port { get; }

    /// <summary>Starts a server; skips the test where there is none.</summary>
    public static async Task<PostgresServer> StartNewAsync()
    {
        Requires.Need(
            Directory.Exists("/usr/lib/postgresql") && Directory.EnumerateFiles("/usr/lib/postgresql", "postgres", SearchOption.AllDirectories).Any(),
            "PostgreSQL is not installed; tests/run installs it on Debian");
        Requires.Need(Environment.IsPrivilegedProcess, "PostgreSQL runs as a user of its own, which takes root");
        var server = new PostgresServer();
        await server.StartAsync();
        return server;
    }

    /// <summary>Starts the server again on its data.</summary>
    public async Task StartAsync()
    {
        var started = (await Command.RunAsync(Script, ["start", _directory.Path], _settings)).Succeeded();
        _connection = started.Output.Trim()["PG_CONNECTION=".Length..];
    }

    /// <summary>Ends the server at once, as a crash would unless <paramref name="orderly"/>.</summary>
    public async Task StopAsync(bool orderly = false) => (await Command.RunAsync(
        Script, ["stop", _directory.Path], new Dictionary<string, string> { ["PG_STOP"] = orderly ? "INT" : "QUIT" })).Succeeded();

    /// <summary>How to reach a database.</summary>
    public string ConnectionTo(string database) => new NpgsqlConnectionStringBuilder(_connection) { Database = database }.ConnectionString;

    /// <summary>Makes a database: a copy of one with the schema, which is quicker than to migrate each, or an empty one.</summary>
    public async Task<string> CreateDatabaseAsync(bool migrated)
    {
        var database = string.Create(CultureInfo.InvariantCulture, $"registry_{Interlocked.Increment(ref _databases)}");
        if (migrated)
            await MakeTemplateAsync();
        await ExecuteAsync($"CREATE DATABASE {database}{(migrated ? $" TEMPLATE {Template}" : "")}");
        return database;
    }

    /// <summary>Removes a database, connections or not.</summary>
    public Task DropDatabaseAsync(string database) => ExecuteAsync($"DROP DATABASE {database} WITH (FORCE)");

    /// <summary>Runs a statement beside all databases.</summary>
    public async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(_connection + ";Pooling=false");
        await connection.ExecuteAsync(sql);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _making.Dispose();
        _directory.Dispose();
    }

    private async Task MakeTemplateAsync()
    {
        await _making.WaitAsync();
        try
        {
            if (_hasTemplate)
                return;
            await ExecuteAsync($"CREATE DATABASE {Template}");
            var options = new RegistryOptions { Postgres = new() { ConnectionString = ConnectionTo(Template) }, InstanceId = "" };
            await ImageRegistry.MigrateAsync(options, TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);
            _hasTemplate = true;
        }
        finally
        {
            _making.Release();
        }
    }
}
