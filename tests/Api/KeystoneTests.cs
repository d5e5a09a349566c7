using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using GlanceGateway.Images;
using GlanceGateway.Testing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace GlanceGateway.Api.Tests;

public sealed class KeystoneTests : IAsyncLifetime
{
    private readonly ManualTime time = new();
    private readonly CapturedLog log = new();
    private FakeKeystone keystone = null!;

    public async ValueTask InitializeAsync() => keystone = await FakeKeystone.StartAsync(time);

    public ValueTask DisposeAsync() => keystone.DisposeAsync();

    [Fact]
    public async Task A_thousand_calls_with_one_token_cost_one_login_and_one_question()
    {
        using var callers = Callers();
        keystone.Issue("good");
        for (var i = 0; i < 1000; i++)
            Assert.NotNull(await AskAsync(callers, "good"));
        Assert.Equal((1, 1), (keystone.Logins, keystone.Questions));
    }

    [Fact]
    public async Task The_caller_is_whom_Keystone_names_with_roles_in_lower_case()
    {
        using var callers = Callers();
        var caller = await AskAsync(callers, keystone.Issue("good", roles: "Admin,MEMBER,reader"), ("X-Project-Id", "forged"), ("X-Roles", "forged"));
        Assert.Equal(("p", "u", "admin,member,reader", true), (caller!.ProjectId, caller.UserId, string.Join(',', caller.Roles.Order(StringComparer.Ordinal)), caller.IsAdmin));
        Assert.Empty(caller.ServiceRoles);
    }

    [Fact]
    public async Task An_answer_is_believed_for_the_cache_time()
    {
        using var callers = Callers();
        keystone.Issue("good");
        await AskAsync(callers, "good");
        time.Advance(TimeSpan.FromSeconds(299));
        await AskAsync(callers, "good");
        Assert.Equal(1, keystone.Questions);
        time.Advance(TimeSpan.FromSeconds(1));
        await AskAsync(callers, "good");
        Assert.Equal(2, keystone.Questions);
    }

    [Fact]
    public async Task Without_a_cache_time_every_call_asks()
    {
        using var callers = Callers(o => o with { CacheTime = TimeSpan.Zero });
        keystone.Issue("good");
        await AskAsync(callers, "good");
        await AskAsync(callers, "good");
        Assert.Equal(2, keystone.Questions);
    }

    [Fact]
    public async Task A_token_ends_when_it_expires_though_the_cache_time_is_longer()
    {
        using var callers = Callers();
        keystone.Issue("short", lifeSeconds: 30);
        Assert.NotNull(await AskAsync(callers, "short"));
        time.Advance(TimeSpan.FromSeconds(29));
        Assert.NotNull(await AskAsync(callers, "short"));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(await AskAsync(callers, "short"));
    }

    [Fact]
    public async Task A_refused_token_is_refused_for_ten_seconds_without_asking()
    {
        using var callers = Callers();
        for (var i = 0; i < 10; i++)
            Assert.Null(await AskAsync(callers, "bad"));
        Assert.Equal(1, keystone.Questions);
        keystone.Issue("bad");
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.NotNull(await AskAsync(callers, "bad"));
    }

    [Fact]
    public async Task Many_requests_with_one_new_token_ask_once_and_leaving_ones_end_nothing()
    {
        using var callers = Callers();
        keystone.Issue("good");
        var open = new TaskCompletionSource();
        keystone.QuestionFault = async _ => { await open.Task; return false; };
        using var leaving = new CancellationTokenSource();
        var first = callers.IdentifyAsync(Request("good"), leaving.Token).AsTask();
        var others = Enumerable.Range(0, 100).Select(_ => AskAsync(callers, "good")).ToList();
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        open.SetResult();
        Assert.All(await Task.WhenAll(others), Assert.NotNull);
        Assert.Equal(1, keystone.Questions);
    }

    [Fact]
    public async Task Questions_are_bounded()
    {
        using var callers = Callers();
        var open = new TaskCompletionSource();
        keystone.QuestionFault = async _ => { await open.Task; return false; };
        var waiting = Enumerable.Range(0, 256).Select(i => AskAsync(callers, $"guess-{i}")).ToList();
        Assert.Equal(503, await StatusAsync(callers, "one-more"));
        open.SetResult();
        Assert.All(await Task.WhenAll(waiting), Assert.Null);
        Assert.Null(await AskAsync(callers, "one-more"));
    }

