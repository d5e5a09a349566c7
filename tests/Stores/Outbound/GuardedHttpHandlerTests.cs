using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Stores.Tests.Outbound;

public sealed class GuardedHttpHandlerTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(303)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task A_redirect_within_the_origin_keeps_the_request(int status)
    {
        await using var origin = new OriginServer(head => head.Contains(" /a?", StringComparison.Ordinal) ? OriginServer.Redirect("/b?x=%2F1", status) : OriginServer.Ok("bytes"));
        using var client = Client();
        using var request = new HttpRequestMessage(HttpMethod.Get, origin.Origin + "/a?q=1");
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", "c2VjcmV0");
        request.Headers.Range = new RangeHeaderValue(3, 5);

        using var response = await client.SendAsync(request, Cancel);

        Assert.Equal("bytes", await response.Content.ReadAsStringAsync(Cancel));
        var second = origin.Requests.ElementAt(1);
        Assert.StartsWith("GET /b?x=%2F1 HTTP/1.1\n", second, StringComparison.Ordinal);
        Assert.Contains("c2VjcmV0", second, StringComparison.Ordinal);
        Assert.Contains("Range: bytes=3-5", second, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Credentials_stay_with_their_origin_even_when_the_way_leads_back()
    {
        OriginServer? first = null;
        await using var other = new OriginServer(_ => OriginServer.Redirect(first!.Origin + "/end"));
        await using var origin = first = new OriginServer(head => head.Contains("/end", StringComparison.Ordinal) ? OriginServer.Ok("x") : OriginServer.Redirect(other.Origin + "/"));
        using var client = Client();
        using var request = new HttpRequestMessage(HttpMethod.Get, origin.Origin + "/start");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", "secret1");
        request.Headers.Add("X-Auth-Token", "secret2");
        request.Headers.Add("Cookie", "secret3");
        request.Headers.Add("X-Whatever-Key", "secret4");
        request.Headers.Range = new RangeHeaderValue(0, 9);
        request.Headers.TryAddWithoutValidation("If-Range", "\"tag\"");

        using var response = await client.SendAsync(request, Cancel);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains("secret4", Assert.Single(origin.Requests, head => head.Contains("/start", StringComparison.Ordinal)), StringComparison.Ordinal);
        string[] later = [Assert.Single(other.Requests), Assert.Single(origin.Requests, head => head.Contains("/end", StringComparison.Ordinal))];
        Assert.All(later, head => Assert.DoesNotContain("secret", head, StringComparison.Ordinal));
        Assert.All(later, head => Assert.Contains("Range: bytes=0-9", head, StringComparison.Ordinal));
        Assert.All(later, head => Assert.Contains("If-Range: \"tag\"", head, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("http://127.0.0.2:1/")] // allowed by no network
    [InlineData("http://169.254.169.254/latest/meta-data/")]
    [InlineData("http://[::1]:1/")]
    [InlineData("http://0x7f000001:1/")]
    [InlineData("//2130706433:1/")]
    [InlineData("file:///etc/passwd")]
    [InlineData("swift+config://ref/container/object")]
    [InlineData("ftp://127.0.0.1/")]
    [InlineData("http://forbidden.example.org/")]
    public async Task A_redirect_is_checked_like_the_first_url(string target)
    {
        await using var origin = new OriginServer(_ => OriginServer.Redirect(target));
        using var client = Client(new UrlRules { AllowedPorts = [], DisallowedHosts = ["forbidden.example.org"] });

        var refusal = await Assert.ThrowsAsync<StoreException>(() => client.GetAsync(new Uri(origin.Origin), Cancel));

        Assert.Equal(StoreError.InvalidLocation, refusal.Error);
        Assert.Single(origin.Requests);
    }

    [Fact]
    public async Task A_redirect_to_another_port_is_checked()
    {
        await using var other = new OriginServer(_ => OriginServer.Ok("inside"));
        await using var origin = new OriginServer(_ => OriginServer.Redirect(other.Origin));
        using var client = Client(new UrlRules { AllowedPorts = [origin.Port] });

        await Assert.ThrowsAsync<StoreException>(() => client.GetAsync(new Uri(origin.Origin), Cancel));

        Assert.Empty(other.Requests);
    }

    [Fact]
    public async Task Redirects_are_counted()
    {
        var left = 0;
        await using var origin = new OriginServer(_ => left-- > 0 ? OriginServer.Redirect("/again") : OriginServer.Ok("end"));
        using var client = Client();

        left = 5;
        Assert.Equal("end", await client.GetStringAsync(new Uri(origin.Origin), Cancel));
        left = 6;
        var fault = await Assert.ThrowsAsync<StoreException>(() => client.GetAsync(new Uri(origin.Origin), Cancel));

        Assert.Equal(StoreError.Unavailable, fault.Error);
        Assert.Equal(6 + 6, origin.Requests.Count);
    }

    [Fact]
    public async Task Https_is_verified_and_never_becomes_http()
    {
        await using var plain = new OriginServer(_ => OriginServer.Ok("plain"));
        await using var secure = new OriginServer(head => head.Contains("/down", StringComparison.Ordinal) ? OriginServer.Redirect(plain.Origin) : OriginServer.Ok("secure"), tls: true);
        using var client = Client(tls: secure.Tls);
        using var suspicious = Client();

        Assert.Equal("secure", await client.GetStringAsync(new Uri(secure.Origin), Cancel));
        var refusal = await Assert.ThrowsAsync<StoreException>(() => client.GetAsync(new Uri(secure.Origin + "/down"), Cancel));
        Assert.Contains("from https to http", refusal.Message, StringComparison.Ordinal);
        Assert.Empty(plain.Requests);
        await Assert.ThrowsAsync<HttpRequestException>(() => suspicious.GetAsync(new Uri(secure.Origin), Cancel));
    }

    [Fact]
    public async Task An_offer_of_http3_is_not_taken()
    {
        // Over QUIC the connection would be made past the connector.
        await using var origin = new OriginServer(_ => "HTTP/1.1 200 OK\r\nAlt-Svc: h3=\"127.0.0.1:1\"; ma=3600\r\nContent-Length: 1\r\n\r\nx", tls: true);
        using var client = Client(tls: origin.Tls);
        for (var i = 0; i < 2; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, origin.Origin) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionOrHigher };
            using var response = await client.SendAsync(request, Cancel);

            Assert.Equal(HttpVersion.Version11, response.Version);
            Assert.Equal((HttpVersion.Version11, HttpVersionPolicy.RequestVersionOrLower), (request.Version, request.VersionPolicy));
        }

        Assert.Equal(2, origin.Requests.Count);
    }

    [Fact]
    public async Task A_head_stays_a_head_and_a_post_is_not_sent_on()
    {
        await using var origin = new OriginServer(head => head.Contains("/end", StringComparison.Ordinal)
            ? "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"
            : OriginServer.Redirect("/end", 303));
        using var client = Client();
        using var head = new HttpRequestMessage(HttpMethod.Head, origin.Origin);
        using var post = new HttpRequestMessage(HttpMethod.Delete, origin.Origin);

        using var answer = await client.SendAsync(head, Cancel);
        using var unfollowed = await client.SendAsync(post, Cancel);

        Assert.Equal(7, answer.Content.Headers.ContentLength);
        Assert.Equal(HttpStatusCode.SeeOther, unfollowed.StatusCode);
        Assert.Equal(["HEAD /", "HEAD /end", "DELETE /"], origin.Requests.Select(request => string.Join(' ', request.Split(' ')[..2])));
    }

    [Fact]
    public async Task Refusals_tell_no_secret_of_the_url()
    {
        using var client = Client();

        var refusal = await Assert.ThrowsAsync<StoreException>(() => client.GetAsync(new Uri("http://user:hunter2@10.0.0.1/path?signature=hunter2"), Cancel));
        var port = await Assert.ThrowsAsync<StoreException>(() => Client(new UrlRules()).GetAsync(new Uri("http://user:hunter2@10.0.0.1:81/path?signature=hunter2"), Cancel));

        Assert.DoesNotContain("hunter2", refusal.Message + port.Message, StringComparison.Ordinal);
    }

    private static HttpClient Client(UrlRules? urls = null, SslClientAuthenticationOptions? tls = null)
    {
        var rules = new OutboundRules { AllowedNetworks = [IPNetwork.Parse("127.0.0.1/32")], Urls = urls ?? new UrlRules { AllowedPorts = [] } };
        return new HttpClient(new GuardedConnector(rules, TimeProvider.System).CreateHttpHandler(tls));
    }
}
