using Npgsql;

namespace GlanceGateway.Registry;

/// <summary>A registry in PostgreSQL 13 or newer. The connection string may hold a password: never print it.</summary>
public sealed record PostgresOptions
{
    /// <summary>As Npgsql takes it: <c>Host=db.example.org;Database=glance;Username=glance;Password=…</c>.</summary>
    public required string ConnectionString { get; init; }

    /// <summary>A file that holds nothing but the password, read anew for each connection; null when the connection string says all.</summary>
    public string? PasswordPath { get; init; }

    /// <summary>How long a unit of work waits for a database that is away: longer than a restart or a failover takes.</summary>
    internal TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Which database it is, without secrets: <c>postgresql://glance@db.example.org:5432/glance</c>.</summary>
    public string Place
    {
        get
        {
            var parts = new NpgsqlConnectionStringBuilder(ConnectionString);
            var hosts = (parts.Host ?? "").Split(',').Select(host => host.Contains(':', StringComparison.Ordinal) ? host : $"{host}:{parts.Port}");
            return $"postgresql://{parts.Username}@{string.Join(',', hosts)}/{parts.Database ?? parts.Username}";
        }
    }

    /// <summary>What is wrong with the options, in words that hold no secret; null when they can be used.</summary>
    public string? FindProblem()
    {
        if (ConnectionString.Contains("://", StringComparison.Ordinal) && !ConnectionString.Contains('='))
            return "a URL is not taken here; write 'Host=…;Database=…;Username=…'";
        NpgsqlConnectionStringBuilder parts;
        try
        {
            parts = new NpgsqlConnectionStringBuilder(ConnectionString);
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or InvalidCastException or OverflowException)
        {
            return $"this is no connection string of Npgsql ({exception.Message}); write 'Host=…;Database=…;Username=…'";
        }

        if (string.IsNullOrEmpty(parts.Host) || string.IsNullOrEmpty(parts.Username))
            return "it must name at least Host and Username";
        if (PasswordPath is not null && parts.Password is not null)
            return "it holds a password although a password file is named; keep one of them";
        return parts.MaxPoolSize < 2 ? "Maximum Pool Size must be at least 2: units of work and reads have their own connections" : null;
    }

    /// <summary>Leaves the secrets out.</summary>
    public override string ToString() => FindProblem() is null ? Place : "postgresql";
}
