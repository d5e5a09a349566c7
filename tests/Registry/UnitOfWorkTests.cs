using GlanceGateway.Registry;

namespace GlanceGateway.Registry.Tests;

/// <summary>What a unit of work is, whichever database runs it.</summary>
public abstract class UnitOfWorkTests(RegistryHome home) : IAsyncDisposable
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await home.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private static Func<RegistryTransaction, CancellationToken, Task<string>> Insert(string id) => async (unit, token) =>
        (await unit.InsertImageAsync(new Image { Id = id }, token))!.Id;

    [Fact]
    public async Task All_concurrent_writers_are_acknowledged()
    {
        var registry = await home.OpenAsync();
        var ids = Enumerable.Range(0, 200).Select(_ => Units.NewId()).ToList();
        await Task.WhenAll(ids.Select(id => Task.Run(
            async () =>
            {
                await registry.Do(Insert(id));
                Assert.NotNull(await registry.Find(id));
            },
            Cancellation)));
        Assert.Equal(200, await registry.Count("images"));
    }

    [Fact]
    public async Task A_unit_that_throws_takes_only_its_own_writes_back()
    {
        var registry = await home.OpenAsync();
        var units = Enumerable.Range(0, 100).Select(number => registry.Do(async (unit, token) =>
        {
            await unit.InsertImageAsync(new Image { Id = $"{number}", Tags = ["t"] }, token);
            if (number % 3 == 0)
                throw new TimeoutException($"{number}");
            return number;
        })).ToList();
        for (var number = 0; number < units.Count; number++)
        {
            if (number % 3 == 0)
                Assert.Equal($"{number}", (await Assert.ThrowsAsync<TimeoutException>(() => units[number])).Message);
            else
                Assert.Equal(number, await units[number]);
            Assert.Equal(number % 3 == 0, await registry.Find($"{number}") is null);
        }

        Assert.Equal(66, await registry.Count("image_tags"));
    }

    [Fact]
    public async Task A_unit_that_really_waits_is_waited_for()
    {
        var registry = await home.OpenAsync();
        var id = await registry.Do(async (unit, token) =>
        {
            await Task.Yield();
            var stored = await Insert("a")(unit, token);
            await Task.Delay(20, token);
            return stored;
        });
        Assert.NotNull(await registry.Find(id));
    }

    [Fact]
    public async Task A_transaction_is_good_for_nothing_after_its_unit()
    {
        var registry = await home.OpenAsync();
        var kept = await registry.Do((unit, _) => Task.FromResult(unit));
        await Assert.ThrowsAsync<InvalidOperationException>(() => kept.FindImageAsync("a", Cancellation));
    }

    [Fact]
    public async Task Readers_neither_see_nor_wait_for_what_is_not_committed()
    {
        var registry = await home.OpenAsync();
        using var go = new ManualResetEventSlim();
        var written = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var running = registry.Do(async (unit, token) =>
        {
            var id = await Insert("a")(unit, token);
            written.SetResult();
            go.Wait(Cancellation);
            return id;
        });
        await written.Task;
        Assert.Null(await registry.Find("a").WaitAsync(TimeSpan.FromSeconds(5), Cancellation));
        go.Set();
        await running;
        Assert.NotNull(await registry.Find("a"));
    }

    [Fact]
    public async Task Disposal_finishes_what_waits()
    {
        var registry = await home.OpenAsync();
        var units = Enumerable.Range(0, 300).Select(number => registry.Do(Insert($"{number}"))).ToList();
        await registry.DisposeAsync();
        Assert.Equal(300, (await Task.WhenAll(units)).Distinct().Count());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => registry.Do(Insert("late")));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => registry.Find("0"));
        await registry.DisposeAsync();
        Assert.Equal(300, await (await home.OpenAsync()).Count("images"));
    }
}
