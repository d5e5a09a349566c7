using System.Data.Common;

namespace GlanceGateway.Registry.Database;

/// <summary>A database as the registry uses it. Errors of the database are <see cref="RegistryException"/>s with a remedy.</summary>
internal interface IRegistryEngine : IAsyncDisposable
{
    /// <summary>Knows the newest committed change of this process at once, those of others as soon as the database tells.</summary>
    ChangeSignal Changes { get; }

    /// <summary>Runs a unit of work; see <see cref="ImageRegistry.WriteAsync"/>.</summary>
    Task<T> WriteAsync<T>(Func<RegistryTransaction, CancellationToken, Task<T>> unitOfWork, CancellationToken cancellationToken);

    /// <summary>Runs queries on one snapshot.</summary>
    Task<T> ReadAsync<T>(Func<DbConnection, CancellationToken, Task<T>> query, CancellationToken cancellationToken);

    /// <summary>Removes what the engine itself wrote down and needs no more.</summary>
    Task PruneAsync(CancellationToken cancellationToken);

    /// <summary>The time by which leases expire, inside a read.</summary>
    Task<DateTimeOffset> NowAsync(DbConnection connection, CancellationToken cancellationToken);
}
