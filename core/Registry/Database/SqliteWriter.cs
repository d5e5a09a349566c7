using System.Collections.Concurrent;
using Dapper;
using GlanceGateway.Registry.Sql;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using SQLitePCL;

namespace GlanceGateway.Registry.Database;

// The one writer of a SQLite file: group commit.
//
// SQLite lets one connection write at a time and makes a commit durable with an fsync, which costs more than all statements of a unit of
// work together. So the units that wait while one group is being synced become the next group: one BEGIN IMMEDIATE, one COMMIT, one fsync
// for all of them, and throughput grows with the number of concurrent callers while a lone caller waits for nobody.
//
// Invariants
// * A unit runs in a savepoint. When it throws, the savepoint alone is rolled back and the exception goes to its caller; units before and
//   after it are untouched.
// * A caller hears of success only after COMMIT returned under synchronous=FULL, and every unit of the group hears the same.
// * When COMMIT fails, every unit of the group fails and nothing of it is written.
// * Some errors (disk full, I/O, out of memory) make SQLite roll the whole transaction back by itself; that is seen by the connection being
//   back in autocommit mode. Then the units that had run fail with the one that hit it, and those that had not run start a new group.
// * A unit that waits can be withdrawn; one that runs is finished. Disposal finishes all that wait.
// * Group size is bounded, so that the first caller of a flood does not wait for the last.
//
// Everything happens on one thread of its own: Microsoft.Data.Sqlite is synchronous, and a thread pool thread blocked in fsync is one that
// serves no request.
internal sealed class SqliteWriter : IAsyncDisposable
{
    private const int UnitsPerCommit = 128;

    private readonly BlockingCollection<WriteUnit> _waiting = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SqliteConnection _connection;
    private readonly string _instanceId;
    private readonly TimeProvider _time;
    private readonly ChangeSignal _changes;
    private readonly ILogger _logger;

    /// <summary>Takes over an open connection, which it closes in the end.</summary>
    public SqliteWriter(SqliteConnection connection, string instanceId, TimeProvider time, ChangeSignal changes, ILogger logger)
    {
        _connection = connection;
        _instanceId = instanceId;
        _time = time;
        _changes = changes;
        _logger = logger;
        new Thread(Work) { IsBackground = true, Name = "registry-writer" }.Start();
    }

    public async Task<T> WriteAsync<T>(Func<RegistryTransaction, CancellationToken, Task<T>> unitOfWork, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var unit = new WriteUnit<T>(unitOfWork, cancellationToken);
        try
        {
            _waiting.Add(unit, CancellationToken.None);
        }
        catch (InvalidOperationException exception)
        {
            throw new ObjectDisposedException("The registry is closed.", exception);
        }

        return await unit.Done;
    }

    /// <summary>Finishes all units that wait, then closes the connection.</summary>
    public async ValueTask DisposeAsync()
    {
        _waiting.CompleteAdding();
        await _ended.Task;
        _waiting.Dispose();
    }

    private void Work()
    {
        var group = new List<WriteUnit>(UnitsPerCommit);
        while (_waiting.TryTake(out var unit, Timeout.Infinite))
        {
            do
            {
                if (unit.TryStart())
                    group.Add(unit);
            }
            while (group.Count < UnitsPerCommit && _waiting.TryTake(out unit));

            for (var done = 0; done < group.Count;)
                done += Commit(group, done);
            group.Clear();
        }

        _connection.Dispose();
        _ended.SetResult();
    }

    /// <summary>Runs units from an index on as one transaction.</summary>
    /// <returns>How many of them have had their answer: all, unless SQLite threw the transaction away under way.</returns>
    private int Commit(List<WriteUnit> group, int start)
    {
        var ran = new List<WriteUnit>(group.Count - start);
        var latestChange = 0L;
        var tried = start;
        try
        {
            _connection.Execute("BEGIN IMMEDIATE");
            while (tried < group.Count)
            {
                var unit = group[tried++];
                _connection.Execute("SAVEPOINT unit");
                try
                {
                    latestChange = Math.Max(latestChange, Run(unit));
                }
                catch (Exception exception) when (InTransaction)
                {
                    _connection.Execute("ROLLBACK TO unit; RELEASE unit");
                    unit.Fail(Explained(exception));
                    continue;
                }

                _connection.Execute("RELEASE unit");
                ran.Add(unit);
            }

            _connection.Execute("COMMIT");
        }
        catch (Exception exception)
        {
            Abandon();

            // Nothing was tried when BEGIN failed: asking again for each unit would make each wait for the time-out in turn.
            if (tried == start)
                tried = group.Count;
            RegistryLog.GroupFailed(_logger, tried - start, exception);
            var explained = Explained(exception);
            foreach (var unit in group.GetRange(start, tried - start))
                unit.Fail(explained);
            return tried - start;
        }

        if (latestChange != 0)
            _changes.Publish(latestChange);
        foreach (var unit in ran)
            unit.Acknowledge();
        return group.Count - start;
    }

    private long Run(WriteUnit unit)
    {
        var transaction = new SqlTransaction(_connection, _instanceId, _time.GetUtcNow());
        try
        {
            unit.Run(transaction);
            transaction.CompleteAsync(CancellationToken.None).GetAwaiter().GetResult();
            return transaction.LastChange;
        }
        finally
        {
            transaction.End();
        }
    }

    private bool InTransaction => raw.sqlite3_get_autocommit(_connection.Handle) == 0;

    private void Abandon()
    {
        try
        {
            if (InTransaction)
                _connection.Execute("ROLLBACK");
        }
        catch (SqliteException exception)
        {
            RegistryLog.RollbackFailed(_logger, exception);
        }
    }

    private Exception Explained(Exception exception) => exception is SqliteException sqlite
        ? SqliteDatabase.Explained(_connection.DataSource, sqlite)
        : exception;
}
