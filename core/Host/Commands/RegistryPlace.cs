using GlanceGateway.Host.Configuration;
using GlanceGateway.Registry;

namespace GlanceGateway.Host.Commands;

/// <summary>From the configured database to the registry that is opened.</summary>
internal static class RegistryPlace
{
    /// <summary>How the registry is opened; without a data directory, only PostgreSQL and only to migrate it.</summary>
    public static RegistryOptions Options(GatewayConfiguration configuration, DataDirectory? data) => new()
    {
        DatabasePath = data?.RegistryFile,
        Postgres = Postgres(configuration),
        InstanceId = data?.InstanceId ?? "",
        ListTimeout = configuration.Database.ListTimeout,
    };

    /// <summary>The PostgreSQL database; null for the file in the data directory.</summary>
    public static PostgresOptions? Postgres(GatewayConfiguration configuration) =>
        configuration.Database is { Provider: DatabaseProvider.Postgresql, Connection: { } connection } database
            ? new PostgresOptions { ConnectionString = connection, PasswordPath = database.PasswordFile }
            : null;

    /// <summary>Which database, without secrets.</summary>
    public static string Of(GatewayConfiguration configuration) => Postgres(configuration)?.Place ?? "sqlite in data";
}
