using System.Diagnostics;
using System.Net;
using System.Text.Json;
using GlanceGateway.Images;
using GlanceGateway.Registry;
using GlanceGateway.Testing;
using static GlanceGateway.Api.Tests.Persona;

namespace GlanceGateway.Api.Tests;

/// <summary>The change feed over HTTP: who hears of what, who waits, and how waiting ends.</summary>
public sealed class FeedTests : IAsyncLifetime
{
    private const string Path = "/gateway/v1/changes";

    private static readonly Persona[] s_personas = [Owner, Member, Stranger, Admin];

    /// <summary>What a loaded machine needs for what takes milliseconds.</summary>
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(30);

    private readonly Gateway _gateway = new() { ApiOptions = new() { Identity = IdentityMode.Headers, TrustedProxies = [IPNetwork.Parse("127.0.0.0/8")], MaxFeedWaiters = 2 } };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => _gateway.InitializeAsync();

    public ValueTask DisposeAsync() => _gateway.DisposeAsync();

    [Fact]
    public async Task Each_hears_of_what_it_lists_and_of_what_it_listed_before_and_of_nothing_else()
    {
        var id = Guid.NewGuid().ToString();
        (string What, Func<Task> Do, string Heard)[] table =
        [
            ("create", () => _gateway.CreateAsync($$"""{"id":"{{id}}"}"""), "changed - - changed"),
            ("rename", () => PatchAsync("name", "n"), "changed - - changed"),
            ("share", () => ShareAsync("POST", "", $$"""{"member":"{{Gateway.MemberProject}}"}"""), "changed - - changed"),
            ("rename while the share is pending", () => PatchAsync("name", "o"), "changed - - changed"),
            ("accept", () => AnswerAsync("accepted"), "changed changed - changed"),
            ("rename while it is shared", () => PatchAsync("name", "p"), "changed changed - changed"),
            ("reject", () => AnswerAsync("rejected"), "changed gone - changed"),
            ("rename after it was rejected", () => PatchAsync("name", "q"), "changed - - changed"),
            ("accept again", () => AnswerAsync("accepted"), "changed changed - changed"),
            ("hide", () => PatchAsync("os_hidden", true), "changed changed - changed"),
            ("revoke", () => ShareAsync("DELETE", $"/{Gateway.MemberProject}", null), "changed gone - changed"),
            ("rename after it was revoked", () => PatchAsync("name", "r"), "changed - - changed"),
            ("to the community", () => PatchAsync("visibility", "community"), "changed changed changed changed"),
            ("to everybody", () => PatchAsync("visibility", "public", Admin), "changed changed changed changed"),
            ("to the owner", () => PatchAsync("visibility", "private"), "changed gone gone changed"),
            ("rename what is private", () => PatchAsync("name", "s"), "changed - - changed"),
            ("give away", () => PatchAsync("owner", "p-stranger", Admin), "gone - changed changed"),
            ("to everybody again", () => PatchAsync("visibility", "public", Admin), "changed changed changed changed"),
            ("delete", () => _gateway.GetJsonAsync(Gateway.HeadersOf(Admin), "DELETE", $"/v2/images/{id}"), "gone gone gone gone"),
        ];
        var places = await PlacesAsync();
        var beginning = new Dictionary<Persona, string>(places);
        foreach (var (what, @do, heard) in table)
        {
            await @do();
            List<string> told = [];
            foreach (var persona in s_personas)
            {
                var page = await ReadAsync(persona, $"after={places[persona]}");
                places[persona] = page.GetProperty("next").GetString()!;
                var changes = page.GetProperty("changes").EnumerateArray().ToList();
                Assert.All(changes, change => Assert.Equal(id, change.GetProperty("id").GetString()));
                told.Add(changes.Count == 0 ? "-" : Assert.Single(changes).GetProperty("kind").GetString()!);
            }

            Assert.Equal($"{what}: {heard}", $"{what}: {string.Join(' ', told)}");
        }

        // Who was away all the time hears of it once.
        foreach (var persona in s_personas)
        {
            var change = Assert.Single((await ReadAsync(persona, $"after={beginning[persona]}")).GetProperty("changes").EnumerateArray());
            Assert.Equal((id, "gone"), (change.GetProperty("id").GetString(), change.GetProperty("kind").GetString()));
        }

        async Task PatchAsync(string name, object value, Persona persona = Owner) => await _gateway.GetJsonAsync(
            Gateway.HeadersOf(persona), "PATCH", $"/v2/images/{id}",
            Gateway.Json($$"""[{"op":"replace","path":"/{{name}}","value":{{JsonSerializer.Serialize(value)}}}]""", ErrorTable.V21));

        Task AnswerAsync(string answer) => ShareAsync("PUT", $"/{Gateway.MemberProject}", $$"""{"status":"{{answer}}"}""", Member);

        async Task ShareAsync(string method, string path, string? json, Persona persona = Owner) => await _gateway.GetJsonAsync(
            Gateway.HeadersOf(persona), method, $"/v2/images/{id}/members{path}", json is null ? null : Gateway.Json(json));
    }

