using System.Collections.Concurrent;
using Dapper;
using GlanceGateway.Registry;
using GlanceGateway.Testing;

namespace GlanceGateway.Registry.Tests;

/// <summary>A PostgreSQL server that stops, crashes and comes back, and connections that are cut.</summary>
public sealed class PostgresOutageTests : IAsyncLifetime
{
    private PostgresServer _server = null!;
    private PostgresHome _home = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await PostgresServer.StartNewAsync();
        _home = new PostgresHome(_server);
    }

    public async ValueTask DisposeAsync()
    {
        // Null after a skip.
        if (_server is null)
            return;
        try
        {
            await _home.DisposeAsync();
        }
        finally
        {
            await _server.DisposeAsync();
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Units_wait_for_a_server_that_restarts_and_what_was_acknowledged_is_there(bool orderly)
    {
        var registry = await _home.OpenAsync();
        await registry.Insert(new Image { Id = "before" });
        // One crash in some hundred loses a transaction in its COMMIT and gives its id to that of another caller: with two callers, as more of them
        // make each other's durable.
        var rounds = orderly ? 1 : Requires.FullCounts ? 300 : 3;
        var (acknowledged, refused) = await WriteThrough(registry, callers: 2, async () =>
        {
            for (var round = 0; round < rounds; round++)
            {
                await Task.Delay(Random.Shared.Next(100, 300), Cancellation);
                await _server.StopAsync(orderly);
                await Task.Delay(200, Cancellation);
                await _server.StartAsync();
            }
        });
        Assert.Empty(refused);
        foreach (var id in acknowledged)
            Assert.NotNull(await registry.Find(id));
        Assert.Equal(acknowledged.Count + 1, await registry.Count("images"));
        await using var other = await _home.OpenAsync("gateway-2");
        var waiting = other.WaitForChangeAsync(await other.LatestChangeAsync(Cancellation), Cancellation);
        await registry.Insert(new Image { Id = "after" });
        await waiting.WaitAsync(TimeSpan.FromSeconds(30), Cancellation);
    }

    [Fact]
    public async Task While_the_server_is_away_the_error_says_so_and_afterwards_all_goes_on()
    {
        var database = await _home.DatabaseAsync() with { Patience = TimeSpan.FromSeconds(2) };
        var registry = await _home.OpenAsync(new RegistryOptions { Postgres = database, InstanceId = "gateway-1" }, _home.Clock);
        var lease = await registry.Do((unit, token) => unit.TakeLeaseAsync("image", TimeSpan.FromMinutes(1), ownToo: false, token));
        await _server.StopAsync();
        var read = await Assert.ThrowsAsync<RegistryException>(() => registry.Find("a"));
        Assert.Contains("check that the server runs and can be reached", read.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("pgsecret", read.ToString(), StringComparison.Ordinal);
        var waiting = registry.WaitForChangeAsync(0, Cancellation);
        await Assert.ThrowsAsync<RegistryException>(() => registry.Insert(new Image { Id = "lost" }));
        await _server.StartAsync();
        Assert.NotNull(await registry.Do((unit, token) => unit.RenewLeaseAsync(lease!, TimeSpan.FromMinutes(1), token)));
        await registry.Insert(new Image { Id = "a" });
        await waiting.WaitAsync(TimeSpan.FromSeconds(30), Cancellation);
        Assert.Null(await registry.Find("lost"));
    }

    [Fact]
    public async Task Connections_that_are_cut_at_any_point_neither_lose_nor_repeat_a_unit()
    {
        var registry = await _home.OpenAsync();
        await using var killer = await _home.ConnectAsync();
        var (acknowledged, refused) = await WriteThrough(registry, callers: 4, async () =>
        {
            for (var cut = 0; cut < 40; cut++)
            {
                await Task.Delay(Random.Shared.Next(1, 40), Cancellation);
                await killer.ExecuteAsync(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
            }
        });
        Assert.Empty(refused);
        Assert.Equal(acknowledged.Count, await registry.Count("images"));
        Assert.Equal(acknowledged.Count, (await registry.ListChangesAsync(0, 100_000, Cancellation)).Count);
    }

    /// <summary>Inserts images one after the other, from several callers, while something happens to the server.</summary>
    private static async Task<(IReadOnlyCollection<string> Acknowledged, IReadOnlyCollection<Exception> Refused)> WriteThrough(
        ImageRegistry registry, int callers, Func<Task> happening)
    {
        var acknowledged = new ConcurrentBag<string>();
        var refused = new ConcurrentBag<Exception>();
        using var stop = new CancellationTokenSource();
        var writing = Task.WhenAll(Enumerable.Range(0, callers).Select(_ => Task.Run(
            async () =>
            {
                while (!stop.IsCancellationRequested)
                {
                    try
                    {
                        acknowledged.Add((await registry.Insert(new Image { Id = Units.NewId(), Tags = ["t"] })).Id);
                    }
                    catch (Exception exception) when (exception is not OperationCanceledException)
                    {
                        // An id that is taken means that the unit ran twice.
                        refused.Add(exception);
                    }
                }
            },
            Cancellation)));
        await happening();
        var enough = acknowledged.Count + 20;
        while (acknowledged.Count < enough && refused.IsEmpty)
            await Task.Delay(20, Cancellation);
        await stop.CancelAsync();
        await writing;
        return (acknowledged, refused);
    }
}
