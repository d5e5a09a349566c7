using System.Net;
using GlanceGateway.Images;
using GlanceGateway.Testing;

namespace GlanceGateway.Api.Tests;

/// <summary>The API against everybody and every image of <see cref="AccessTable"/>: who gets what, and whose refusals say that there is no such image.</summary>
public sealed class AccessTests(AccessTests.OpenGateway site) : IClassFixture<AccessTests.OpenGateway>
{
    /// <summary>Images with an owner. What is answered counts for shared ones only: of the others one list of members is enough for the gate.</summary>
    private static readonly AccessTarget[] targets =
    [
        .. AccessTable.Targets.Where(target => target.Owner is not null)
            .Where(target => Requires.FullCounts || target.Visibility == "shared" || target.Answer is null or "accepted"),
    ];

    /// <summary>What is done to an image. None of it lasts, except what says so.</summary>
    private static readonly Deed[] deeds =
    [
        new("get_image", "GET", "", 200),
        new("download_image", "GET", "/file", 200),
        new("modify_image", "PATCH", "", 200, """[{"op":"replace","path":"/name","value":"renamed"}]"""),
        // Active images are refused other data: only to whom may upload.
        new("upload_image", "PUT", "/file", 409, "octets"),
        new("publicize_image", "PATCH", "", 200, """[{"op":"replace","path":"/visibility","value":"public"}]""") { Lasts = true, IsFor = target => target.Visibility != "public" },
        new("communitize_image", "PATCH", "", 200, """[{"op":"replace","path":"/visibility","value":"community"}]""") { Lasts = true, IsFor = target => target.Visibility != "community" },
        new("deactivate", "POST", "/actions/deactivate", 204) { Lasts = true },
        new("reactivate", "POST", "/actions/reactivate", 204),
        new("set_image_location", "PATCH", "", 400, """[{"op":"add","path":"/locations/-","value":{"url":"nowhere:","metadata":{}}}]"""),
        new("add_image_location", "POST", "/locations", 409, """{"url":"http://127.0.0.1:1/disk"}""") { IsOfServices = true },
        new("fetch_image_location", "GET", "/locations", 200) { IsOfServices = true },
        new("add_member", "POST", "/members", 400, $$"""{"member":"{{new string('x', 256)}}"}""") { NeedsShared = true },
        new("delete_member", "DELETE", "/members/p-nobody", 404) { NeedsShared = true, Says = "not found in the member list" },
        new("get_members", "GET", "/members", 200) { NeedsShared = true, HidesItself = true },
        new("get_member", "GET", $"/members/{AccessTable.Sharee}", 200) { NeedsShared = true, HidesItself = true, HidesUnshared = true, NeedsMember = true },
        new("modify_member", "PUT", $"/members/{AccessTable.Sharee}", 200, """{"status":"{answer}"}""") { NeedsShared = true, NeedsMember = true },
        new("delete_image", "DELETE", "", 204) { Lasts = true },
        new("copy_image", "POST", "/import", 202, """{"method":{"name":"copy-image"},"stores":["memory"]}""") { Lasts = true },
    ];

    private readonly Gateway gateway = site.Gateway;

    /// <summary>A tag on all images of the one test.</summary>
    private readonly string label = Guid.NewGuid().ToString();

    private readonly Dictionary<AccessTarget, string> images = [];

    public static TheoryData<string> Rules => [.. deeds.Select(deed => deed.Rule)];

    [Theory]
    [MemberData(nameof(Rules))]
    public async Task Everybody_gets_what_the_table_gives(string rule)
    {
        var deed = deeds.Single(d => d.Rule == rule);
        var wrong = new List<string>();
        foreach (var target in targets.Where(target => deed.IsFor(target)))
        {
            images[target] = await MakeAsync(target);
            foreach (var who in AccessTable.Personas)
            {
                var (expected, says) = Expected(deed, who, target);
                var (status, text) = await DoAsync(deed, HeadersOf(who), target);
                if (status != expected || !text.Contains(says, StringComparison.Ordinal))
                {
                    wrong.Add($"{who}, {target}: {status} instead of {expected}: {text}");
                }

                if (deed.Lasts && status is >= 200 and < 300)
                {
                    images[target] = await MakeAsync(target);
                }
            }

            foreach (var scope in new[] { ("OpenStack-System-Scope", "all"), ("X-Domain-Id", "default") })
            {
                var (status, text) = await DoAsync(deed, [("X-Identity-Status", "Confirmed"), ("X-User-Id", "u"), ("X-Roles", "admin,member,reader"), scope], target);
                if (status != 403)
                {
                    wrong.Add($"a token with {scope}, {target}: {status} instead of 403: {text}");
                }
            }
        }

        Assert.Equal("", string.Join('\n', wrong));
    }