    [Fact]
    public async Task What_it_calls_changed_is_exactly_what_the_list_shows()
    {
        var places = await PlacesAsync();
        foreach (var owner in new[] { AccessTable.Owner, null })
        {
            foreach (var visibility in Enum.GetValues<ImageVisibility>())
            {
                foreach (var answer in new MemberStatus?[] { null, MemberStatus.Pending, MemberStatus.Accepted, MemberStatus.Rejected })
                {
                    foreach (var status in new[] { ImageStatus.Queued, ImageStatus.Killed, ImageStatus.PendingDelete })
                        await AddAsync(owner, visibility, answer, status);
                }
            }
        }

        foreach (var persona in new[] { Owner, Reader, Member, Stranger, Admin })
        {
            var page = await ReadAsync(persona, $"after={places[persona == Reader ? Owner : persona]}");
            var changed = page.GetProperty("changes").EnumerateArray().Where(change => change.GetProperty("kind").GetString() == "changed");
            var listed = await _gateway.GetJsonAsync(Gateway.HeadersOf(persona), "GET", "/v2/images?visibility=all&limit=1000");
            Assert.Equal(
                listed.GetProperty("images").EnumerateArray().Select(image => image.GetProperty("id").GetString()).Order(StringComparer.Ordinal),
                changed.Select(change => change.GetProperty("id").GetString()).Order(StringComparer.Ordinal));
        }

        async Task AddAsync(string? owner, ImageVisibility visibility, MemberStatus? answer, ImageStatus status) => await _gateway.Registry.WriteAsync(
            async (unit, token) =>
            {
                var image = await unit.InsertImageAsync(new Image { Id = Guid.NewGuid().ToString(), Owner = owner, Visibility = visibility, Status = status }, token);
                if (answer is { } given)
                {
                    await unit.InsertMemberAsync(image!.Id, AccessTable.Sharee, token);
                    await unit.UpdateMemberAsync(image.Id, AccessTable.Sharee, given, token);
                }

                return true;
            },
            Token);
    }

    [Fact]
    public async Task Pages_are_limited_and_lose_nothing()
    {
        var after = (await PlacesAsync())[Owner];
        var images = new List<string>();
        for (var i = 0; i < 5; i++)
            images.Add(await _gateway.CreateAsync("{}"));
        await _gateway.GetJsonAsync(Gateway.HeadersOf(Owner), "DELETE", $"/v2/images/{images[0]}");
        List<string> told = [];
        for (var pages = 0; pages < 3; pages++)
        {
            var page = await ReadAsync(Owner, $"after={after}&limit=2");
            after = page.GetProperty("next").GetString()!;
            told.AddRange(page.GetProperty("changes").EnumerateArray().Select(change => $"{change.GetProperty("id")} {change.GetProperty("kind")}"));
        }

        // Of the creation of an image that is gone by now there is nothing to tell.
        Assert.Equal([.. images.Skip(1).Select(image => $"{image} changed"), $"{images[0]} gone"], told);
        Assert.Equal(0, (await ReadAsync(Owner, $"after={after}")).GetProperty("changes").GetArrayLength());
    }

