using Dapper;
using GlanceGateway.Registry;
using GlanceGateway.Registry.Database;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using SQLitePCL;

namespace GlanceGateway.Registry.Tests;

public sealed class SqliteWriterTests : IAsyncDisposable
{
    private readonly SqliteHome _file = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _file.DisposeAsync();

    private static Func<RegistryTransaction, CancellationToken, Task<string>> Insert(string id) => async (unit, token) =>
        (await unit.InsertImageAsync(new Image { Id = id }, token))!.Id;

    [Fact]
    public async Task A_waiting_unit_can_be_withdrawn_and_a_running_one_is_finished()
    {
        var registry = await _file.OpenAsync();
        using var go = new ManualResetEventSlim();
        using var cancellation = new CancellationTokenSource();
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var running = registry.WriteAsync(
            (unit, token) =>
            {
                started.SetResult();
                go.Wait(Cancellation);
                return Insert("running")(unit, token);
            },
            cancellation.Token);
        await started.Task;
        var waiting = registry.WriteAsync(Insert("waiting"), cancellation.Token);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => registry.WriteAsync(Insert("never"), cancellation.Token));
        go.Set();
        Assert.Equal("running", await running);
        Assert.Equal(1, await registry.Count("images"));
    }

    [Fact]
    public async Task A_long_read_ends_when_it_is_cancelled()
    {
        var registry = await _file.OpenAsync();
        using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
        const string Endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) FROM n";
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => registry.ReadAsync(
            (connection, token) => connection.ExecuteScalarAsync<long>(new CommandDefinition(Endless, cancellationToken: token)), cancellation.Token));
        Assert.Null(await registry.Find("a"));
    }

    [Fact]
    public async Task Units_that_wait_share_one_commit()
    {
        await using var harness = await Harness.OpenAsync(_file);
        var commits = 0;
        raw.sqlite3_commit_hook(harness.Connection.Handle, _ => Interlocked.Increment(ref commits) * 0, null);
        var units = await harness.QueueTogether([.. Enumerable.Range(0, 100).Select(number => Insert($"{number}"))]);
        await Task.WhenAll(units);
        Assert.Equal(2, commits);
    }

    [Fact]
    public async Task When_the_commit_fails_all_of_the_group_fail()
    {
        await using var harness = await Harness.OpenAsync(_file);
        var units = await harness.QueueTogether(
            Insert("a"),
            (unit, token) =>
            {
                // A broken reference that is only looked for at COMMIT.
                harness.Connection.Execute(
                    "PRAGMA defer_foreign_keys = ON; INSERT INTO image_tags (image_id, tag, position) VALUES ('nothing', 't', 0)");
                return Insert("b")(unit, token);
            },
            Insert("c"));
        foreach (var unit in units)
            await Assert.ThrowsAsync<RegistryException>(() => unit);
        Assert.Equal(0, await harness.Connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM images"));
        Assert.Equal("d", await harness.Writer.WriteAsync(Insert("d"), Cancellation));
    }

    [Fact]
    public async Task When_SQLite_throws_the_transaction_away_the_units_after_it_still_run()
    {
        await using var harness = await Harness.OpenAsync(_file);
        var units = await harness.QueueTogether(
            Insert("a"),
            (_, _) =>
            {
                // What a full disk does.
                harness.Connection.Execute("ROLLBACK");
                throw new TimeoutException("full");
            },
            Insert("c"));
        await Assert.ThrowsAsync<TimeoutException>(() => units[0]);
        await Assert.ThrowsAsync<TimeoutException>(() => units[1]);
        Assert.Equal("c", await units[2]);
        Assert.Equal("c", await harness.Connection.ExecuteScalarAsync<string>("SELECT group_concat(id) FROM images"));
    }

    /// <summary>A writer of whose connection the test can get hold.</summary>
    private sealed class Harness(SqliteConnection connection, SqliteWriter writer) : IAsyncDisposable
    {
        public SqliteConnection Connection { get; } = connection;

        public SqliteWriter Writer { get; } = writer;

        public static async Task<Harness> OpenAsync(SqliteHome file)
        {
            await using (await file.OpenAsync())
            {
                // Only for the schema.
            }

            var connection = SqliteDatabase.Open(file.Path, SqliteOpenMode.ReadWrite);
            SqliteDatabase.MakeWriter(connection);
            return new Harness(connection, new SqliteWriter(connection, "gateway-1", file.Clock, new ChangeSignal(), NullLogger.Instance));
        }

        /// <summary>Queues units while another one holds the writer up, so that they become one group.</summary>
        public async Task<List<Task<string>>> QueueTogether(params Func<RegistryTransaction, CancellationToken, Task<string>>[] units)
        {
            using var go = new ManualResetEventSlim();
            var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var first = Writer.WriteAsync(
                (_, _) =>
                {
                    started.SetResult();
                    go.Wait(Cancellation);
                    return Task.FromResult(0);
                },
                Cancellation);
            await started.Task;
            var queued = units.Select(unit => Writer.WriteAsync(unit, Cancellation)).ToList();
            go.Set();
            await first;
            return queued;
        }

        public ValueTask DisposeAsync() => Writer.DisposeAsync();
    }
}
