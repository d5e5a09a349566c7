using System.Collections.Concurrent;
using System.Diagnostics;
using Dapper;
using GlanceGateway.Registry;

namespace GlanceGateway.Registry.Tests;

/// <summary>Several gateways on one PostgreSQL database.</summary>
public sealed class PostgresConcurrencyTests : IAsyncDisposable
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);

    private readonly PostgresHome _home = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _home.DisposeAsync();

    private async Task<ImageRegistry[]> OpenTwo() => [await _home.OpenAsync("gateway-1"), await _home.OpenAsync("gateway-2")];

    [Fact]
    public async Task Of_gateways_that_race_for_an_image_one_wins()
    {
        var gateways = await OpenTwo();
        for (var round = 0; round < 20; round++)
        {
            var image = await gateways[0].Insert(new Image { Id = Units.NewId(), Status = ImageStatus.Queued });
            var results = await Task.WhenAll(gateways.Select(gateway => Task.Run(
                () => gateway.Do(async (unit, token) =>
                {
                    // What an upload does first.
                    var found = await unit.FindImageAsync(image.Id, token);
                    if (found!.Status != ImageStatus.Queued || await unit.TakeLeaseAsync($"image/{image.Id}", Minute, ownToo: false, token) is null)
                        return null;
                    return await unit.UpdateImageAsync(found with { Status = ImageStatus.Saving, Name = gateway.InstanceId }, token);
                }),
                Cancellation)));
            var winner = Assert.Single(results, result => result is not null);
            Assert.Equal(winner!.Name, (await gateways[0].Find(image.Id))!.Name);
        }
    }

    [Fact]
    public async Task What_a_unit_counted_still_holds_when_it_commits()
    {
        const int Quota = 3;
        var gateways = await OpenTwo();
        var image = await gateways[0].Insert(new Image { Id = Units.NewId() });
        var added = await Task.WhenAll(Enumerable.Range(0, 12).Select(number => Task.Run(
            () => gateways[number % 2].Do(async (unit, token) =>
                await unit.CountMembersAsync(image.Id, token) < Quota && await unit.InsertMemberAsync(image.Id, $"p{number}", token) is not null),
            Cancellation)));
        Assert.Equal(Quota, added.Count(one => one));
        Assert.Equal(Quota, await gateways[0].Count("image_members"));
    }

    [Fact]
    public async Task Every_unit_ends_however_many_collide()
    {
        const int Each = 30;
        var gateways = await OpenTwo();
        var image = await gateways[0].Insert(new Image { Id = Units.NewId(), Name = "0" });
        await Task.WhenAll(Enumerable.Range(0, 2 * Each).Select(number => Task.Run(
            () => gateways[number % 2].Do(async (unit, token) =>
            {
                var found = await unit.FindImageAsync(image.Id, token);
                return await unit.UpdateImageAsync(found! with { MinDisk = found.MinDisk + 1 }, token);
            }),
            Cancellation)));
        Assert.Equal(2 * Each, (await gateways[0].Find(image.Id))!.MinDisk);
    }

    [Fact]
    public async Task A_follower_misses_no_change_of_concurrent_writers()
    {
        const int Writers = 8, Each = 25;
        var gateways = await OpenTwo();
        var written = new ConcurrentBag<string>();
        var seen = new List<ImageChange>();
        var writing = Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(
            async () =>
            {
                for (var number = 0; number < Each; number++)
                {
                    var id = Units.NewId();
                    var random = new Random(writer * Each + number);
                    await gateways[writer % 2].Do(async (unit, token) =>
                    {
                        // Units that begin early and end late are those that leave gaps behind.
                        var image = await unit.InsertImageAsync(new Image { Id = id }, token);
                        await Task.Delay(random.Next(8), token);
                        return image;
                    });
                    written.Add(id);
                }
            },
            Cancellation)));

        var position = 0L;
        while (seen.Count < Writers * Each)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
            limit.CancelAfter(Soon);
            await gateways[0].WaitForChangeAsync(position, limit.Token);
            var changes = await gateways[0].ListChangesAsync(position, 1000, limit.Token);
            seen.AddRange(changes);
            if (changes.Count > 0)
                position = changes[^1].Sequence;
        }

        await writing;
        Assert.Equal(written.Order(StringComparer.Ordinal), seen.Select(change => change.ImageId).Order(StringComparer.Ordinal));
        Assert.Equal(seen.Select(change => change.Sequence).Distinct().Order(), seen.Select(change => change.Sequence));
    }

    [Fact]
    public async Task A_sequence_is_given_out_only_after_all_smaller_ones_are_committed()
    {
        var gateway = await _home.OpenAsync();
        await using var other = await _home.ConnectAsync();
        await using var transaction = await other.BeginTransactionAsync(Cancellation);

        // A gateway that has its sequence and has not committed.
        await other.ExecuteAsync("LOCK TABLE change_turn IN EXCLUSIVE MODE; INSERT INTO changes (image_id, kind, changed_at) VALUES ('first', 'created', 0)");
        var second = gateway.Insert(new Image { Id = "second" });
        Assert.NotSame(second, await Task.WhenAny(second, Task.Delay(300, Cancellation)));
        await transaction.CommitAsync(Cancellation);
        await second;
        Assert.Equal(["first", "second"], (await gateway.ListChangesAsync(0, 10, Cancellation)).Select(change => change.ImageId));
    }

    [Fact]
    public async Task Changes_of_another_gateway_are_announced()
    {
        var gateways = await OpenTwo();
        await gateways[0].Insert(new Image { Id = "warm" });
        await gateways[1].WaitForChangeAsync(0, Cancellation).WaitAsync(Soon, Cancellation);
        var quickest = TimeSpan.MaxValue;
        for (var round = 0; round < 5; round++)
        {
            var waiting = gateways[1].WaitForChangeAsync(await gateways[1].LatestChangeAsync(Cancellation), Cancellation);
            Assert.False(waiting.IsCompleted);
            await gateways[0].Insert(new Image { Id = Units.NewId() });
            var since = Stopwatch.StartNew();
            await waiting.WaitAsync(Soon, Cancellation);
            quickest = quickest < since.Elapsed ? quickest : since.Elapsed;
        }

        Assert.True(quickest < TimeSpan.FromSeconds(1), $"{quickest} is what asking every few seconds takes");
    }

    [Fact]
    public async Task Changes_that_were_not_announced_are_found_all_the_same()
    {
        var gateway = await _home.OpenAsync();
        await gateway.WaitForChangeAsync(-1, Cancellation);
        var waiting = gateway.WaitForChangeAsync(0, Cancellation);
        await using (var other = await _home.ConnectAsync())
            await other.ExecuteAsync("INSERT INTO changes (image_id, kind, changed_at) VALUES ('silent', 'created', 0)");
        await waiting.WaitAsync(Soon, Cancellation);

        // The same with the connection that listens cut off.
        waiting = gateway.WaitForChangeAsync(1, Cancellation);
        await using (var other = await _home.ConnectAsync())
        {
            await other.ExecuteAsync(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
            await other.ExecuteAsync("INSERT INTO changes (image_id, kind, changed_at) VALUES ('silent', 'created', 0)");
        }

        await waiting.WaitAsync(Soon, Cancellation);
    }

    [Fact]
    public async Task Nobody_takes_a_lease_over_while_a_unit_that_found_it_held_has_not_committed()
    {
        var gateways = await OpenTwo();
        var image = await gateways[0].Insert(new Image { Id = Units.NewId() });
        var lease = (await gateways[0].Do((unit, token) => unit.TakeLeaseAsync("image", Minute, ownToo: false, token)))!;
        var holds = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var late = gateways[0].Do(async (unit, token) =>
        {
            await unit.RequireLeaseAsync(lease, token);
            holds.TrySetResult();
            await go.Task;
            return await unit.UpdateImageAsync(image with { Name = "late" }, token);
        });
        await holds.Task;
        _home.Clock.Advance(Minute);
        var takingOver = gateways[1].Do((unit, token) => unit.TakeLeaseAsync("image", Minute, ownToo: false, token));
        Assert.NotSame(takingOver, await Task.WhenAny(takingOver, Task.Delay(300, Cancellation)));
        go.SetResult();
        await late;
        Assert.Equal("gateway-2", (await takingOver)!.Owner);
        Assert.Equal("late", (await gateways[1].Find(image.Id))!.Name);
    }

    [Fact]
    public async Task Leases_expire_by_the_clock_of_the_server()
    {
        var options = new RegistryOptions { Postgres = await _home.DatabaseAsync(), InstanceId = "gateway-1" };
        await using var other = await _home.ConnectAsync();

        // A server whose clock is years ahead: its own function is found before the system's.
        await other.ExecuteAsync(
            """
            CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT pg_catalog.clock_timestamp() + interval '10 years' $$;
            DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database()); END $$
            """);
        var registry = await _home.OpenAsync(options, TimeProvider.System);
        var before = DateTimeOffset.UtcNow.AddYears(9);
        var lease = await registry.Do(async (unit, token) =>
        {
            Assert.True(unit.Now > before);
            await unit.InsertIntentAsync(new StoreIntent("a", IntentKind.Write, "i", "s", null, "image", false, unit.Now), token);
            return await unit.TakeLeaseAsync("image", Minute, ownToo: false, token);
        });
        Assert.True(lease!.ExpiresAt > before);
        Assert.Empty(await registry.ListDeadIntentsAsync(ownToo: false, Cancellation));
        await other.ExecuteAsync(
            "CREATE OR REPLACE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT pg_catalog.clock_timestamp() + interval '11 years' $$");
        Assert.Single(await registry.ListDeadIntentsAsync(ownToo: false, Cancellation));
        await Assert.ThrowsAsync<LeaseLostException>(() => registry.Do(async (unit, token) =>
        {
            await unit.RequireLeaseAsync(lease, token);
            return 0;
        }));
    }

    [Fact]
    public async Task A_unit_that_waits_for_a_connection_can_be_withdrawn_and_reads_do_not_wait_for_it()
    {
        var options = await _home.DatabaseAsync();
        var registry = await _home.OpenAsync(
            new RegistryOptions { Postgres = options with { ConnectionString = options.ConnectionString + ";Maximum Pool Size=2" }, InstanceId = "gateway-1" },
            _home.Clock);
        using var cancellation = new CancellationTokenSource();
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var running = registry.WriteAsync(
            async (unit, token) =>
            {
                await go.Task;
                return (await unit.InsertImageAsync(new Image { Id = "running" }, token))!.Id;
            },
            cancellation.Token);
        var waiting = registry.WriteAsync((unit, token) => unit.InsertImageAsync(new Image { Id = "waiting" }, token), cancellation.Token);
        Assert.Null(await registry.Find("running").WaitAsync(Soon, Cancellation));
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        go.SetResult();
        Assert.Equal("running", await running);
        Assert.Equal(1, await registry.Count("images"));
    }

    [Fact]
    public async Task A_long_read_ends_when_it_is_cancelled()
    {
        var registry = await _home.OpenAsync();
        using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => registry.ReadAsync(
            (connection, token) => connection.ExecuteAsync(new CommandDefinition("SELECT pg_sleep(60)", cancellationToken: token)), cancellation.Token));
        Assert.Null(await registry.Find("a"));
    }

    [Fact]
    public async Task A_statement_that_takes_too_long_is_ended_by_the_server()
    {
        var options = await _home.DatabaseAsync();
        var registry = await _home.OpenAsync(
            new RegistryOptions { Postgres = options with { ConnectionString = options.ConnectionString + ";Command Timeout=1" }, InstanceId = "gateway-1" },
            _home.Clock);
        var refused = await Assert.ThrowsAsync<RegistryException>(() => registry.ReadAsync(
            (connection, token) => connection.ExecuteAsync(new CommandDefinition("SELECT pg_sleep(60)", cancellationToken: token)), Cancellation));
        Assert.Contains("longer than Command Timeout", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_unit_that_swallows_an_error_of_the_database_is_not_acknowledged()
    {
        var registry = await _home.OpenAsync();
        await Assert.ThrowsAsync<RegistryException>(() => registry.Do(async (unit, token) =>
        {
            var lease = await unit.TakeLeaseAsync("image", Minute, ownToo: false, token);
            var intent = new StoreIntent("a", IntentKind.Write, "i", "s", null, "image", false, unit.Now);
            await unit.InsertIntentAsync(intent, token);
            try
            {
                await unit.InsertIntentAsync(intent, token);
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                // What a careless unit would do.
            }

            return lease;
        }));
        Assert.Equal(0, await registry.Count("leases"));
    }
}