    [Fact]
    public async Task Who_waits_hears_at_once_and_is_not_woken_by_what_is_not_for_it()
    {
        var places = await PlacesAsync();
        var owner = ReadAsync(Owner, $"after={places[Owner]}&wait=60");
        var stranger = ReadAsync(Stranger, $"after={places[Stranger]}&wait=60");
        await WaitingAsync(2);
        var watch = Stopwatch.StartNew();
        var id = await _gateway.CreateAsync("{}");
        var page = await owner.WaitAsync(s_soon, Token);
        Assert.Equal(id, Assert.Single(page.GetProperty("changes").EnumerateArray()).GetProperty("id").GetString());
        await _gateway.GetJsonAsync(Gateway.HeadersOf(Owner), "DELETE", $"/v2/images/{id}");
        Assert.False(stranger.IsCompleted);
        var seen = await _gateway.CreateAsync("""{"visibility":"community"}""");
        page = await stranger.WaitAsync(s_soon, Token);
        Assert.Equal(seen, Assert.Single(page.GetProperty("changes").EnumerateArray()).GetProperty("id").GetString());
        Assert.True(watch.Elapsed < s_soon * 2);

        // From where the owner stands nothing is missing that came while it did not wait.
        page = await ReadAsync(Owner, $"after={await NextOf(owner)}&wait=60").WaitAsync(s_soon, Token);
        Assert.Contains(page.GetProperty("changes").EnumerateArray(), change => change.GetProperty("id").GetString() == id && change.GetProperty("kind").GetString() == "gone");
    }

    [Fact]
    public async Task Waiting_ends_with_the_time_that_was_asked_for_and_tells_nothing_by_its_position()
    {
        var after = (await PlacesAsync())[Stranger];
        var waiting = ReadAsync(Stranger, $"after={after}&wait=2");
        await WaitingAsync(1);
        await _gateway.CreateAsync("{}");
        var page = await waiting.WaitAsync(s_soon, Token);
        Assert.Equal(0, page.GetProperty("changes").GetArrayLength());
        var next = page.GetProperty("next").GetString()!;

        // Always of one length, and another one each time, whether the place has moved or not.
        Assert.Equal(after.Length, next.Length);
        var again = (await ReadAsync(Stranger, $"after={next}")).GetProperty("next").GetString()!;
        Assert.NotEqual(next, again);
        Assert.Equal(next.Length, again.Length);
        await WaitingAsync(0);
    }

