using GlanceGateway.Abstractions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Api.Tests;

public sealed class LogTests
{
    [Fact]
    public async Task A_request_is_one_line_without_its_secrets()
    {
        var log = new Lines();
        await RunAsync(log, http => JsonAnswer.WriteAsync(http, 201, w => w.WriteNumberValue(12345)));
        var line = Assert.Single(log.Written);
        Assert.Matches("^Information: PATCH /v2/images/x 201 [0-9.]+ ms 5 bytes req-r1$", line);
    }

    [Fact]
    public async Task A_fault_is_told_to_the_operator_only_and_keeps_no_exception_of_a_plugin()
    {
        var log = new Lines();
        var inner = new InvalidOperationException("of a plugin");
        var http = await RunAsync(log, _ => throw new StoreException(StoreError.Corrupt, "broken", "key", inner));
        Assert.Equal(500, http.Response.StatusCode);
        Assert.Equal(["Error: req-r1: the request failed", "Information"], log.Written.Select(l => l.StartsWith("Information", StringComparison.Ordinal) ? "Information" : l));
        var kept = Assert.IsType<StoreException>(Assert.Single(log.Exceptions));
        Assert.Null(kept.InnerException);
        Assert.Contains("of a plugin", kept.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refusal_is_no_fault()
    {
        var log = new Lines();
        await RunAsync(log, _ => throw new ApiException(404));
        Assert.StartsWith("Information: PATCH /v2/images/x 404 ", Assert.Single(log.Written), StringComparison.Ordinal);
    }

    private static async Task<HttpContext> RunAsync(ILogger log, RequestDelegate next)
    {
        var http = new DefaultHttpContext();
        http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget = "/v2/images/x?name=secret";
        http.Request.Method = "PATCH";
        http.Request.Headers["X-Auth-Token"] = "secret";
        http.Request.Headers["X-Openstack-Request-Id"] = "r1";
        http.Response.Body = new MemoryStream();
        await new RequestFrame(new ApiOptions(), TimeProvider.System, log).RunAsync(http, next);
        return http;
    }

    private sealed class Lines : ILogger
    {
        public List<string> Written { get; } = [];

        public List<Exception> Exceptions { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            Written.Add($"{logLevel}: {formatter(state, exception)}");
            if (exception is not null)
                Exceptions.Add(exception);
        }
    }
}
