using System.Data;
using System.Diagnostics;
using Dapper;
using GlanceGateway.Registry.Sql;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace GlanceGateway.Registry.Database;

// Units of work on PostgreSQL: serializable transactions of many gateways at once, run again when they collide.
//
// A unit may decide by anything that it reads (a count of members, a lease, a status), so nothing less than SERIALIZABLE makes it mean what it
// means on SQLite, where units run one after the other. The price is that a transaction may be refused, even by mistake when tables are small;
// the unit then runs again from its start, after a random pause that grows.
//
// Invariants
// * A unit is acknowledged only after its COMMIT is. When the connection breaks inside the COMMIT, the server is asked afterwards what became
//   of the transaction, by its id: nothing is run twice, and nothing written is reported as failed. A server that crashed gives ids of
//   transactions that it lost to others, so each unit leaves a mark of its own in unit_marks: what was committed must be ours.
// * Every unit ends. All lock unit_turn in a mode that they share; one that was refused SharedAttempts times locks it alone. LOCK TABLE takes
//   no snapshot, so such a unit sees all that was committed before, and nobody is left to collide with.
// * Changes are committed in the order of their sequences: see Dialect.InsertingChange. That turn is taken last and nothing is waited for
//   while it is held, so it cannot be part of a deadlock.
// * A lease found held stays held until the commit: see Dialect.LockingRows. So who takes it over afterwards sees all that was done under it,
//   also with reads outside of units, which serializability does not cover.
// * Time is the server's, read once at the start of the transaction.
// * A unit swallows no error of the database: after one, PostgreSQL answers COMMIT with a rollback and no error. The last statement before
//   the commit would be refused then.
// * While the database is away a unit waits for it, for as long as a restart or a failover takes: an upload of hours may hang on one unit.
internal sealed class PostgresWriter(PostgresSource source, string instanceId, Func<DateTimeOffset>? clock, ChangeSignal changes, ILogger logger)
{
    private const int SharedAttempts = 6;
    private const int Attempts = 10;
    private const int LongestPauseMilliseconds = 250;

    private const string ServerTime = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint";

    private static readonly TimeSpan Recheck = TimeSpan.FromMilliseconds(100);

    // No unit is asked after for as long as that: the patience is minutes.
    private static readonly TimeSpan MarksStay = TimeSpan.FromHours(1);

    /// <summary>The time of the registry, on a connection.</summary>
    public static async Task<DateTimeOffset> NowAsync(System.Data.Common.DbConnection connection, CancellationToken cancellationToken) =>
        Words.Time(await connection.ValueAsync<long>($"SELECT {ServerTime}", parameters: null, cancellationToken));

    /// <summary>Runs a unit to its end.</summary>
    public async Task<T> RunAsync<T>(Func<RegistryTransaction, CancellationToken, Task<T>> unit)
    {
        var since = Stopwatch.StartNew();
        var refusals = 0;
        while (true)
        {
            try
            {
                return await TryAsync(unit, alone: refusals >= SharedAttempts);
            }
            catch (Exception exception) when (refusals < Attempts && (PostgresSource.IsConflict(exception) || (refusals == 0 && PostgresSource.IsTaken(exception))))
            {
                refusals++;
                await Task.Delay(Random.Shared.Next(1, Math.Min(LongestPauseMilliseconds, 4 << refusals)), CancellationToken.None);
            }
            catch (Exception exception) when (since.Elapsed < source.Patience && PostgresSource.IsAway(exception))
            {
                RegistryLog.WaitingForDatabase(logger, source.Place, exception.Message);
                source.Forget();
                await Task.Delay(Recheck, CancellationToken.None);
            }
            catch (Exception exception) when (exception is not RegistryException)
            {
                var explained = source.Explained(exception);
                if (ReferenceEquals(explained, exception))
                    throw;
                throw explained;
            }
        }
    }

    /// <summary>Removes the marks that nobody asks for any more.</summary>
    public async Task PruneAsync(CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenAsync(cancellationToken);
        await connection.RunAsync("DELETE FROM unit_marks WHERE unit < @oldest", new { oldest = Guid.CreateVersion7(DateTimeOffset.UtcNow - MarksStay) }, cancellationToken);
    }

    private async Task<T> TryAsync<T>(Func<RegistryTransaction, CancellationToken, Task<T>> unit, bool alone)
    {
        await using var connection = await source.OpenAsync(CancellationToken.None);
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.Serializable, CancellationToken.None);
        var mark = Guid.CreateVersion7();
        var start = await connection.RowAsync<StartRow>(
            $"""
            LOCK TABLE unit_turn IN {(alone ? "EXCLUSIVE" : "ROW SHARE")} MODE;
            INSERT INTO unit_marks (unit) VALUES (@mark) RETURNING {ServerTime} AS Now, pg_current_xact_id()::text AS Id
            """,
            new { mark },
            CancellationToken.None) ?? throw new InvalidOperationException("The server does not know its time.");
        var sql = new SqlTransaction(connection, instanceId, clock?.Invoke() ?? Words.Time(start.Now));
        T result;
        try
        {
            result = await unit(sql, CancellationToken.None);
            await sql.CompleteAsync(CancellationToken.None);
        }
        finally
        {
            sql.End();
        }

        if (sql.LastChange == 0)
            await connection.ValueAsync<int>("SELECT 1", parameters: null, CancellationToken.None);
        await CommitAsync(transaction, start.Id, mark);
        if (sql.LastChange != 0)
            changes.Publish(sql.LastChange);
        return result;
    }

    private async Task CommitAsync(NpgsqlTransaction transaction, string id, Guid mark)
    {
        try
        {
            await transaction.CommitAsync(CancellationToken.None);
        }
        catch (PostgresException exception) when (exception.InvariantSeverity == "ERROR")
        {
            throw; // refused, so rolled back
        }
        catch (NpgsqlException exception)
        {
            RegistryLog.CommitUnclear(logger, source.Place, exception.Message);
            if (!await WasCommittedAsync(id, mark, exception))
                throw;
        }
    }

    private async Task<bool> WasCommittedAsync(string id, Guid mark, NpgsqlException cause)
    {
        source.Forget();
        for (var since = Stopwatch.StartNew(); since.Elapsed < source.Patience; await Task.Delay(Recheck, CancellationToken.None))
        {
            try
            {
                await using var connection = await source.OpenAsync(CancellationToken.None);
                switch (await connection.ExecuteScalarAsync<string>("SELECT pg_xact_status(@id::xid8)", new { id }))
                {
                    case "committed":
                        return await connection.ExecuteScalarAsync<bool>("SELECT EXISTS (SELECT FROM unit_marks WHERE unit = @mark)", new { mark });
                    case "aborted":
                        return false;
                    default:
                        continue; // the server has not yet noticed that the connection is gone
                }
            }
            catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.InvalidParameterValue)
            {
                return false; // the id is of the future: another server took over, which has not heard of the transaction
            }
            catch (Exception exception) when (PostgresSource.IsAway(exception))
            {
                source.Forget();
            }
        }

        throw new RegistryException(
            $"The registry {source.Place} went away while it committed, and does not come back: whether the last change was written is not known. " +
            "Check that the server runs, and look before trying again.", cause);
    }

    private sealed class StartRow
    {
        public long Now { get; init; }

        public required string Id { get; init; }
    }
}
