using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using GlanceGateway.Abstractions;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Client;

/// <summary>A client of the Images API v2, over one or several endpoints of the same service. Safe for concurrent use; holds no image.</summary>
public sealed class ImagesClient
{
    /// <summary>How often a list begins anew because the image at the end of a page was deleted.</summary>
    private const int ListRestarts = 5;

    private readonly ImageTransport _transport;
    private volatile bool _listsEveryVisibility = true;

    /// <summary>Makes a client; nothing is asked yet.</summary>
    /// <param name="http">Of <see cref="ClientHttp.Create"/>; stays the caller's.</param>
    /// <param name="login">Who asks, and where; stays the caller's.</param>
    /// <param name="options">Patience and time limits.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Hears of trouble.</param>
    public ImagesClient(HttpClient http, ILogin login, ClientOptions options, TimeProvider time, ILogger logger) =>
        _transport = new ImageTransport(http, login, options, time, logger);

    /// <summary>How the endpoints are, in the order of preference; empty before the first log-in.</summary>
    public IReadOnlyList<EndpointHealth> Health => _transport.Health;

    /// <summary>How often a second endpoint was asked because the first was late.</summary>
    public HedgeCounts Hedges => _transport.Hedges;

    /// <summary>The versions that the endpoint names, such as <c>v2.17</c>, newest first.</summary>
    /// <exception cref="StoreException">There is no answer, or it is no Images API.</exception>
    public async Task<IReadOnlyList<string>> DiscoverAsync(CancellationToken cancellationToken)
    {
        // What is no version is answered with 300 and the same list.
        var (status, answer) = await AskAsync("versions", patience: null, cancellationToken);
        using var json = answer ?? throw Unexpected(status, "its versions");
        if (json.RootElement.ValueKind != JsonValueKind.Object || !json.RootElement.TryGetProperty("versions", out var versions) || versions.ValueKind != JsonValueKind.Array)
            throw new StoreException(StoreError.Misconfigured, "The endpoint names no versions; is it an Images API?");
        return [.. versions.EnumerateArray().Select(version => ImageJson.Text(version, "id")).OfType<string>()];
    }

    /// <summary>
    /// Every image that this identity may see, hidden and community ones too, page by page. An image that changes meanwhile may come twice; the later one is right.
    /// </summary>
    /// <param name="query">Which images.</param>
    /// <param name="patience">How long each page is tried; null for the client's own.</param>
    /// <param name="cancellationToken">Ends the list.</param>
    /// <exception cref="StoreException">There is no answer.</exception>
    public async IAsyncEnumerable<IReadOnlyList<RemoteImage>> ListAsync(
        ImageListQuery query, TimeSpan? patience = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        foreach (var hidden in (bool[])[false, true])
        {
            string? marker = null;
            var restarts = 0;
            while (true)
            {
                var everyVisibility = _listsEveryVisibility;
                var parameters = query.ToQuery(_transport.Options.PageSize, everyVisibility, hidden, marker);
                var (status, answer) = await AskAsync($"v2/images?{parameters}", patience, cancellationToken);
                if (status == HttpStatusCode.BadRequest && marker is not null && restarts++ < ListRestarts)
                {
                    // The image at the end of the page before was deleted.
                    marker = null;
                    continue;
                }

                if (status == HttpStatusCode.BadRequest && everyVisibility)
                {
                    // Older than Rocky.
                    _listsEveryVisibility = false;
                    continue;
                }

                using var json = status == HttpStatusCode.OK && answer is not null ? answer : throw Unexpected(status, "a list of images");
                var (images, next) = ImageJson.ReadPage(json.RootElement);
                yield return images;
                if (next is null || next == marker)
                    break;
                marker = next;
            }
        }
    }

    /// <summary>An image; null when there is none, or none that this identity may see.</summary>
    /// <param name="id">Its UUID.</param>
    /// <param name="patience">How long it is tried; null for the client's own.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="StoreException">There is no answer.</exception>
    public async Task<RemoteImage?> ShowAsync(string id, TimeSpan? patience = null, CancellationToken cancellationToken = default)
    {
        var (status, answer) = await AskAsync($"v2/images/{Uri.EscapeDataString(id)}", patience, cancellationToken);
        if (status is HttpStatusCode.NotFound or HttpStatusCode.Forbidden)
            return null;
        using var json = status == HttpStatusCode.OK && answer is not null ? answer : throw Unexpected(status, $"image {id}");
        return ImageJson.Read(json.RootElement);
    }

    /// <summary>The bytes of an image; nothing is asked before the first read.</summary>
    /// <param name="image">As it was shown; answers that are of other data end with <see cref="StoreError.Changed"/>.</param>
    /// <param name="ranges">What is known of its ranges, and learns more.</param>
    public IByteSource Open(RemoteImage image, RangeKnowledge? ranges = null) => new ImageByteSource(_transport, image, ranges ?? new RangeKnowledge());

    /// <summary>Finds out whether an image can be read in ranges, unless that is known; asks for its first byte.</summary>
    /// <param name="image">As it was shown.</param>
    /// <param name="ranges">Learns it.</param>
    /// <param name="patience">How long it is tried; null for the client's own.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="StoreException">There is no answer, or the image is gone.</exception>
    public async Task ProbeRangesAsync(RemoteImage image, RangeKnowledge ranges, TimeSpan? patience = null, CancellationToken cancellationToken = default)
    {
        await using var source = new ImageByteSource(_transport, image, ranges);
        await source.ProbeAsync(patience ?? _transport.Options.Patience, cancellationToken);
    }

    private static StoreException Unexpected(HttpStatusCode status, string what) => status switch
    {
        HttpStatusCode.Forbidden => new(StoreError.Misconfigured, $"The endpoint forbids {what} (403); check the roles and the project of the log-in."),
        HttpStatusCode.MultipleChoices or HttpStatusCode.NotFound => new(StoreError.Misconfigured, $"The endpoint has no Images API v2 ({(int)status} for {what})."),
        _ => new(StoreError.Unexpected, $"The endpoint answers {(int)status} when asked for {what}."),
    };

    /// <summary>Asks for a document; a body that breaks off is asked for again.</summary>
    /// <returns>The status, and the document when there is one: the caller's to dispose.</returns>
    private async Task<(HttpStatusCode Status, JsonDocument? Json)> AskAsync(string path, TimeSpan? patience, CancellationToken cancellationToken)
    {
        for (var attempt = 0; ; attempt++)
        {
            using var answer = await _transport.GetAsync(path, range: null, mayHedge: false, patience ?? _transport.Options.Patience, cancellationToken);
            if (answer.StatusCode is not (HttpStatusCode.OK or HttpStatusCode.MultipleChoices))
                return (answer.StatusCode, null);
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            deadline.CancelAfter(_transport.Options.AnswerTimeout);
            try
            {
                await using var body = await answer.Content.ReadAsStreamAsync(deadline.Token);
                return (answer.StatusCode, await ImageJson.ReadAsync(body, deadline.Token));
            }
            catch (Exception fault) when (fault is IOException or HttpRequestException || (fault is OperationCanceledException && !cancellationToken.IsCancellationRequested))
            {
                if (attempt + 1 >= _transport.Options.Attempts)
                    throw new StoreException(StoreError.Unavailable, $"An answer of the endpoint broke off: {ClientHttp.Describe(fault)}");
                await Task.Delay(_transport.DelayOf(attempt), _transport.Time, cancellationToken);
            }
        }
    }
}
