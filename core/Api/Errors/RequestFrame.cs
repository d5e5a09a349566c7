using GlanceGateway.Abstractions;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Api;

/// <summary>
/// What stands around every request: its id, its line in the log, and the end of everything that went wrong. An error becomes an answer as long
/// as nothing has been sent; after that the connection is cut, which is the only way left to tell the client that what it has is not whole.
/// </summary>
internal sealed class RequestFrame(ApiOptions options, TimeProvider time, ILogger logger)
{
    private const int ClientGone = 499;
    private const long SmallBodyBytes = 64 * 1024;

    /// <summary>Runs a request.</summary>
    public async Task RunAsync(HttpContext http, RequestDelegate next)
    {
        var started = time.GetTimestamp();
        var journal = new RequestJournal();
        http.Features.Set(journal);
        var id = RequestIds.Choose(http.Request.Headers[RequestIds.Header], options.MaxRequestIdLength, out var tooLong);
        http.TraceIdentifier = id;
        http.Response.Headers[RequestIds.Header] = id;
        var status = 0;
        try
        {
            if (tooLong)
                throw new ApiException(431, $"The request id is longer than {options.MaxRequestIdLength} characters.");
            await next(http);
        }
        catch (Exception e) when (http.RequestAborted.IsCancellationRequested || e is ConnectionAbortedException or ConnectionResetException)
        {
            Log.ClientGone(logger, id, e);
            status = ClientGone;
        }
        catch (Exception e)
        {
            var answer = ErrorStatus.Answer(e, out var foreseen);
            if (!foreseen)
                Log.Fault(logger, id, Scrub(e));
            if (http.Response.HasStarted)
            {
                Log.Cut(logger, id, Scrub(e));
                status = ClientGone;
                http.Abort();
            }
            else
            {
                await WriteAsync(http, answer, journal, id);
            }
        }
        finally
        {
            Log.Answered(logger, http.Request.Method, RequestPath.Raw(http), status == 0 ? http.Response.StatusCode : status,
                time.GetElapsedTime(started).TotalMilliseconds, journal.BytesSent, id);
        }
    }

    /// <summary>An exception that a log sink may keep: one that a driver threw could hold its plugin in memory for as long as the sink holds it.</summary>
    private static Exception Scrub(Exception exception) =>
        exception is StoreException { InnerException: { } inner } fault
            ? new StoreException(fault.Error, $"{fault.Message} ({inner.GetType().Name}: {inner.Message})", fault.Key)
            : exception;

    /// <summary>Whether there may be more body than is worth reading to keep a connection. The server still drains a little of it, so that a
    /// client that is sending sees the answer before the end.</summary>
    private static bool LeavesBodyBehind(HttpRequest request) =>
        HttpProtocol.IsHttp11(request.Protocol)
        && ApiCall.HasBody(request)
        && (request.ContentLength is null or > SmallBodyBytes || request.Headers.Expect.Count > 0);

    private static async Task WriteAsync(HttpContext http, ApiException error, RequestJournal journal, string id)
    {
        var response = http.Response;
        response.Clear();
        response.Headers[RequestIds.Header] = id;
        if (error.Header is { } header)
            response.Headers[header.Name] = header.Value;
        if (LeavesBodyBehind(http.Request))
            response.Headers.Connection = "close";
        response.StatusCode = error.Status;
        if (http.Features.Get<IHttpResponseFeature>() is { } feature)
            feature.ReasonPhrase = ErrorText.Title(error.Status);
        var (contentType, body) = ErrorBody.Render(error, http.Request.Headers.Accept);
        response.ContentType = contentType;
        if (HttpMethods.IsHead(http.Request.Method))
            return;
        response.ContentLength = body.Length;
        try
        {
            await response.Body.WriteAsync(body, http.RequestAborted);
            journal.BytesSent += body.Length;
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            http.Abort();
        }
    }
}
