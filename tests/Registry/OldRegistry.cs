using DbUp.Engine;
using GlanceGateway.Registry;
using GlanceGateway.Registry.Database;
using GlanceGateway.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Registry.Tests;

/// <summary>A registry that was filled by the version before a migration, and was brought up to date.</summary>
/// <param name="Migration">The number of the first script that was not there yet.</param>
/// <param name="Rows">What was written by then, as SQL: the code of today no longer writes that schema.</param>
internal sealed record OldRegistry(int Migration, string Rows)
{
    public async Task OnSqliteAsync(Func<ImageRegistry, Task> check, CancellationToken cancellationToken)
    {
        using var directory = new TempDirectory();
        await UpdateAsync(new RegistryOptions { DatabasePath = Path.Combine(directory.Path, "registry.db"), InstanceId = "a" }, SqliteSchema.Scripts, check, cancellationToken);
    }

    public async Task OnPostgresAsync(Func<ImageRegistry, Task> check, CancellationToken cancellationToken)
    {
        await using var home = new PostgresHome();
        await UpdateAsync(new RegistryOptions { Postgres = await home.DatabaseAsync(migrated: false), InstanceId = "a" }, PostgresSchema.Scripts, check, cancellationToken);
    }

    private async Task UpdateAsync(RegistryOptions options, IReadOnlyList<SqlScript> scripts, Func<ImageRegistry, Task> check, CancellationToken cancellationToken)
    {
        IReadOnlyList<SqlScript> before = [.. scripts.Where(script => SchemaScripts.NumberOf(script.Name) < Migration), new SqlScript($"{Migration - 1:0000}_rows.sql", Rows)];
        await ImageRegistry.MigrateAsync(options, before, TimeProvider.System, NullLoggerFactory.Instance, cancellationToken);
        await ImageRegistry.MigrateAsync(options, TimeProvider.System, NullLoggerFactory.Instance, cancellationToken);
        await using var registry = await ImageRegistry.OpenAsync(options, TimeProvider.System, NullLoggerFactory.Instance, cancellationToken);
        await check(registry);
    }
}
