using System.Net;
using System.Text;
using System.Text.Json;

namespace GlanceGateway.Api.Tests;

public sealed class FrameTests(Gateway gateway)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/", 300)]
    [InlineData("/versions", 200)]
    [InlineData("/versions/", 200)]
    [InlineData("/versions/x", 200)]
    [InlineData("/v1/images", 300)]
    [InlineData("/v9/images", 300)]
    [InlineData("/v2.14/images", 300)]
    [InlineData("/v2.18/images", 300)]
    [InlineData("/v2.08/images", 300)]
    [InlineData("/V2/images", 300)]
    [InlineData("/images", 300)]
    [InlineData("//v2/images", 300)]
    [InlineData("/healthcheck/x", 300)]
    public async Task The_version_list_needs_no_identity(string path, int status)
    {
        using var response = await gateway.SendAsync(Persona.Nobody, "GET", path);
        var list = JsonElement.Parse(await response.Content.ReadAsStringAsync(Cancel)).GetProperty("versions");

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("application/json", response.Content.Headers.ContentType!.ToString());
        Assert.Equal(["v2.17", "v2.15", "v2.13", "v2.12", "v2.11", "v2.10", "v2.9", "v2.8", "v2.7", "v2.6", "v2.5", "v2.4", "v2.3", "v2.2", "v2.1", "v2.0"], list.EnumerateArray().Select(v => v.GetProperty("id").GetString()));
        Assert.Equal("v2.17", Assert.Single(list.EnumerateArray(), v => v.GetProperty("status").GetString() == "CURRENT").GetProperty("id").GetString());
        var link = list[0].GetProperty("links")[0];
        Assert.Equal(("self", $"{gateway.Url.AbsoluteUri}v2/"), (link.GetProperty("rel").GetString(), link.GetProperty("href").GetString()));
    }

    [Theory]
    [InlineData("/v2/images")]
    [InlineData("/v2.0/images")]
    [InlineData("/v2.8/images")]
    public async Task Announced_versions_are_served(string path)
    {
        using var response = await gateway.SendAsync(Persona.Owner, "GET", path + "?limit=1");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory]
    [InlineData("application/vnd.openstack.images-v2", "/images?limit=1", 200)]
    [InlineData("application/vnd.openstack.images-v2.5", "/images?limit=1", 200)]
    [InlineData("application/vnd.openstack.images-v2", "/v2/images", 404)]
    [InlineData("application/vnd.openstack.images-v3", "/images", 300)]
    [InlineData("application/vnd.openstack.images-v3", "/v2/images", 300)]
    public async Task The_Accept_header_names_the_version_of_a_path_without_one(string accept, string path, int status)
    {
        using var response = await gateway.SendAsync(Persona.Owner, "GET", path, null, ("Accept", accept));
        Assert.Equal(status, (int)response.StatusCode);
    }

    [Fact]
    public async Task V2_alone_leads_to_its_slash()
    {
        using var response = await gateway.SendAsync(Persona.Owner, "GET", "/v2");
        Assert.Equal(HttpStatusCode.Redirect, response.StatusCode);
        Assert.Equal($"{gateway.Url.AbsoluteUri}v2/", response.Headers.Location!.AbsoluteUri);
        using var anonymous = await gateway.SendAsync(Persona.Nobody, "GET", "/v2");
        Assert.Equal(HttpStatusCode.Unauthorized, anonymous.StatusCode);
    }

    [Fact]
    public async Task Health_needs_no_identity()
    {
        using var response = await gateway.SendAsync(Persona.Nobody, "GET", "/healthcheck");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("OK", await response.Content.ReadAsStringAsync(Cancel));
    }

    [Fact]
    public async Task Health_is_bad_while_the_disable_file_exists()
    {
        var file = Path.GetTempFileName();
        await using var other = new Gateway { ApiOptions = new() { HealthcheckDisableFile = file, PublicEndpoint = new Uri("https://images.example/base/") } };
        await other.InitializeAsync();
        using (var disabled = await other.SendAsync(Persona.Nobody, "GET", "/healthcheck"))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, disabled.StatusCode);
            Assert.Equal("DISABLED BY FILE", await disabled.Content.ReadAsStringAsync(Cancel));
        }
        File.Delete(file);
        using var enabled = await other.SendAsync(Persona.Nobody, "GET", "/healthcheck");
        Assert.Equal(HttpStatusCode.OK, enabled.StatusCode);

        // The same gateway is reached under another name, and asks nobody who they are.
        using var created = await other.SendAsync(Persona.Nobody, "POST", "/v2/images", "{}", ("X-Auth-Token", "any"), ("X-Roles", "reader"));
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        Assert.StartsWith("https://images.example/base/v2/images/", created.Headers.Location!.AbsoluteUri, StringComparison.Ordinal);
        Assert.Contains("\"owner\":\"default\"", await created.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("PUT", "/v2/images", "GET, POST")]
    [InlineData("POST", "/v2/images/x", "GET, PATCH, DELETE")]
    [InlineData("POST", "/v2/images/x/file", "GET, PUT")]
    [InlineData("GET", "/v2/images/x/tags/y", "PUT, DELETE")]
    [InlineData("DELETE", "/v2/images/x/members", "GET, POST")]
    [InlineData("POST", "/v2/images/x/members/y", "GET, PUT, DELETE")]
    [InlineData("HEAD", "/v2/images/x", "GET, PATCH, DELETE")]
    [InlineData("HEAD", "/v2/images/x/file", "GET, PUT")]
    [InlineData("FOO", "/v2/info/stores", "GET")]
    public async Task A_wrong_method_is_told_the_right_ones(string method, string path, string allow)
    {
        using var response = await gateway.SendAsync(Persona.Owner, method, path);
        var text = await response.Content.ReadAsStringAsync(Cancel);

        Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
        Assert.Equal(allow, string.Join(", ", response.Content.Headers.Allow));
        Assert.Equal(method == "HEAD" ? "" : $"405 Method Not Allowed\n\nThe method {method} is not allowed for this resource.\n\n   ", text);
    }

    [Fact]
    public async Task A_request_id_comes_back()
    {
        using var given = await gateway.SendAsync(Persona.Owner, "GET", "/v2/images?limit=1", null, ("X-Openstack-Request-Id", "req-12345678-1234-1234-1234-123456789abc"));
        Assert.Equal("req-12345678-1234-1234-1234-123456789abc", Assert.Single(given.Headers.GetValues("X-Openstack-Request-Id")));
        using var plain = await gateway.SendAsync(Persona.Owner, "GET", "/v2/images/nosuch", null, ("X-Openstack-Request-Id", "mine"));
        Assert.Equal("req-mine", Assert.Single(plain.Headers.GetValues("X-Openstack-Request-Id")));
        using var none = await gateway.SendAsync(Persona.Owner, "GET", "/v2/images?limit=1");
        Assert.True(Guid.TryParse(Assert.Single(none.Headers.GetValues("X-Openstack-Request-Id"))["req-".Length..], out _));
    }

    [Theory]
    [InlineData(64, 200)]
    [InlineData(65, 431)]
    public async Task A_request_id_has_64_characters_at_most(int length, int status)
    {
        using var response = await gateway.SendAsync(Persona.Owner, "GET", "/v2/images?limit=1", null, ("X-Openstack-Request-Id", new string('x', length)));
        Assert.Equal(status, (int)response.StatusCode);
    }

    [Fact]
    public async Task A_request_id_that_cannot_be_sent_back_is_replaced()
    {
        await using var connection = await RawConnection.OpenAsync(gateway.Url);
        await connection.SendAsync(Encoding.UTF8.GetBytes("GET /v2/nosuch HTTP/1.1\r\nHost: x\r\nX-Openstack-Request-Id: é\r\nConnection: close\r\n\r\n"));
        var head = await connection.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 401 Unauthorized", head, StringComparison.Ordinal);
        Assert.Contains("X-Openstack-Request-Id: req-", head, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET http://elsewhere.test/v2/nosuch", "HTTP/1.1 404 Not Found")]
    [InlineData("OPTIONS *", "HTTP/1.1 300 Multiple Choices")]
    [InlineData("GET /v2/images/%00", "HTTP/1.1 400 ")]
    [InlineData("GET /v2/images/%zz", "HTTP/1.1 404 Not Found")]
    [InlineData("GET /v2/images?name=%00", "HTTP/1.1 400 Bad Request")]
    public async Task Odd_targets_get_sane_answers(string line, string answer)
    {
        await using var connection = await RawConnection.OpenAsync(gateway.Url);
        await connection.SendAsync($"{line} HTTP/1.1\r\nHost: {(line.Contains("elsewhere", StringComparison.Ordinal) ? "elsewhere.test" : "x")}\r\n"
            + string.Concat(Gateway.HeadersOf(Persona.Owner).Select(h => $"{h.Name}: {h.Value}\r\n")) + "Connection: close\r\n\r\n");
        Assert.StartsWith(answer, await connection.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_line_beyond_8_KiB_is_too_long()
    {
        await using var connection = await RawConnection.OpenAsync(gateway.Url);
        await connection.SendRequestAsync($"GET /v2/images?name={new string('a', 9000)}", Persona.Owner);
        Assert.StartsWith("HTTP/1.1 414 ", await connection.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Errors_come_in_the_form_that_was_asked_for()
    {
        using var json = await gateway.SendAsync(Persona.Owner, "GET", "/v2/images/nosuch", null, ("Accept", "application/json"));
        Assert.Equal("application/json", json.Content.Headers.ContentType!.ToString());
        Assert.Equal("""{"error":{"code":404,"title":"Not Found","message":"No image found with ID nosuch"}}""", await json.Content.ReadAsStringAsync(Cancel));
        using var html = await gateway.SendAsync(Persona.Owner, "GET", "/v2/images/nosuch", null, ("Accept", "*/*"));
        Assert.Equal("text/html; charset=UTF-8", html.Content.Headers.ContentType!.ToString());
        Assert.Equal(151, html.Content.Headers.ContentLength);
    }

    [Fact]
    public async Task Chunked_JSON_is_bounded_too()
    {
        var content = new PushContent("{\"k\":\"" + new string('x', 2 << 20));
        using var response = await gateway.SendAsync(Gateway.HeadersOf(Persona.Owner), "POST", "/v2/images", content);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
    }
}
