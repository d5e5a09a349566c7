using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace GlanceGateway.Client.Tests;

/// <summary>Stands between a client and an endpoint, counts, and does damage: refuses ranges, answers 503, breaks bodies off, says nothing.</summary>
public sealed class FaultyProxy : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false }) { Timeout = TimeSpan.FromMinutes(2) };
    private readonly Random _random = new(20260101);
    private readonly Lock _lock = new();

    public FaultyProxy(Uri target)
    {
        Target = target;
        using TcpListener free = new(IPAddress.Loopback, 0);
        free.Start();
        Address = new Uri($"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}/");
        free.Stop();
        _listener.Prefixes.Add(Address.ToString());
        _listener.Start();
        _ = Task.Run(ServeAsync);
    }

    public Uri Address { get; }

    public Uri Target { get; set; }

    /// <summary>What a request with a range is answered with; null to pass it on; 200 for the whole.</summary>
    public int? RangesGive { get; set; }

    /// <summary>The share of requests that end in a fault: half of them answered 503, half broken off.</summary>
    public double Faults { get; set; }

    /// <summary>Gives every path an <c>ETag</c>, as a web server does whose files never change.</summary>
    public bool TellsTags { get; set; }

    /// <summary>Leaves out what says that there is a change feed, as a Glance does.</summary>
    public bool HidesFeed { get; set; }

    /// <summary>What the change feed answers; null to pass it on.</summary>
    public int? FeedGives { get; set; }

    /// <summary>Refuses the position of the next request for the feed, as a gateway over another registry does. False again when that was done.</summary>
    public bool RefusesNextPosition { get; set; }

    /// <summary>Breaks the next body off after so many bytes.</summary>
    public int? BreakNextAfter { get; set; }

    /// <summary>Every request is answered with this.</summary>
    public int? Status { get; set; }

    /// <summary>Waits before each answer.</summary>
    public TimeSpan Delay { get; set; }

    /// <summary>Requests by method, path and range.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    /// <summary>Headers X-Auth-Token that came.</summary>
    public ConcurrentQueue<string?> Tokens { get; } = new();

    /// <summary>Bodies of image data that were begun without a range.</summary>
    public int WholeDownloads => Requests.Count(request => request.EndsWith("/file ", StringComparison.Ordinal));

    public void Dispose()
    {
        _listener.Close();
        _http.Dispose();
    }

    private async Task ServeAsync()
    {
        while (_listener.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            _ = Task.Run(() => AnswerAsync(context));
        }
    }

    private async Task AnswerAsync(HttpListenerContext context)
    {
        try
        {
            await PassAsync(context);
            context.Response.Close();
        }
        catch (Exception)
        {
            try
            {
                // Aborted before its head has left, this listener sends one all the same: an empty 200.
                context.Response.StatusCode = 502;
            }
            catch (InvalidOperationException)
            {
                // The head has left; the body is cut off.
            }

            context.Response.Abort();
        }
    }

    private async Task PassAsync(HttpListenerContext context)
    {
        var range = context.Request.Headers["Range"];
        Requests.Enqueue($"{context.Request.HttpMethod} {context.Request.RawUrl} {range}");
        Tokens.Enqueue(context.Request.Headers["X-Auth-Token"]);
        await Task.Delay(Delay);
        var (isUnavailable, breakAfter) = Damage();
        if (isUnavailable || Status is not null || (range is not null && RangesGive is >= 400))
        {
            context.Response.StatusCode = isUnavailable ? 503 : Status ?? RangesGive!.Value;
            return;
        }

        if (context.Request.RawUrl!.StartsWith("/gateway/", StringComparison.Ordinal))
        {
            var isRefused = RefusesNextPosition && context.Request.RawUrl.Contains("after=", StringComparison.Ordinal);
            RefusesNextPosition &= !isRefused;
            if ((isRefused ? 410 : FeedGives) is { } given)
            {
                context.Response.StatusCode = given;
                return;
            }
        }

        using HttpRequestMessage request = new(HttpMethod.Get, new Uri(Target, context.Request.RawUrl!));
        if (range is not null && RangesGive is null)
            request.Headers.TryAddWithoutValidation("Range", range);
        if (context.Request.Headers["X-Auth-Token"] is { } token)
            request.Headers.TryAddWithoutValidation("X-Auth-Token", token);
        using var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        context.Response.StatusCode = (int)answer.StatusCode;
        foreach (var name in (string[])["Content-MD5", "Content-Range", "Content-Type"])
        {
            if (answer.Content.Headers.TryGetValues(name, out var values))
                context.Response.Headers[name] = values.First();
        }

        if (!HidesFeed && answer.Headers.TryGetValues("Link", out var links))
            context.Response.Headers["Link"] = links.First();
        if (TellsTags)
            context.Response.Headers["ETag"] = $"\"{context.Request.Url!.AbsolutePath}\"";
        if (answer.Content.Headers.ContentLength is { } length)
            context.Response.ContentLength64 = length;
        await using var body = await answer.Content.ReadAsStreamAsync();
        var buffer = new byte[64 << 10];
        for (int read, sent = 0; (read = await body.ReadAsync(buffer)) > 0; sent += read)
        {
            if (breakAfter is { } limit && sent + read > limit)
                throw new IOException("broken off on purpose");
            await context.Response.OutputStream.WriteAsync(buffer.AsMemory(0, read));
        }
    }

    private (bool IsUnavailable, int? BreakAfter) Damage()
    {
        lock (_lock)
        {
            if (BreakNextAfter is { } limit)
            {
                BreakNextAfter = null;
                return (false, limit);
            }

            if (_random.NextDouble() >= Faults)
                return (false, null);
            return _random.Next(2) == 0 ? (true, null) : (false, _random.Next(1 << 20));
        }
    }
}