    [Theory]
    [InlineData("get_images", "GET", "/v2/images", 200)]
    [InlineData("stores_info_detail", "GET", "/v2/info/stores/detail", 200)]
    [InlineData("tasks_api_access", "GET", "/v2/tasks", 200)]
    [InlineData("cache_list", "GET", "/v2/cache", 200)]
    [InlineData("cache_image", "PUT", "/v2/cache/7e3b4a14-0a0d-4d6c-8a6f-8d6a7b7f3a01", 404)]
    [InlineData("cache_delete", "DELETE", "/v2/cache/7e3b4a14-0a0d-4d6c-8a6f-8d6a7b7f3a01", 404)]
    [InlineData("cache_clean", "POST", "/v2/cache/clean", 200)]
    [InlineData("cache_prune", "POST", "/v2/cache/prune", 200)]
    [InlineData("list_cached_nodes", "GET", "/v2/cache/nodes/7e3b4a14-0a0d-4d6c-8a6f-8d6a7b7f3a01", 409)]
    public async Task Everybody_gets_at_large_what_the_table_gives(string rule, string method, string path, int status)
    {
        foreach (var who in AccessTable.Personas)
        {
            using var answer = await gateway.SendAsync(HeadersOf(who), method, path);
            var expected = AccessTable.Gives(AccessTable.Row(rule), who, null) ? status : 403;
            Assert.Equal((who, expected), (who, (int)answer.StatusCode));
        }
    }

    [Fact]
    public async Task Images_are_made_for_the_own_project_or_by_administrators()
    {
        foreach (var who in AccessTable.Personas)
        {
            foreach (var owner in new[] { who.Project, AccessTable.Owner, "p-else" }.OfType<string>().Distinct())
            {
                using var answer = await gateway.SendAsync(HeadersOf(who), "POST", "/v2/images", Gateway.Json($$"""{"owner":"{{owner}}"}"""));
                var expected = AccessTable.Gives(AccessTable.Row("add_image"), who, new AccessTarget(owner, "shared", null)) ? HttpStatusCode.Created : HttpStatusCode.Forbidden;
                Assert.Equal((who, owner, expected), (who, owner, answer.StatusCode));
            }
        }
    }

    [Fact]
    public async Task Locations_are_shown_to_whom_the_table_gives_them()
    {
        foreach (var target in targets)
        {
            var id = await MakeAsync(target);
            foreach (var who in AccessTable.Personas.Where(who => AccessTable.Sees(who, target)))
            {
                var shown = await gateway.GetJsonAsync(HeadersOf(who), "GET", $"/v2/images/{id}");
                Assert.Equal(
                    (who, target, AccessTable.Gives(AccessTable.Row("get_image_location"), who, target)),
                    (who, target, shown.GetProperty("locations").GetArrayLength() > 0));
            }
        }
    }

    /// <summary>Every filter of visibility with every filter of answers.</summary>
    [Fact]
    public async Task Lists_show_everybody_what_belongs_there()
    {
        foreach (var target in targets)
        {
            images[target] = await MakeAsync(target);
        }

        var names = images.ToDictionary(pair => pair.Value, pair => pair.Key);
        foreach (var who in AccessTable.Personas.Where(who => AccessTable.Gives(AccessTable.Row("get_images"), who, null)))
        {
            foreach (var visibility in new[] { null, "public", "private", "shared", "community", "all" })
            {
                foreach (var answers in new[] { null, "pending", "accepted", "rejected", "all" })
                {
                    var query = $"{(visibility is null ? "" : $"&visibility={visibility}")}{(answers is null ? "" : $"&member_status={answers}")}";
                    var listed = await gateway.GetJsonAsync(HeadersOf(who), "GET", $"/v2/images?limit=100&tag={label}{query}");
                    Assert.Equal(
                        [$"{who} {query}", .. Sorted(targets.Where(target => IsListed(who, target, visibility, answers ?? "accepted")))],
                        [$"{who} {query}", .. Sorted(listed.GetProperty("images").EnumerateArray().Select(image => names[image.GetProperty("id").GetString()!]))]);
                }
            }
        }

        static IEnumerable<string> Sorted(IEnumerable<AccessTarget> listed) => listed.Select(target => target.ToString()).Order(StringComparer.Ordinal);
    }

    private static bool IsListed(AccessPersona who, AccessTarget target, string? visibility, string answers)
    {
        var isAdmin = who.Roles.Contains("admin");
        var isOwn = who.Project == target.Owner;
        if (visibility is not (null or "all") && visibility != target.Visibility)
        {
            return false;
        }

        return target.Visibility switch
        {
            "public" => true,
            "community" => visibility is not null || isOwn,
            _ when isAdmin || isOwn => true,
            "shared" => AccessTable.IsSharedWith(who, target) && (answers == "all" || answers == target.Answer),
            _ => false,
        };
    }

