using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace GlanceGateway.Bench;

/// <summary>A PostgreSQL server of the benchmark's own, on a free port of loopback, with its data in a directory.</summary>
internal sealed class PostgresForBench : IAsyncDisposable
{
    private static readonly string Script = Path.Combine(Repository.Root, "tests/servers/postgres.sh");

    private readonly string directory;
    private readonly string connection;

    private PostgresForBench(string directory, string connection)
    {
        this.directory = directory;
        this.connection = connection;
        Pid = int.Parse(File.ReadAllText(Path.Combine(directory, "run/postgres.pid")).Split(' ', '\n')[0], CultureInfo.InvariantCulture);
    }

    private int Pid { get; }

    public static async Task<PostgresForBench> StartAsync(string directory)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        var printed = await RunAsync("start", directory, port);
        return new PostgresForBench(directory, printed.Split('\n').Single(line => line.StartsWith("PG_CONNECTION=", StringComparison.Ordinal))["PG_CONNECTION=".Length..]);
    }

    /// <summary>A database; empty, unless a run before filled it.</summary>
    public async Task<string> DatabaseAsync(string name)
    {
        await using var server = new NpgsqlConnection(connection + ";Pooling=false;Timeout=60");
        await server.OpenAsync();
        await using var command = server.CreateCommand();
        command.CommandText = $"SELECT COUNT(*) FROM pg_database WHERE datname = '{name}'";
        if (await command.ExecuteScalarAsync() is 0L)
        {
            command.CommandText = $"CREATE DATABASE {name}";
            await command.ExecuteNonQueryAsync();
        }

        return new NpgsqlConnectionStringBuilder(connection) { Database = name, Timeout = 60 }.ConnectionString;
    }

    /// <summary>Processor time of the server's processes that run.</summary>
    public TimeSpan Cpu() => TimeSpan.FromMicroseconds(Processes().Sum(process => Number(Read($"/proc/{process}/schedstat").Split(' ')[0])) / 1000.0);

    /// <summary>Memory of the server's processes without what they share, in bytes.</summary>
    public long Memory() => Processes().Sum(process => Read($"/proc/{process}/smaps_rollup").Split('\n')
        .Where(line => line.StartsWith("Private_Clean", StringComparison.Ordinal) || line.StartsWith("Private_Dirty", StringComparison.Ordinal))
        .Sum(line => Number(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]) << 10));

    public async ValueTask DisposeAsync() => await RunAsync("stop", directory, port: 0);

    private static async Task<string> RunAsync(string action, string directory, int port)
    {
        var info = new ProcessStartInfo(Script, [action, directory]) { RedirectStandardOutput = true, UseShellExecute = false };
        info.Environment["PG_PORT"] = port.ToString(CultureInfo.InvariantCulture);
        using var process = Process.Start(info) ?? throw new InvalidOperationException($"{Script} does not start.");
        var printed = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? printed : throw new InvalidOperationException($"{Script} {action} failed with {process.ExitCode}.");
    }

    /// <summary>The server's processes, one for each connection and a few more.</summary>
    private string[] Processes() => Read($"/proc/{Pid}/task/{Pid}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>What the kernel says of a process; zeros when it ended meanwhile.</summary>
    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (IOException)
        {
            return "0 0 0";
        }
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
