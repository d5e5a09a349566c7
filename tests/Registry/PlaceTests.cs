using GlanceGateway.Registry;

namespace GlanceGateway.Registry.Tests;

/// <summary>What gateways find behind the names of stores, and where data was written.</summary>
public abstract class PlaceTests(RegistryHome home) : IAsyncDisposable
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await home.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Each_gateway_replaces_what_it_saw_before_and_nothing_else()
    {
        var (one, two) = (await home.OpenAsync(), await home.OpenAsync("gateway-2"));
        await SaveAsync(one, "a", ("fast", "here"), ("deep", null), ("old", "x"));
        await SaveAsync(two, "b", ("fast", "there"));
        home.Clock.Advance(Day);
        await SaveAsync(one, "renamed", ("fast", "elsewhere"), ("deep", null));

        Assert.Equal(
            [
                new StorePlace("gateway-1", "renamed", "deep", null, home.Clock.Now),
                new StorePlace("gateway-2", "b", "fast", "there", home.Clock.Now - Day),
                new StorePlace("gateway-1", "renamed", "fast", "elsewhere", home.Clock.Now),
            ],
            await two.ListPlacesAsync(Cancellation));
    }

    [Fact]
    public async Task A_gateway_that_looks_no_longer_is_forgotten_by_the_others()
    {
        var (one, two) = (await home.OpenAsync(), await home.OpenAsync("gateway-2"));
        await SaveAsync(one, "a", ("fast", "here"));
        home.Clock.Advance(2 * Day);
        await SaveAsync(two, "b", ("fast", "there"));
        Assert.Equal(2, (await one.ListPlacesAsync(Cancellation)).Count);
        home.Clock.Advance(2 * Day);
        await SaveAsync(two, "b", ("fast", "there"));
        Assert.Equal("b", Assert.Single(await one.ListPlacesAsync(Cancellation)).Node);
    }

    [Fact]
    public async Task Locations_staged_data_and_intents_remember_their_place()
    {
        var registry = await home.OpenAsync();
        var image = await registry.Insert(new Image { Id = Units.NewId() });
        var attempt = Guid.NewGuid().ToString("N");
        await registry.Do(async (unit, token) =>
        {
            await unit.AddLocationAsync(image.Id, new ImageLocation(0, "fast", "file:///x", new Dictionary<string, string>(), "here"), token);
            await unit.AddLocationAsync(image.Id, new ImageLocation(0, "deep", "file:///y", new Dictionary<string, string>()), token);
            await unit.InsertStagedAsync(new StagedData(image.Id, "s", "file:///z", 1, "00", unit.Now, "there"), token);
            await unit.InsertIntentAsync(new StoreIntent(attempt, IntentKind.Write, image.Id, "fast", null, "lease", false, unit.Now, "nowhere"), token);
            return true;
        });

        Assert.Equal(["here", null], (await registry.Find(image.Id))!.Locations.Select(location => location.Place));
        Assert.Equal("there", (await registry.FindStagedAsync(image.Id, Cancellation))!.Place);
        Assert.Equal("nowhere", Assert.Single(await registry.ListDeadIntentsAsync(ownToo: false, Cancellation)).Place);
        Assert.Equal("nowhere", Assert.Single(await registry.Do((unit, token) => unit.ListIntentsAsync("lease", token))).Place);
    }

    private static Task<bool> SaveAsync(ImageRegistry registry, string node, params (string Store, string? Place)[] places) => registry.Do(
        async (unit, token) =>
        {
            await unit.SavePlacesAsync(node, places.ToDictionary(each => each.Store, each => each.Place), 3 * Day, token);
            return true;
        });
}