    [Fact]
    public async Task Who_leaves_waits_no_more_and_who_has_too_many_waiting_is_told()
    {
        var after = (await PlacesAsync())[Owner];
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(Token);
        using var hasty = new HttpClient { BaseAddress = _gateway.Url };
        foreach (var (name, value) in Gateway.HeadersOf(Owner))
            hasty.DefaultRequestHeaders.Add(name, value);
        var left = hasty.GetAsync(new Uri($"{Path}?after={after}&wait=60", UriKind.Relative), leaving.Token);
        var stays = ReadAsync(Owner, $"after={after}&wait=60");
        await WaitingAsync(2);
        using (var refused = await _gateway.SendAsync(Owner, "GET", $"{Path}?after={after}&wait=60", null, ("Accept", "application/json")))
        {
            Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
            Assert.Equal(TimeSpan.FromSeconds(60), refused.Headers.RetryAfter?.Delta);
            Assert.Contains("limits.feed_waiters", await refused.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
        }

        // Another caller may wait, and the same one may ask without waiting.
        await ReadAsync(Owner, $"after={after}");
        await ReadAsync(Stranger, $"after={after}&wait=1");
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
        await WaitingAsync(1);
        await _gateway.CreateAsync("{}");
        await stays.WaitAsync(s_soon, Token);
    }

    [Fact]
    public async Task A_gateway_that_stops_ends_all_waiting_at_once()
    {
        var after = (await PlacesAsync())[Owner];
        var waiting = ReadAsync(Owner, $"after={after}&wait=60");
        await WaitingAsync(1);
        var watch = Stopwatch.StartNew();
        await _gateway.StopAsync();
        Assert.True(watch.Elapsed < s_soon);
        Assert.Equal(0, (await waiting).GetProperty("changes").GetArrayLength());
    }

    [Fact]
    public async Task Places_that_are_not_known_are_refused()
    {
        var after = (await PlacesAsync())[Owner];
        await _gateway.CreateAsync("{}");
        var middle = (await ReadAsync(Owner, $"after={after}")).GetProperty("next").GetString()!;
        await _gateway.CreateAsync("{}");
        await _gateway.Registry.PruneChangesAsync(DateTimeOffset.UtcNow.AddDays(1), Token);
        await using Gateway other = new();
        await other.InitializeAsync();
        var foreign = (await other.GetJsonAsync(Gateway.HeadersOf(Owner), "GET", Path)).GetProperty("next").GetString()!;
        var torn = middle[..^4] + (middle.EndsWith("AAAA", StringComparison.Ordinal) ? "BBBB" : "AAAA");
        foreach (var place in new[] { middle, foreign, torn, "", "x", new string('A', 59), new string('*', 59), "%C3%A4" })
        {
            using var refused = await _gateway.SendAsync(Owner, "GET", $"{Path}?after={place}&wait=60", null, ("Accept", "application/json"));
            Assert.Equal(HttpStatusCode.Gone, refused.StatusCode);
            Assert.Contains("list all images", await refused.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Rules_of_the_operator_count_for_what_is_told()
    {
        await using Gateway strict = new() { ApiOptions = _gateway.ApiOptions, Policy = new PolicyRules(PolicySet.Compile(new Dictionary<string, string> { ["get_image"] = "role:admin or 'kept':%(name)s" })) };
        await strict.InitializeAsync();
        var after = (await strict.GetJsonAsync(Gateway.HeadersOf(Owner), "GET", Path)).GetProperty("next").GetString()!;
        await strict.Registry.WriteAsync((unit, token) => unit.InsertImageAsync(new Image { Id = Guid.NewGuid().ToString(), Name = "secret", Owner = Gateway.OwnerProject }, token), Token);
        var kept = await strict.Registry.WriteAsync((unit, token) => unit.InsertImageAsync(new Image { Id = Guid.NewGuid().ToString(), Name = "kept", Owner = Gateway.OwnerProject }, token), Token);
        Assert.Equal([$"{kept!.Id} changed"], await ToldAsync());
        foreach (var image in await strict.Registry.ListImagesAsync(new ImageQuery { Viewer = Caller.Gateway.Viewer, Visibility = VisibilityFilter.All }, Token))
            await strict.Registry.WriteAsync((unit, token) => unit.DeleteImageAsync(image.Id, token), Token);
        Assert.Equal([$"{kept.Id} gone"], await ToldAsync());

        async Task<string[]> ToldAsync()
        {
            var page = await strict.GetJsonAsync(Gateway.HeadersOf(Owner), "GET", $"{Path}?after={after}");
            return [.. page.GetProperty("changes").EnumerateArray().Select(change => $"{change.GetProperty("id")} {change.GetProperty("kind")}")];
        }
    }

    private async Task<Dictionary<Persona, string>> PlacesAsync()
    {
        Dictionary<Persona, string> places = [];
        foreach (var persona in s_personas)
        {
            var page = await ReadAsync(persona, "wait=60");
            Assert.Equal(0, page.GetProperty("changes").GetArrayLength());
            places[persona] = page.GetProperty("next").GetString()!;
        }

        return places;
    }

    private static async Task<string> NextOf(Task<JsonElement> page) => (await page).GetProperty("next").GetString()!;

    private Task<JsonElement> ReadAsync(Persona persona, string query) => _gateway.GetJsonAsync(Gateway.HeadersOf(persona), "GET", $"{Path}?{query}");

    /// <summary>Until so many requests wait.</summary>
    private async Task WaitingAsync(int requests)
    {
        for (var watch = Stopwatch.StartNew(); _gateway.Feed.Waiting != requests; await Task.Delay(20, Token))
            Assert.True(watch.Elapsed < s_soon, $"{_gateway.Feed.Waiting} requests wait, not {requests}");
    }
}
