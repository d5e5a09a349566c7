using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Client;

// Asking what changed, where an endpoint answers that: our gateways do, Glance does not.
//
// * Nothing is guessed: an endpoint is asked for its version list, which every client of images does, and for the feed only if a header there names it. The
//   feed must lie at the same origin; the token goes nowhere else.
// * A position is good at every endpoint over the same registry. The endpoint that answered last is asked first, the others in turn when it does not;
//   one over another registry refuses the position, and its answer is passed on.
// * A request here waits for long, and may be refused because many do. That says nothing of how the endpoint answers other requests, so it touches no
//   circuit, and there are no attempts: the caller knows what to do meanwhile.

/// <summary>A client of the change feed, over one or several endpoints of the same service. For one caller at a time.</summary>
/// <param name="http">Of <see cref="ClientHttp.Create"/>; stays the caller's.</param>
/// <param name="login">Who asks, and where; stays the caller's.</param>
/// <param name="options">Time limits.</param>
public sealed partial class RemoteFeed(HttpClient http, ILogin login, ClientOptions options)
{
    private const string Relation = "urn:glance-gateway:changes";

    /// <summary>Where the feeds of endpoints are; null for those that have none.</summary>
    private readonly Dictionary<Uri, Uri?> _found = [];

    private Uri? _last;

    /// <summary>The endpoint that answered last; null for none.</summary>
    public Uri? Endpoint => Volatile.Read(ref _last);

    /// <summary>Finds a feed and its end.</summary>
    /// <param name="patience">How long this may take.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The position from which on changes can be asked for; null when no endpoint has a feed.</returns>
    /// <exception cref="StoreException">An endpoint that has one, or may have one, does not answer.</exception>
    public async Task<string?> BeginAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        foreach (var without in _found.Where(found => found.Value is null).Select(found => found.Key).ToList())
            _found.Remove(without);
        return (await AskAsync("", patience, cancellationToken))?.Next;
    }

    /// <summary>What changed after a position.</summary>
    /// <param name="after">The position.</param>
    /// <param name="wait">How long the endpoint may wait for a change before it answers; a minute at most.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Null when the position is refused: then <see cref="BeginAsync"/> and a list of everything.</returns>
    /// <exception cref="StoreException">No endpoint answers.</exception>
    public Task<RemoteChanges?> ReadAsync(string after, TimeSpan wait, CancellationToken cancellationToken) =>
        AskAsync($"?after={Uri.EscapeDataString(after)}&wait={(int)wait.TotalSeconds}", wait + options.AnswerTimeout, cancellationToken);

    private async Task<RemoteChanges?> AskAsync(string query, TimeSpan patience, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(patience);
        string? problem = null;
        try
        {
            for (var hasLoggedInAnew = false; ; hasLoggedInAnew = true)
            {
                var session = await login.GetAsync(deadline.Token);
                var isRefused = false;
                foreach (var root in session.Endpoints.OrderBy(root => root == _last ? 0 : 1))
                {
                    try
                    {
                        if (await FindAsync(root, deadline.Token) is not { } feed)
                            continue;
                        using var answer = await SendAsync(new Uri(feed.AbsoluteUri + query), session, deadline.Token);
                        switch (answer.StatusCode)
                        {
                            case HttpStatusCode.OK:
                                var page = await ReadAsync(answer, deadline.Token);
                                Volatile.Write(ref _last, root);
                                return page;
                            case HttpStatusCode.Gone:
                                Volatile.Write(ref _last, root);
                                return null;
                            case HttpStatusCode.Unauthorized when !hasLoggedInAnew && login.Forget(session):
                                isRefused = true;
                                break;
                            default:
                                // A gateway of an older version may have taken its place.
                                _found.Remove(root);
                                problem = $"{root} answers {(int)answer.StatusCode} when asked for changes";
                                break;
                        }
                    }
                    catch (Exception fault) when (fault is HttpRequestException or IOException)
                    {
                        problem = $"{root}: {ClientHttp.Describe(fault)}";
                    }

                    if (isRefused)
                        break;
                }

                if (!isRefused)
                    return problem is null ? null : throw new StoreException(StoreError.Unavailable, $"No endpoint tells changes: {problem}.");
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new StoreException(StoreError.Unavailable, "No endpoint tells changes: no answer in time.");
        }
    }

    /// <summary>Where the feed of an endpoint is; null when it has none.</summary>
    private async Task<Uri?> FindAsync(Uri root, CancellationToken cancellationToken)
    {
        if (_found.TryGetValue(root, out var known))
            return known;
        // Everybody may see it: no token.
        using var answer = await SendAsync(new Uri(root, "versions"), session: null, cancellationToken);
        if ((int)answer.StatusCode >= 500)
            throw new HttpRequestException($"{(int)answer.StatusCode} when asked for its versions");
        var links = answer.Headers.TryGetValues("Link", out var values) ? values : [];
        var target = links.SelectMany(link => Links().Matches(link)).FirstOrDefault(link => link.Groups["relation"].Value == Relation)?.Groups["target"].Value;
        return _found[root] = target is not null && Uri.TryCreate(new Uri(root, "versions"), target, out var feed) && IsBelow(root, feed) ? feed : null;
    }

    private static bool IsBelow(Uri root, Uri feed) =>
        feed.Scheme == root.Scheme && feed.Authority == root.Authority && feed.AbsolutePath.StartsWith(root.AbsolutePath, StringComparison.Ordinal) && feed.Query.Length == 0;

    private async Task<HttpResponseMessage> SendAsync(Uri address, LoginSession? session, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, address);
        request.Headers.TryAddWithoutValidation("Accept", "application/json");
        if (session?.Token is { } token)
            request.Headers.TryAddWithoutValidation("X-Auth-Token", token);
        return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }

    private static async Task<RemoteChanges> ReadAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        await using var body = await answer.Content.ReadAsStreamAsync(cancellationToken);
        using var json = await ImageJson.ReadAsync(body, cancellationToken);
        var root = json.RootElement;
        if (ImageJson.Text(root, "next") is not { } next || !root.TryGetProperty("changes", out var changes) || changes.ValueKind != JsonValueKind.Array)
            throw new StoreException(StoreError.Unexpected, "The endpoint's changes are not what they should be; is it an older or newer gateway?");
        var told = changes.EnumerateArray()
            .Select(change => (Id: ImageJson.Text(change, "id"), Kind: ImageJson.Text(change, "kind")))
            .Where(change => change.Id is not null && Guid.TryParseExact(change.Id, "D", out _))
            .ToLookup(change => change.Kind == "gone", change => change.Id!);
        return new RemoteChanges([.. told[false]], [.. told[true]], next);
    }

    /// <summary>The links of a header (RFC 8288) as far as they are needed: target and relation.</summary>
    [GeneratedRegex("""<(?<target>[^<>]*)>[^<,]*;\s*rel="?(?<relation>[^"\s,;]+)"?""", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Links();
}