    [Fact]
    public void A_full_table_forgets_what_came_first()
    {
        var cache = new BoundedCache<int, int>(3);
        var now = time.GetUtcNow();
        for (var i = 0; i < 1000; i++)
            cache.Add(i, i, now.AddSeconds(10), now);
        Assert.Equal(3, cache.Count);
        Assert.False(cache.TryGet(996, now, out _));
        Assert.True(cache.TryGet(997, now, out var value) && value == 997);
        for (var i = 0; i < 1000; i++)
            cache.Add(999, i, now.AddSeconds(20), now);
        Assert.True(cache.TryGet(999, now, out value) && value == 999);
        Assert.False(cache.TryGet(999, now.AddSeconds(20), out _));
        cache.Add(1, 1, now.AddSeconds(60), now.AddSeconds(30));
        Assert.Equal(1, cache.Count);
    }

    [Fact]
    public async Task The_gateways_own_token_is_renewed_before_it_expires()
    {
        using var callers = Callers();
        keystone.OwnLife = TimeSpan.FromSeconds(40);
        await AskAsync(callers, "a");
        time.Advance(TimeSpan.FromSeconds(29));
        await AskAsync(callers, "b");
        Assert.Equal(1, keystone.Logins);
        time.Advance(TimeSpan.FromSeconds(1));
        await AskAsync(callers, "c");
        Assert.Equal((2, 0), (keystone.Logins, keystone.RefusedQuestions));
    }

    [Fact]
    public async Task The_gateways_own_token_is_renewed_when_Keystone_forgot_it()
    {
        using var callers = Callers();
        keystone.Issue("a");
        await AskAsync(callers, "bad");
        keystone.ForgetOwn();
        Assert.NotNull(await AskAsync(callers, "a"));
        Assert.Equal((2, 1), (keystone.Logins, keystone.RefusedQuestions));
    }