    private static (int Status, string Says) Expected(Deed deed, AccessPersona who, AccessTarget target)
    {
        // The answers for an id that is nobody's.
        var noImage = deed.Rule == "delete_image" ? "Failed to find image" : "No image found with ID";
        var gives = AccessTable.Gives(AccessTable.Row(deed.Rule), who, target);
        // Services find images without the right to see them, within the fence around data.
        var sees = AccessTable.Sees(who, target) || (deed.IsOfServices && gives && IsWithinFence(who, target));
        return (sees, gives) switch
        {
            (false, _) => (404, deed.HidesUnshared ? "" : noImage),
            _ when deed.NeedsShared && target.Visibility != "shared" => (deed.HidesUnshared ? 404 : 403, ""),
            (_, false) => (deed.HidesItself ? 404 : 403, ""),
            _ when deed.NeedsMember && target.Answer is null => (404, "not found in the member list"),
            _ => (deed.Status, deed.Says),
        };
    }

    private static bool IsWithinFence(AccessPersona who, AccessTarget target) =>
        who.Roles.Contains("admin") || target.Visibility is "public" or "community" || target.Owner == who.Project || AccessTable.IsSharedWith(who, target);

    private static IEnumerable<(string Name, string Value)> HeadersOf(AccessPersona who) => Gateway.Identity(who.Project ?? "", string.Join(',', who.Roles));

    private async Task<(int Status, string Text)> DoAsync(Deed deed, IEnumerable<(string Name, string Value)> headers, AccessTarget target)
    {
        var body = deed.Body switch
        {
            null => null,
            "octets" => Gateway.Octets(Gateway.Data),
            var json => Gateway.Json(json.Replace("{answer}", target.Answer ?? "pending", StringComparison.Ordinal), deed.Method == "PATCH" ? ErrorTable.V21 : "application/json"),
        };
        using var answer = await gateway.SendAsync(headers, deed.Method, $"/v2/images/{images[target]}{deed.Path}", body);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    /// <summary>An active image, shared before it gets another visibility, so that every visibility comes with a list of members.</summary>
    private async Task<string> MakeAsync(AccessTarget target)
    {
        var id = await gateway.CreateActiveAsync(Gateway.Data, $$""","tags":["{{label}}"]""");
        if (target.Answer is not null)
        {
            await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Owner), "POST", $"/v2/images/{id}/members", Gateway.Json($$"""{"member":"{{AccessTable.Sharee}}"}"""));
            await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Member), "PUT", $"/v2/images/{id}/members/{AccessTable.Sharee}", Gateway.Json($$"""{"status":"{{target.Answer}}"}"""));
        }

        if (target.Visibility != "shared")
        {
            await gateway.GetJsonAsync(
                Gateway.HeadersOf(Persona.Admin), "PATCH", $"/v2/images/{id}", Gateway.Json($$"""[{"op":"replace","path":"/visibility","value":"{{target.Visibility}}"}]""", ErrorTable.V21));
        }

        return id;
    }

    /// <summary>A gateway with a cache that shows locations.</summary>
    public sealed class OpenGateway : IAsyncLifetime
    {
        public Gateway Gateway { get; } = new()
        {
            IsCached = true,
            ImageOptions = new ImageOptions { SizeCap = 1 << 20, ShowMultipleLocations = true },
        };

        public ValueTask InitializeAsync() => Gateway.InitializeAsync();

        public ValueTask DisposeAsync() => Gateway.DisposeAsync();
    }

    /// <summary>A request that a rule decides about.</summary>
    /// <param name="Rule">The rule.</param>
    /// <param name="Method">The method.</param>
    /// <param name="Path">Below the image.</param>
    /// <param name="Status">The answer to whom the rule gives the right.</param>
    /// <param name="Body">JSON, or <c>octets</c>; null for none.</param>
    private sealed record Deed(string Rule, string Method, string Path, int Status, string? Body = null)
    {
        /// <summary>Whether the image is another one afterwards.</summary>
        public bool Lasts { get; init; }

        /// <summary>Whether services do it to images that the rules do not show them.</summary>
        public bool IsOfServices { get; init; }

        /// <summary>Whether it is about members, which only shared images have.</summary>
        public bool NeedsShared { get; init; }

        /// <summary>Whether it is about the one member.</summary>
        public bool NeedsMember { get; init; }

        /// <summary>Whether the refusal says that there is nothing.</summary>
        public bool HidesItself { get; init; }

        /// <summary>Whether the answer for images that are not shared says that there is nothing.</summary>
        public bool HidesUnshared { get; init; }

        /// <summary>What the answer holds.</summary>
        public string Says { get; init; } = "";

        /// <summary>The images it can be done to.</summary>
        public Func<AccessTarget, bool> IsFor { get; init; } = _ => true;
    }
}
