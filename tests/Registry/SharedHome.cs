using GlanceGateway.Registry;

namespace GlanceGateway.Registry.Tests;

/// <summary>A registry that the first test of a class fills and all of them only read: on PostgreSQL a database for each row of a table is most of its time.</summary>
public abstract class SharedHome(RegistryHome home) : IAsyncDisposable
{
    private Task<ImageRegistry>? _filling;

    /// <summary>The registry, filled. Not in a constructor or an initialiser of the fixture: there a test cannot be skipped.</summary>
    public Task<ImageRegistry> OpenAsync(Func<RegistryHome, ImageRegistry, Task> fill) => _filling ??= FillAsync(fill);

    public async ValueTask DisposeAsync()
    {
        await home.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private async Task<ImageRegistry> FillAsync(Func<RegistryHome, ImageRegistry, Task> fill)
    {
        var registry = await home.OpenAsync();
        await fill(home, registry);
        return registry;
    }
}

/// <summary>On SQLite.</summary>
public sealed class SharedSqliteHome() : SharedHome(new SqliteHome());

/// <summary>On PostgreSQL.</summary>
public sealed class SharedPostgresHome() : SharedHome(new PostgresHome());
