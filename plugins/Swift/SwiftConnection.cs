using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Security.Authentication;
using System.Text.Json;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Swift;

/// <summary>What a HEAD or GET says of an object.</summary>
/// <param name="Length">Bytes, of all segments together.</param>
/// <param name="ETag">As sent: of one object the MD5, of a large one a tag over those of its segments.</param>
/// <param name="Timestamp">When it was written, to the hundredth of a millisecond.</param>
/// <param name="AttemptId">Who wrote it; null when it was not this product.</param>
/// <param name="IsStaticLarge">Whether it is a static large object.</param>
/// <param name="Manifest">Container and prefix of the segments of a dynamic large object; null for others.</param>
/// <param name="Project">Of a marker: the project in whose account its attempt works.</param>
/// <param name="IsLink">Whether it only points to another object. Told where links are not followed.</param>
internal sealed record ObjectFacts(long Length, string? ETag, string? Timestamp, string? AttemptId, bool IsStaticLarge, string? Manifest, string? Project, bool IsLink)
{
    /// <summary>What identifies this state. A dynamic large object's tag depends on how far its listing has come, so its time is taken.</summary>
    public string? Validator => Manifest is null ? ETag ?? Timestamp : Timestamp;
}

/// <summary>An object in a listing.</summary>
internal sealed record ListedObject(string Name, long Bytes, string ETag, DateTimeOffset? ModifiedAt);

/// <summary>
/// Every request to an account, with a token that holds, tried again where that is safe. In the account of a project, whose members may put
/// there what they like, no object is followed to another: see <see cref="SourceSegments"/>.
/// </summary>
internal sealed class SwiftConnection : IDisposable
{
    /// <summary>The metadata that names the attempt which wrote an object.</summary>
    public const string AttemptHeader = "X-Object-Meta-Glance-Attempt";

    /// <summary>The metadata of a marker that name the project in whose account the attempt works.</summary>
    public const string ProjectHeader = "X-Object-Meta-Glance-Project";
    private const int Tries = 3;

    private readonly SwiftSettings _settings;
    private readonly TimeProvider _time;
    private readonly HttpClient _client;
    private readonly SwiftSession _session;
    private readonly string? _project;