    [Fact]
    public async Task Refused_credentials_are_not_tried_again_at_once()
    {
        using var callers = Callers();
        keystone.Issue("good");
        keystone.LoginFault = Status(401);
        for (var i = 0; i < 5; i++)
            Assert.Equal(503, await StatusAsync(callers, "good"));
        Assert.Equal(1, keystone.Logins);
        keystone.LoginFault = null;
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.NotNull(await AskAsync(callers, "good"));
        Assert.Contains("does not accept the gateway's own credentials (user 'glance' in project 'service', status 401)", log.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("500")]
    [InlineData("503")]
    [InlineData("403")]
    [InlineData("401")]
    [InlineData("302")]
    [InlineData("cut")]
    [InlineData("half")]
    [InlineData("prose")]
    [InlineData("empty object")]
    [InlineData("no expiry")]
    [InlineData("endless")]
    [InlineData("login 500")]
    [InlineData("login cut")]
    [InlineData("login without token")]
    public async Task A_failing_Keystone_is_503_and_known_tokens_go_on_working(string fault)
    {
        using var callers = Callers();
        keystone.Issue("known");
        keystone.Issue("new");
        Assert.NotNull(await AskAsync(callers, "known"));
        if (fault.StartsWith("login ", StringComparison.Ordinal))
        {
            keystone.ForgetOwn();
            keystone.LoginFault = Fault(fault["login ".Length..]);
        }
        else
        {
            keystone.QuestionFault = Fault(fault);
        }

        Assert.Equal(503, await StatusAsync(callers, "new"));
        Assert.NotNull(await AskAsync(callers, "known"));

        (keystone.LoginFault, keystone.QuestionFault) = (null, null);
        Assert.NotNull(await AskAsync(callers, "new"));
        Assert.DoesNotContain("known", log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("own-", log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("sesame", log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_cut_connection_is_not_noticed()
    {
        using var callers = Callers();
        keystone.Issue("good");
        var cuts = 0;
        keystone.QuestionFault = http =>
        {
            if (Interlocked.Increment(ref cuts) == 1)
                http.Abort();
            return Task.FromResult(cuts == 1);
        };
        Assert.NotNull(await AskAsync(callers, "good"));
    }

    [Fact]
    public async Task Nobody_listening_is_503()
    {
        using var port = new TcpListener(IPAddress.Loopback, 0);
        port.Start();
        var url = new Uri($"http://{port.LocalEndpoint}");
        port.Stop();
        using var callers = Callers(o => o with { AuthUrl = url });
        Assert.Equal(503, await StatusAsync(callers, "good"));
    }

    [Fact]
    public async Task Callers_of_a_hanging_Keystone_do_not_pile_up()
    {
        await using var hanging = await FakeKeystone.StartAsync();
        hanging.Issue("good");
        var open = new TaskCompletionSource();
        hanging.QuestionFault = async http => { await open.Task.WaitAsync(http.RequestAborted); return false; };
        using var callers = new KeystoneCallers(Options(hanging) with { Timeout = TimeSpan.FromSeconds(1) }, TimeProvider.System, log);
        for (var i = 0; i < 3; i++)
            Assert.Equal(503, await StatusAsync(callers, $"token-{i}"));
        var before = hanging.Questions;

        var many = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => StatusAsync(callers, $"other-{i}")));

        Assert.All(many, status => Assert.Equal(503, status));
        Assert.InRange(hanging.Questions - before, 0, 2);
        open.SetResult();
        Assert.NotNull(await AskAsync(callers, "good"));
        Assert.Single(log.Text.Split("fails: no answer within 1 s").Skip(1));
        Assert.Contains("answers again", log.Text, StringComparison.Ordinal);
    }

    public static TheoryData<string, string?, string?, string?> ServiceTokens => new()
    {
        // the user's token, the service's, who comes out, through which service
        { "valid", null, "p", "" },
        { "valid", "service", "p", "admin,service" },
        { "valid", "plain", "p", "member" },
        { "valid", "unknown", "p", "" },
        { "expired", null, null, null },
        { "expired", "service", "p", "admin,service" },
        { "expired", "plain", null, null },
        { "expired", "unknown", null, null },
        { "expired", "expired service", null, null },
        { "expired", "restricted service", null, null },
        { "unknown", "service", null, null },
        { "restricted", null, null, null },
        { "restricted", "plain", null, null },
        { "restricted", "service", "p", "admin,service" },
    };

    [Theory]
    [MemberData(nameof(ServiceTokens))]
    public async Task A_service_may_pass_on_an_expired_token(string user, string? service, string? project, string? serviceRoles)
    {
        keystone.Issue("valid");
        keystone.Issue("expired", lifeSeconds: -60);
        keystone.Issue("service", "\"project\":{\"id\":\"s\"}", "service,Admin");
        keystone.Issue("plain", "\"project\":{\"id\":\"s\"}", "member");
        keystone.Issue("expired-service", roles: "service", lifeSeconds: -60);
        keystone.Issue("restricted-service", roles: "service", accessRules: "[]");
        keystone.Issue("restricted", accessRules: "[]");
        using var callers = Callers();
        var headers = service is null ? Array.Empty<(string, string)>() : [("X-Service-Token", service.Replace(' ', '-'))];

        // Twice: what is known must answer as what was asked.
        for (var i = 0; i < 2; i++)
        {
            var caller = await AskAsync(callers, user, headers);
            Assert.Equal(project, caller?.ProjectId);
            Assert.Equal(serviceRoles, caller is null ? null : string.Join(',', caller.ServiceRoles.Order(StringComparer.Ordinal)));
        }
        Assert.Null(await AskAsync(callers, "expired"));
    }

    [Theory]
    [InlineData("GET", "/v2/images", true)]
    [InlineData("GET", "/v2/images?limit=1", true)]
    [InlineData("POST", "/v2/images", false)]
    [InlineData("HEAD", "/v2/images", false)]
    [InlineData("GET", "/v2/images/", false)]
    [InlineData("GET", "/V2/images", false)]
    [InlineData("GET", "/v2.0/images", false)]
    [InlineData("GET", "/v2/images/abc", true)]
    [InlineData("GET", "/v2/images/abc/file", false)]
    [InlineData("PUT", "/v2/images/abc/tags/x", true)]
    [InlineData("PUT", "/v2/images/abc/tags/", false)]
    [InlineData("DELETE", "/v2/metadefs/a/b/c", true)]
    [InlineData("DELETE", "/v2/metadefs", false)]
    [InlineData("GET", "/v2/schemas/image", false)]
    [InlineData("GET", "/v2/other", false)]
    [InlineData("GET", "/v2/axb", false)]
    [InlineData("GET", "/v2/a.b", true)]
    public async Task Access_rules_are_kept(string method, string target, bool allowed)
    {
        keystone.Issue("restricted", accessRules: """
            [{"service":"image","method":"GET","path":"/v2/images"},{"service":"image","method":"GET","path":"/v2/images/{id}"},
             {"service":"image","method":"PUT","path":"/v2/images/*/tags/*"},{"service":"image","method":"DELETE","path":"/v2/metadefs/**"},
             {"service":"compute","method":"GET","path":"/v2/other"},{"service":"image","method":"GET","path":"/v2/a.b"}]
            """);
        using var callers = Callers();
        var caller = await callers.IdentifyAsync(Request("restricted", method, target), TestContext.Current.CancellationToken);
        Assert.Equal(allowed, caller is not null);
    }

    [Theory]
    [InlineData("")]
    [InlineData("with space")]
    [InlineData("žluťoučký")]
    [InlineData("line\u0001break")]
    [InlineData(null)]
    public async Task What_cannot_be_a_token_is_not_asked_about(string? token)
    {
        using var callers = Callers();
        Assert.Null(await AskAsync(callers, token ?? new string('a', 8193)));
        Assert.Equal(0, keystone.Questions);
    }

    [Fact]
    public async Task Two_tokens_are_none()
    {
        using var callers = Callers();
        Assert.Null(await AskAsync(callers, keystone.Issue("a"), ("X-Auth-Token", keystone.Issue("b"))));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Only_a_certificate_of_the_named_authorities_is_believed(bool named)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var signed = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        using var certificate = X509CertificateLoader.LoadPkcs12(signed.Export(X509ContentType.Pkcs12), null);
        await using var secure = await FakeKeystone.StartAsync(time, certificate);
        secure.Issue("good");
        using var callers = new KeystoneCallers(Options(secure) with { Authorities = named ? [certificate] : null }, time, log);
        if (named)
            Assert.NotNull(await AskAsync(callers, "good"));
        else
            Assert.Equal(503, await StatusAsync(callers, "good"));
    }

    [Fact]
    public async Task Over_HTTP_each_kind_of_token_gets_its_status()
    {
        await using var real = await FakeKeystone.StartAsync();
        await using var gateway = new Gateway { ApiOptions = new ApiOptions { Identity = IdentityMode.Keystone, Keystone = Options(real) with { PublicAuthUrl = new Uri("https://keystone.example.org/v3/") } } };
        await gateway.InitializeAsync();
        real.Issue("project");
        real.Issue("system", "\"system\":{\"all\":true}", "admin,member,reader");
        real.Issue("domain", "\"domain\":{\"id\":\"default\"}", "admin,member,reader");
        real.Issue("unscoped", "\"is_domain\":false", "");
        Assert.Equal(HttpStatusCode.OK, await GetAsync("project"));
        Assert.Equal(HttpStatusCode.Forbidden, await GetAsync("system"));
        Assert.Equal(HttpStatusCode.Forbidden, await GetAsync("domain"));
        Assert.Equal(HttpStatusCode.Forbidden, await GetAsync("unscoped"));
        using (var refused = await gateway.SendAsync([("X-Auth-Token", "bad")], "GET", "/v2/images"))
        {
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
            Assert.Equal("Keystone uri=\"https://keystone.example.org/v3\"", refused.Headers.WwwAuthenticate.Single().ToString());
        }

        real.QuestionFault = Status(503);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await GetAsync("other"));
        Assert.Equal(HttpStatusCode.OK, await GetAsync("project"));

        async Task<HttpStatusCode> GetAsync(string token)
        {
            using var response = await gateway.SendAsync([("X-Auth-Token", token)], "GET", "/v2/images");
            return response.StatusCode;
        }
    }

    private static Func<HttpContext, Task<bool>> Status(int status) => http =>
    {
        http.Response.StatusCode = status;
        http.Response.Headers.Location = "http://127.0.0.1:1/";
        return Task.FromResult(true);
    };

    private static Func<HttpContext, Task<bool>> Fault(string name) => name switch
    {
        "cut" => http =>
        {
            http.Abort();
            return Task.FromResult(true);
        },
        "half" => async http =>
        {
            http.Response.ContentLength = 1000;
            await http.Response.WriteAsync("{\"token\":");
            await http.Response.Body.FlushAsync();
            http.Abort();
            return true;
        },
        "prose" => Body("<html>It works!</html>"),
        "empty object" => Body("{}"),
        "no expiry" => Body("""{"token":{"user":{"id":"u"},"project":{"id":"p"}}}"""),
        "endless" => Body(new string(' ', 2 << 20)),
        "without token" => http => Status(201)(http),
        _ => Status(int.Parse(name, System.Globalization.CultureInfo.InvariantCulture)),
    };

    private static Func<HttpContext, Task<bool>> Body(string text) => async http =>
    {
        await http.Response.WriteAsync(text);
        return true;
    };

    private static KeystoneOptions Options(FakeKeystone keystone) => new()
    {
        AuthUrl = keystone.Url,
        Credential = new PasswordCredential("glance", "Default", "sesame", "service", "Default"),
    };

    private KeystoneCallers Callers(Func<KeystoneOptions, KeystoneOptions>? change = null) => new((change ?? (o => o))(Options(keystone)), time, log);

    private static async Task<Caller?> AskAsync(KeystoneCallers callers, string token, params (string Name, string Value)[] headers)
    {
        var http = Request(token);
        foreach (var (name, value) in headers)
            http.Request.Headers.Append(name, value);
        return await callers.IdentifyAsync(http, TestContext.Current.CancellationToken);
    }

    private static async Task<int> StatusAsync(KeystoneCallers callers, string token)
    {
        var answer = await Assert.ThrowsAsync<ApiException>(() => AskAsync(callers, token));
        return answer.Status;
    }

    private static DefaultHttpContext Request(string token, string method = "GET", string target = "/v2/images")
    {
        var http = new DefaultHttpContext();
        http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget = target;
        http.Request.Method = method;
        http.Request.Headers["X-Auth-Token"] = token;
        return http;
    }
}
