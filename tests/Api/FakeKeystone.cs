using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Api.Tests;

/// <summary>
/// Something that answers as Keystone answered when asked, and fails on demand. For faults and counting only: whether the gateway understands
/// Keystone is tested with a real one.
/// </summary>
internal sealed class FakeKeystone : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly TimeProvider time;
    private readonly ConcurrentDictionary<string, string> tokens = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> own = new(StringComparer.Ordinal);
    private int logins;
    private int questions;
    private int refusedQuestions;

    private FakeKeystone(WebApplication app, TimeProvider time) => (this.app, this.time) = (app, time);

    public Uri Url => new(app.Urls.Single());

    /// <summary>How often the gateway logged in or tried to.</summary>
    public int Logins => Volatile.Read(ref logins);

    /// <summary>How often it asked about a token.</summary>
    public int Questions => Volatile.Read(ref questions);

    /// <summary>How often it asked with a token of its own that is worth nothing.</summary>
    public int RefusedQuestions => Volatile.Read(ref refusedQuestions);

    public TimeSpan OwnLife { get; set; } = TimeSpan.FromHours(1);

    /// <summary>Done instead of answering a login; true when it answered.</summary>
    public Func<HttpContext, Task<bool>>? LoginFault { get; set; }

    /// <summary>Done instead of answering a question; true when it answered.</summary>
    public Func<HttpContext, Task<bool>>? QuestionFault { get; set; }

    public static async Task<FakeKeystone> StartAsync(TimeProvider? time = null, X509Certificate2? certificate = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            if (certificate is not null)
                listen.UseHttps(certificate);
        }));
        if (certificate is not null)
            builder.WebHost.UseKestrelHttpsConfiguration();
        var fake = new FakeKeystone(builder.Build(), time ?? TimeProvider.System);
        fake.app.Run(fake.AnswerAsync);
        await fake.app.StartAsync(TestContext.Current.CancellationToken);
        return fake;
    }

    /// <summary>A token, and what Keystone says of it. A life below zero has passed.</summary>
    public string Issue(string token, string scope = "\"project\":{\"id\":\"p\",\"name\":\"P\"}", string roles = "Member,reader", string? accessRules = null, double lifeSeconds = 3600)
    {
        var names = string.Join(',', roles.Split(',').Select(r => $$"""{"id":"1","name":"{{r}}"}"""));
        var credential = accessRules is null ? "" : $$""","application_credential":{"id":"a","restricted":true,"access_rules":{{accessRules}}}""";
        tokens[token] = $$$"""{"token":{"methods":["password"],"user":{"id":"u","name":"U","domain":{"id":"default"}},"expires_at":"{{{At(TimeSpan.FromSeconds(lifeSeconds))}}}",{{{scope}}},"roles":[{{{names}}}]{{{credential}}} } }""";
        return token;
    }

    /// <summary>Makes the gateway's own tokens worthless.</summary>
    public void ForgetOwn() => own.Clear();

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync(new CancellationToken(canceled: true));
        await app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext http)
    {
        Assert.Equal("/v3/auth/tokens", http.Request.Path);
        Assert.True(http.Request.Query.ContainsKey("nocatalog"));
        if (HttpMethods.IsPost(http.Request.Method))
        {
            var token = $"own-{Interlocked.Increment(ref logins)}";
            if (LoginFault is { } fault && await fault(http))
                return;
            Assert.NotNull(http.Request.ContentLength);
            own[token] = true;
            http.Response.StatusCode = 201;
            http.Response.Headers["X-Subject-Token"] = token;
            await http.Response.WriteAsync($$$"""{"token":{"expires_at":"{{{At(OwnLife)}}}"}}""");
            return;
        }
        Interlocked.Increment(ref questions);
        if (QuestionFault is { } failure && await failure(http))
            return;
        if (!own.ContainsKey(http.Request.Headers["X-Auth-Token"].ToString()))
        {
            Interlocked.Increment(ref refusedQuestions);
            http.Response.StatusCode = 401;
        }
        else if (!tokens.TryGetValue(http.Request.Headers["X-Subject-Token"].ToString(), out var facts)
            || (IsOver(facts) && !http.Request.Query.ContainsKey("allow_expired")))
        {
            http.Response.StatusCode = 404;
        }
        else
        {
            await http.Response.WriteAsync(facts);
        }
    }

    private bool IsOver(string facts) =>
        System.Text.Json.JsonElement.Parse(facts).GetProperty("token").GetProperty("expires_at").GetDateTimeOffset() <= time.GetUtcNow();

    private string At(TimeSpan later) => (time.GetUtcNow() + later).UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", System.Globalization.CultureInfo.InvariantCulture);
}