    /// <summary>To the account of the log-in.</summary>
    public SwiftConnection(SwiftSettings settings, TimeProvider time)
    {
        _settings = settings;
        _time = time;
        _client = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = settings.OperationTimeout,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5), // so that a changed address is seen
            SslOptions = settings.Tls,
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
        _client.DefaultRequestHeaders.UserAgent.ParseAdd("GlanceGateway/0.1");
        _session = new SwiftSession(settings, _client, time);
    }

    private SwiftConnection(SwiftConnection own, string project) =>
        (_settings, _time, _client, _session, _project) = (own._settings, own._time, own._client, own._session, project);

    /// <summary>Whether this leads into the account of a project, where its members may change things too.</summary>
    public bool IsOfProject => _project is not null;

    /// <summary>The same, to the account of a project. Not to be disposed.</summary>
    public SwiftConnection For(string project) => new(this, project);

    /// <summary>The log-in that requests are sent with.</summary>
    public async Task<SwiftLogin> LogInAsync(CancellationToken cancellationToken)
    {
        using var limit = Limit(cancellationToken);
        return await RunAsync(limit, token => _session.GetAsync(null, token), cancellationToken, default);
    }

    /// <summary>A limit for the server's silence.</summary>
    public Deadline Limit(CancellationToken caller, CancellationToken other = default) => new(_settings.OperationTimeout, _time, caller, other);

    /// <summary>Sends a request that may be sent again: after a refused token, a lost connection or an answer of 5xx.</summary>
    /// <param name="method">HEAD, GET, PUT with a body that can be made again, DELETE.</param>
    /// <param name="path">Below the account, with its query, escaped.</param>
    /// <param name="prepare">Adds headers and a body to each try.</param>
    /// <param name="cancellationToken">The caller's.</param>
    /// <param name="other">Ends the request too.</param>
    /// <returns>Any answer below 500, its body unread; the caller's to dispose.</returns>
    /// <exception cref="StoreException">The server cannot be reached, fails, or does not let us in.</exception>
    public async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, Action<HttpRequestMessage>? prepare, CancellationToken cancellationToken, CancellationToken other = default)
    {
        SwiftLogin? refused = null;
        for (var tries = 1; ; tries++)
        {
            try
            {
                using var limit = Limit(cancellationToken, other);
                var (response, login) = await RunAsync(limit, token => SendOnceAsync(method, path, prepare, refused, token), cancellationToken, other);
                if (response.StatusCode == HttpStatusCode.Unauthorized && refused is null)
                {
                    response.Dispose();
                    refused = login;
                    continue;
                }

                if ((int)response.StatusCode < 500 || response.StatusCode == HttpStatusCode.InsufficientStorage)
                    return response;
                using (response)
                    throw FaultOf(response, "The server failed");
            }
            catch (StoreException exception) when (exception.Error is StoreError.Unavailable && tries < Tries)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200 * tries), _time, cancellationToken);
            }
        }
    }

    /// <summary>Sends a body that exists once, as it comes.</summary>
    public async Task<HttpResponseMessage> SendOnceAsync(string path, Func<HttpContent> body, CancellationToken cancellationToken)
    {
        SwiftLogin? refused = null;
        while (true)
        {
            var (response, login) = await RunAsync(
                null,
                token => SendOnceAsync(
                    HttpMethod.Put,
                    path,
                    request =>
                    {
                        request.Content = body();

                        // A token that is no longer taken is refused before a byte has left.
                        request.Headers.ExpectContinue = true;
                    },
                    refused,
                    token),
                cancellationToken,
                cancellationToken);
            if (response.StatusCode != HttpStatusCode.Unauthorized || refused is not null)
                return response;
            response.Dispose();
            refused = login;
        }
    }

    /// <summary>What an object is; null when there is none.</summary>
    public async Task<(HttpStatusCode Status, ObjectFacts? Facts)> DescribeAsync(string container, string name, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(HttpMethod.Head, PathOf(container, name) + (IsOfProject ? "?symlink=get" : ""), null, cancellationToken);
        return (response.StatusCode, response.IsSuccessStatusCode ? FactsOf(response) : null);
    }

    /// <summary>Lists the objects whose names begin with a prefix, page by page.</summary>
    public async IAsyncEnumerable<ListedObject> ListAsync(string container, string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var marker = ""; ;)
        {
            var path = $"/{Uri.EscapeDataString(container)}?format=json&limit=1000&prefix={Uri.EscapeDataString(prefix)}&marker={Uri.EscapeDataString(marker)}";
            using var response = await SendAsync(HttpMethod.Get, path, null, cancellationToken);
            if (response.StatusCode == HttpStatusCode.NoContent)
                yield break;
            if (response.StatusCode == HttpStatusCode.NotFound && IsOfProject)
                yield break;
            if (!response.IsSuccessStatusCode)
                throw FaultOf(response, "The container could not be listed");
            using var limit = Limit(cancellationToken);
            var page = await RunAsync(
                limit,
                async token => await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync(token), cancellationToken: token),
                cancellationToken,
                default);
            using (page)
            {
                if (page.RootElement.GetArrayLength() == 0)
                    yield break;
                foreach (var entry in page.RootElement.EnumerateArray())
                {
                    if (!entry.TryGetProperty("name", out var named))
                        continue;
                    marker = named.GetString()!;
                    yield return new ListedObject(marker, entry.GetProperty("bytes").GetInt64(), entry.TryGetProperty("hash", out var tag) ? tag.GetString() ?? "" : "", TimeIn(entry));
                }
            }
        }
    }

    /// <summary>Deletes an object; one that is not there is fine.</summary>
    public async Task RemoveAsync(string container, string name, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(HttpMethod.Delete, PathOf(container, name), null, cancellationToken);
        if (!response.IsSuccessStatusCode && response.StatusCode != HttpStatusCode.NotFound)
            throw FaultOf(response, $"'{name}' could not be deleted");
    }

    /// <summary>What the cluster allows, from its /info; null when it does not say.</summary>
    public async Task<JsonDocument?> ReadInfoAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var limit = Limit(cancellationToken);
            var login = await _session.GetAsync(null, limit.Token);
            using var response = await _client.GetAsync(new Uri(login.StorageUrl, "/info"), limit.Token);
            return response.IsSuccessStatusCode ? await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync(limit.Token), cancellationToken: limit.Token) : null;
        }
        catch (Exception exception) when (exception is HttpRequestException or JsonException or IOException)
        {
            return null;
        }
    }

    /// <summary>Runs a request or a read, and turns what goes wrong into faults.</summary>
    public async Task<T> RunAsync<T>(Deadline? limit, Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken, CancellationToken other)
    {
        try
        {
            return await call(limit?.Token ?? cancellationToken);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested && !other.IsCancellationRequested)
        {
            throw new StoreException(StoreError.TimedOut, $"{Authority} was silent for {_settings.OperationTimeout.TotalSeconds:0.##} s.");
        }
        catch (HttpRequestException exception) when (exception.InnerException is AuthenticationException)
        {
            throw new StoreException(
                StoreError.Misconfigured, $"The certificate of {Authority} is not trusted or not for this host; install its issuer or name it in ca_file.");
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or System.Net.Sockets.SocketException)
        {
            var error = (exception as HttpRequestException)?.HttpRequestError ?? (exception as HttpIOException)?.HttpRequestError;
            throw new StoreException(StoreError.Unavailable, $"{Authority} cannot be reached ({error?.ToString() ?? "the connection was lost"}).");
        }
    }

    /// <summary>An answer that nobody expected, as a fault. Its body is not repeated: it echoes what was sent.</summary>
    public StoreException FaultOf(HttpResponseMessage response, string what)
    {
        var error = (int)response.StatusCode switch
        {
            401 or 403 => StoreError.Misconfigured,
            408 or 429 or 498 or >= 500 => StoreError.Unavailable,
            _ => StoreError.Unexpected,
        };
        return new StoreException(error, $"{what}: {Authority} answered {(int)response.StatusCode}.");
    }

    /// <summary>The expected outcome of an answer; null for others.</summary>
    public static StoreOutcome? OutcomeOf(HttpStatusCode status) => status switch
    {
        HttpStatusCode.NotFound => StoreOutcome.Absent,
        HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized => StoreOutcome.Denied,
        HttpStatusCode.RequestEntityTooLarge or HttpStatusCode.InsufficientStorage => StoreOutcome.Full,
        _ => null,
    };

    public static string PathOf(string container, string name) =>
        $"/{Uri.EscapeDataString(container)}/{string.Join('/', name.Split('/').Select(Uri.EscapeDataString))}";

    /// <summary>For reading: of an account of ours as the server puts it together, of a project's as it is.</summary>
    public string PlainPathOf(string container, string name) => PathOf(container, name) + (IsOfProject ? "?symlink=get&multipart-manifest=get" : "");

    public static ObjectFacts FactsOf(HttpResponseMessage response)
    {
        var content = response.Content.Headers;
        return new ObjectFacts(
            content.ContentRange?.Length ?? content.ContentLength ?? 0,
            Header("ETag"),
            Header("X-Timestamp"),
            Header(AttemptHeader),
            string.Equals(Header("X-Static-Large-Object"), "true", StringComparison.OrdinalIgnoreCase),
            Header("X-Object-Manifest"),
            Header(ProjectHeader),
            Header("X-Symlink-Target") is not null);

        string? Header(string name) => response.Headers.NonValidated.TryGetValues(name, out var values) ? values.ToString().Trim('"') : null;
    }

    public void Dispose()
    {
        if (IsOfProject)
            return;
        _client.Dispose();
        _session.Dispose();
    }

    private string Authority => _settings.StorageUrl?.Authority ?? _settings.AuthUrl.Authority;

    private async Task<(HttpResponseMessage Response, SwiftLogin Login)> SendOnceAsync(
        HttpMethod method, string path, Action<HttpRequestMessage>? prepare, SwiftLogin? refused, CancellationToken cancellationToken)
    {
        var login = await _session.GetAsync(refused, cancellationToken);
        using var request = new HttpRequestMessage(method, login.UrlOf(_project) + path);
        request.Headers.TryAddWithoutValidation("X-Auth-Token", login.Token);
        prepare?.Invoke(request);
        return (await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken), login);
    }

    private static DateTimeOffset? TimeIn(JsonElement entry) =>
        entry.TryGetProperty("last_modified", out var time)
        && DateTimeOffset.TryParse(time.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var parsed)
            ? parsed
            : null;
}
