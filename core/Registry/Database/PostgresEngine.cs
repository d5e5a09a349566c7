using System.Data;
using System.Data.Common;
using System.Diagnostics;
using DbUp.Engine;
using GlanceGateway.Registry.Sql;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Registry.Database;

/// <summary>
/// A registry in PostgreSQL, which other gateways use at the same time. Reads are repeatable: each is one snapshot. Half of the connections are
/// for units of work and half for reads, so that neither can starve the other; callers wait for a free one, and can stop waiting.
/// </summary>
internal sealed class PostgresEngine : IRegistryEngine
{
    private static readonly TimeSpan ReadPatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Recheck = TimeSpan.FromMilliseconds(100);

    private readonly PostgresSource _source;
    private readonly PostgresWriter _writer;
    private readonly ChangeListener _listener;
    private readonly Func<DateTimeOffset>? _clock;
    private readonly SemaphoreSlim _writing;
    private readonly SemaphoreSlim _reading;
    private readonly Lock _lock = new();
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _running;
    private bool _closed;

    private PostgresEngine(PostgresSource source, string instanceId, Func<DateTimeOffset>? clock, long latestChange, ILogger logger)
    {
        _source = source;
        _clock = clock;
        _writing = new SemaphoreSlim(source.Connections / 2);
        _reading = new SemaphoreSlim(source.Connections - (source.Connections / 2));
        Changes.Publish(latestChange);
        _writer = new PostgresWriter(source, instanceId, clock, Changes, logger);
        _listener = new ChangeListener(source, Changes, logger);
    }

    public ChangeSignal Changes { get; } = new();

    /// <summary>Connects to a database that has the scripts' schema.</summary>
    /// <exception cref="RegistryException">It has another schema or cannot be used.</exception>
    public static async Task<PostgresEngine> OpenAsync(
        PostgresOptions options, string instanceId, IReadOnlyList<SqlScript> scripts, TimeProvider time, ILogger logger, CancellationToken cancellationToken)
    {
        var source = PostgresSource.Create(options);
        try
        {
            await using var connection = await source.OpenAsync(cancellationToken);
            await new PostgresSchema(scripts, logger).DemandAsync(connection, source.Place, cancellationToken);
            var latest = await FollowReads.LatestChangeAsync(connection, cancellationToken);
            return new PostgresEngine(source, instanceId, time == TimeProvider.System ? null : time.GetUtcNow, latest, logger);
        }
        catch (Exception exception)
        {
            await source.DisposeAsync();
            throw source.Explained(exception);
        }
    }

    /// <summary>Brings a database to the scripts' schema, one process at a time.</summary>
    /// <exception cref="RegistryException">It has a newer schema, holds something else, or cannot be used.</exception>
    public static async Task MigrateAsync(PostgresOptions options, IReadOnlyList<SqlScript> scripts, ILogger logger, CancellationToken cancellationToken)
    {
        await using var source = PostgresSource.Create(options);
        try
        {
            await new PostgresSchema(scripts, logger).MigrateAsync(source, cancellationToken);
        }
        catch (Exception exception)
        {
            throw source.Explained(exception);
        }
    }

    public async Task<T> WriteAsync<T>(Func<RegistryTransaction, CancellationToken, Task<T>> unitOfWork, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var running = Begin();
        await _writing.WaitAsync(cancellationToken);
        try
        {
            return await _writer.RunAsync(unitOfWork);
        }
        finally
        {
            _writing.Release();
        }
    }

    public async Task<T> ReadAsync<T>(Func<DbConnection, CancellationToken, Task<T>> query, CancellationToken cancellationToken)
    {
        using var running = Begin();
        await _reading.WaitAsync(cancellationToken);
        try
        {
            for (var since = Stopwatch.StartNew(); ; await Task.Delay(Recheck, cancellationToken))
            {
                try
                {
                    return await ReadOnceAsync(query, cancellationToken);
                }
                catch (Exception exception) when (since.Elapsed < ReadPatience && (PostgresSource.IsAway(exception) || PostgresSource.IsConflict(exception)))
                {
                    _source.Forget();
                }
            }
        }
        catch (Exception exception)
        {
            var explained = _source.Explained(exception);
            if (ReferenceEquals(explained, exception))
                throw;
            throw explained;
        }
        finally
        {
            _reading.Release();
        }
    }

    public async Task PruneAsync(CancellationToken cancellationToken)
    {
        using var running = Begin();
        await _writing.WaitAsync(cancellationToken);
        try
        {
            await _writer.PruneAsync(cancellationToken);
        }
        catch (Exception exception)
        {
            var explained = _source.Explained(exception);
            if (ReferenceEquals(explained, exception))
                throw;
            throw explained;
        }
        finally
        {
            _writing.Release();
        }
    }

    public Task<DateTimeOffset> NowAsync(DbConnection connection, CancellationToken cancellationToken) =>
        _clock is null ? PostgresWriter.NowAsync(connection, cancellationToken) : Task.FromResult(_clock());

    /// <summary>Finishes all that was asked for, then closes the connections.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            _closed = true;
            if (_running == 0)
                _idle.TrySetResult();
        }

        await _idle.Task;
        await _listener.DisposeAsync();
        await _source.DisposeAsync();
        _writing.Dispose();
        _reading.Dispose();
    }

    private async Task<T> ReadOnceAsync<T>(Func<DbConnection, CancellationToken, Task<T>> query, CancellationToken cancellationToken)
    {
        await using var connection = await _source.OpenAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        var result = await query(connection, cancellationToken);
        await transaction.CommitAsync(CancellationToken.None);
        return result;
    }

    private Running Begin()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_closed, typeof(ImageRegistry));
            _running++;
        }

        return new Running(this);
    }

    private void End()
    {
        lock (_lock)
        {
            if (--_running == 0 && _closed)
                _idle.TrySetResult();
        }
    }

    private readonly struct Running(PostgresEngine engine) : IDisposable
    {
        public void Dispose() => engine.End();
    }
}
