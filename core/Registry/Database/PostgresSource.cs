using System.Globalization;
using System.Net.Sockets;
using Npgsql;

namespace GlanceGateway.Registry.Database;

/// <summary>Connections to a PostgreSQL database as the registry wants them, and what its errors mean to an operator.</summary>
internal sealed class PostgresSource : IAsyncDisposable
{
    /// <summary>Several gateways share a server's connections (100 by default); more than a few for each core only wait for each other.</summary>
    private const int DefaultConnections = 20;

    private const int DefaultConnectSeconds = 5;
    private const string IdleInTransactionTimeout = "25P03";
    private const int IdleInTransactionMilliseconds = 30_000;

    private readonly NpgsqlDataSource _pool;
    private readonly NpgsqlDataSource _single;

    private PostgresSource(NpgsqlDataSource pool, NpgsqlDataSource single, PostgresOptions options, int connections)
    {
        _pool = pool;
        _single = single;
        Place = options.Place;
        Patience = options.Patience;
        Connections = connections;
    }

    /// <summary>Which database, without secrets.</summary>
    public string Place { get; }

    /// <summary>How long a unit of work waits for the database.</summary>
    public TimeSpan Patience { get; }

    /// <summary>How many connections the pool has at most.</summary>
    public int Connections { get; }

    /// <summary>Connections without the pool, whose statements take as long as they take.</summary>
    public NpgsqlDataSource Unbounded => _single;

    /// <exception cref="RegistryException">The options cannot be used.</exception>
    public static PostgresSource Create(PostgresOptions options)
    {
        if (options.FindProblem() is { } problem)
            throw new RegistryException($"The registry's connection string cannot be used: {problem}.");
        var parts = new NpgsqlConnectionStringBuilder(options.ConnectionString)
        {
            // No session state is kept outside of transactions, so there is nothing to reset between two users of a connection.
            NoResetOnClose = true,
            Enlist = false,
            IncludeErrorDetail = false,
            PersistSecurityInfo = false,
            TcpKeepAlive = true,
        };
        Default("Application Name", () => parts.ApplicationName = "glance-gateway");
        Default("Maximum Pool Size", () => parts.MaxPoolSize = DefaultConnections);
        Default("Timeout", () => parts.Timeout = DefaultConnectSeconds);
        Default("Tcp Keepalive Time", () => parts.TcpKeepAliveTime = 10);
        Default("Tcp Keepalive Interval", () => parts.TcpKeepAliveInterval = 5);
        if (parts.Host!.Contains(',', StringComparison.Ordinal))
            Default("Target Session Attributes", () => parts.TargetSessionAttributes = "primary");

        var single = new NpgsqlConnectionStringBuilder(parts.ConnectionString) { Pooling = false, CommandTimeout = 0 };
        if (parts.CommandTimeout > 0)
        {
            // The server ends a statement itself: one whose client is gone would otherwise run on, and the connection stays good.
            parts.Options = string.Create(
                CultureInfo.InvariantCulture,
                $"{parts.Options} -c statement_timeout={parts.CommandTimeout * 1000L} -c idle_in_transaction_session_timeout={IdleInTransactionMilliseconds}").Trim();
            parts.CommandTimeout += 5;
        }

        return new PostgresSource(Build(parts, options), Build(single, options), options, parts.MaxPoolSize);

        void Default(string key, Action set)
        {
            if (!parts.ShouldSerialize(key))
                set();
        }
    }

    public async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken) => await _pool.OpenConnectionAsync(cancellationToken);

    /// <summary>Closes idle connections: when one is broken, all are likely to be.</summary>
    public void Forget() => _pool.Clear();

    /// <summary>Whether an error says that the transaction collided with another one, so that running it again is right.</summary>
    public static bool IsConflict(Exception exception) => exception is PostgresException
    {
        SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.LockNotAvailable,
    };

    /// <summary>Whether an error says that a key is there already: by a unit that ran at the same time, or since long ago.</summary>
    public static bool IsTaken(Exception exception) => exception is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation };

    /// <summary>Whether an error says that the database cannot be reached now, but perhaps soon.</summary>
    public static bool IsAway(Exception exception) => exception switch
    {
        PostgresException server => server.SqlState is PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown
            or PostgresErrorCodes.CannotConnectNow or PostgresErrorCodes.TooManyConnections or PostgresErrorCodes.ReadOnlySqlTransaction
            or IdleInTransactionTimeout || server.SqlState.StartsWith("08", StringComparison.Ordinal),
        NpgsqlException { InnerException: PasswordFileException } => false,
        NpgsqlException or SocketException => true,
        _ => false,
    };

    /// <summary>An error as the caller of the registry gets it: those of the database with their remedy, others as they are.</summary>
    public Exception Explained(Exception exception)
    {
        var (what, remedy) = exception switch
        {
            PostgresException server => ($"{server.SqlState}: {server.MessageText}", Remedy(server.SqlState)),
            NpgsqlException { InnerException: PasswordFileException file } => (file.Message, "make the password file readable for the gateway"),
            NpgsqlException or SocketException => (
                exception.InnerException is { } inner ? $"{exception.Message}: {inner.Message}" : exception.Message,
                "check that the server runs and can be reached from here; the gateway goes on when it can"),
            _ => (null, ""),
        };
        return what is null ? exception : new RegistryException($"The registry {Place} cannot be used ({what}): {remedy}.", exception);
    }

    public async ValueTask DisposeAsync()
    {
        await _pool.DisposeAsync();
        await _single.DisposeAsync();
    }

    private static string Remedy(string state) => state switch
    {
        PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification => "check user name, password and the server's pg_hba.conf",
        PostgresErrorCodes.InvalidCatalogName => "create the database, or name another one",
        PostgresErrorCodes.InsufficientPrivilege => "grant the user what it lacks; the tables should be its own",
        PostgresErrorCodes.TooManyConnections => "raise the server's max_connections, or lower Maximum Pool Size in the connection string",
        PostgresErrorCodes.DiskFull => "the server's disk is full; free some space",
        PostgresErrorCodes.ReadOnlySqlTransaction => "this is a standby server; name the primary",
        PostgresErrorCodes.QueryCanceled => "the statement took longer than Command Timeout; see what keeps the server busy",
        PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.UndefinedFunction =>
            "its schema is not this version's; run 'glance-gateway db migrate'",
        PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected => "too many conflicts with other writers; try again",
        PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow =>
            "the server is stopping or starting; the gateway goes on when it is there",
        _ => "see the cause",
    };

    private static NpgsqlDataSource Build(NpgsqlConnectionStringBuilder parts, PostgresOptions options)
    {
        var builder = new NpgsqlDataSourceBuilder(parts.ConnectionString);
        if (options.PasswordPath is { } path)
            builder.UsePasswordProvider(_ => ReadPassword(path), (_, _) => ValueTask.FromResult(ReadPassword(path)));
        return builder.Build();
    }

    private static string ReadPassword(string path)
    {
        try
        {
            return File.ReadAllText(path).TrimEnd('\r', '\n');
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new PasswordFileException(exception);
        }
    }

    private sealed class PasswordFileException(Exception cause) : Exception(cause.Message, cause);
}
