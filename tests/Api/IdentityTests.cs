using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Api.Tests;

public sealed class IdentityTests(Gateway gateway)
{
    public static TheoryData<string, string?> Headers => new()
    {
        { "X-Identity-Status: Confirmed|X-Project-Id: p|X-Roles: Member, READER", "p:member,reader" },
        { "X-Identity-Status: Confirmed|X-Tenant-Id: p|X-Role: member", "p:member" },
        { "X-Identity-Status: Confirmed|X-Tenant: p|X-Roles: admin", "p:admin" },
        { "X-Identity-Status: Confirmed|X-Project-Id: p|X-Tenant-Id: q|X-Roles: admin", "p:admin" },
        { "X-Identity-Status: Confirmed", ":" },
        { "X-Identity-Status: Invalid|X-Project-Id: p|X-Roles: admin", null },
        { "X-Identity-Status: confirmed|X-Project-Id: p|X-Roles: admin", null },
        { "X-Project-Id: p|X-Roles: admin", null },
        { "X-Identity-Status: Confirmed|X-Project-Id: p|X-Project-Id: q|X-Roles: admin", null },
        { "X-Identity-Status: Confirmed|X-Project-Id: p|X-Roles: member|X-Roles: admin", null },
        { "", null },
    };

    [Theory]
    [MemberData(nameof(Headers))]
    public async Task A_trusted_proxy_says_who_asks(string headers, string? expected)
    {
        var caller = await new ProxyCallers([IPNetwork.Parse("10.0.0.0/8")], NullLogger.Instance).IdentifyAsync(Request("10.1.2.3", headers), TestContext.Current.CancellationToken);
        Assert.Equal(expected, caller is null ? null : $"{caller.ProjectId}:{string.Join(',', caller.Roles.Order(StringComparer.Ordinal))}");
    }

    [Fact]
    public async Task A_trusted_proxy_says_through_which_service_and_for_which_scope()
    {
        var callers = new ProxyCallers([IPNetwork.Parse("10.0.0.0/8")], NullLogger.Instance);
        var none = TestContext.Current.CancellationToken;
        var passed = await callers.IdentifyAsync(Request("10.1.2.3", "X-Identity-Status: Confirmed|X-Project-Id: p|X-Roles: member|X-Service-Identity-Status: Confirmed|X-Service-Roles: Service"), none);
        Assert.Equal(["service"], passed!.ServiceRoles);
        Assert.Equal(["member"], passed.Roles);
        var doubtful = await callers.IdentifyAsync(Request("10.1.2.3", "X-Identity-Status: Confirmed|X-Project-Id: p|X-Service-Identity-Status: Invalid|X-Service-Roles: service"), none);
        Assert.Empty(doubtful!.ServiceRoles);
        var system = await callers.IdentifyAsync(Request("10.1.2.3", "X-Identity-Status: Confirmed|OpenStack-System-Scope: all|X-Roles: admin"), none);
        Assert.Equal(("all", null), (system!.SystemScope, system.DomainId));
        var domain = await callers.IdentifyAsync(Request("10.1.2.3", "X-Identity-Status: Confirmed|X-Domain-Id: d|X-Roles: admin"), none);
        Assert.Equal((null, "d"), (domain!.SystemScope, domain.DomainId));
    }

    [Theory]
    [InlineData("10.1.2.3", true)]
    [InlineData("::ffff:10.1.2.3", true)]
    [InlineData("192.0.2.7", true)]
    [InlineData("192.0.2.8", false)]
    [InlineData("11.0.0.1", false)]
    [InlineData("2001:db8::1", true)]
    [InlineData("2001:db9::1", false)]
    [InlineData(null, false)]
    public async Task Only_trusted_proxies_are_believed(string? address, bool trusted)
    {
        var callers = new ProxyCallers([IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("192.0.2.7/32"), IPNetwork.Parse("2001:db8::/32")], NullLogger.Instance);
        var http = Request(address, "X-Identity-Status: Confirmed|X-Project-Id: p|X-Roles: admin|X-Service-Roles: service");

        var caller = await callers.IdentifyAsync(http, TestContext.Current.CancellationToken);

        Assert.Equal(trusted, caller is not null);
        if (!trusted)
            Assert.Empty(http.Request.Headers);
    }

    [Fact]
    public async Task Nobody_is_trusted_by_default()
    {
        var callers = new ProxyCallers(new ApiOptions().TrustedProxies, NullLogger.Instance);
        Assert.Null(await callers.IdentifyAsync(Request("127.0.0.1", "X-Identity-Status: Confirmed|X-Project-Id: p|X-Roles: admin"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Everybody_is_the_administrator_of_one_project_when_nobody_is_asked()
    {
        var http = Request("192.0.2.1", "X-Identity-Status: Confirmed|X-Project-Id: other|X-Roles: reader|X-Auth-Token: t");
        var caller = await new SingleProjectCallers("lab").IdentifyAsync(http, TestContext.Current.CancellationToken);
        Assert.Equal("lab", caller!.ProjectId);
        Assert.Equal(["admin", "member", "reader"], caller.Roles.Order(StringComparer.Ordinal));
        Assert.Equal("X-Auth-Token", Assert.Single(http.Request.Headers).Key);
    }

    [Fact]
    public async Task Without_identity_the_answer_is_401()
    {
        using var response = await gateway.SendAsync(Persona.Nobody, "GET", "/v2/images");
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal(253, response.Content.Headers.ContentLength);
    }

    private static DefaultHttpContext Request(string? address, string headers)
    {
        var http = new DefaultHttpContext();
        http.Connection.RemoteIpAddress = address is null ? null : IPAddress.Parse(address);
        foreach (var header in headers.Split('|', StringSplitOptions.RemoveEmptyEntries))
            http.Request.Headers.Append(header.Split(": ")[0], header.Split(": ")[1]);
        return http;
    }
}
