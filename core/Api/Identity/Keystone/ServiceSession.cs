using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Api;

/// <summary>The gateway's own token: fetched when needed, replaced before it expires or when Keystone no longer accepts it.</summary>
internal sealed class ServiceSession(KeystoneHttp http, Uri tokens, KeystoneOptions options, LoginRequest request, TimeProvider time, ILogger logger) : IDisposable
{
    /// <summary>Wrong credentials are not tried again at once: Keystone may lock an account after a few failures.</summary>
    private static readonly TimeSpan pauseAfterRefusal = TimeSpan.FromSeconds(10);

    private readonly SemaphoreSlim gate = new(1);
    private Session? current;
    private DateTimeOffset refusedUntil;

    /// <summary>A token that is good for some time yet.</summary>
    /// <exception cref="KeystoneFault">There is none to be had.</exception>
    public async Task<string> GetAsync(CancellationToken cancellationToken)
    {
        if (current is { } session && session.RenewAt > time.GetUtcNow())
            return session.Token;
        await gate.WaitAsync(cancellationToken);
        try
        {
            if (current is { } fresh && fresh.RenewAt > time.GetUtcNow())
                return fresh.Token;
            if (refusedUntil > time.GetUtcNow())
                throw new KeystoneFault("it refused the gateway's own credentials a moment ago", isDown: false);
            current = await LogInAsync(cancellationToken);
            return current.Token;
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>Keystone does not accept the token any more.</summary>
    public void Drop(string token)
    {
        if (current is { } session && session.Token == token)
            Interlocked.CompareExchange(ref current, null, session);
    }

    public void Dispose() => gate.Dispose();

    private async Task<Session> LogInAsync(CancellationToken cancellationToken)
    {
        // As bytes, so that the length is known: below uwsgi a chunked body arrives empty.
        var login = JsonSerializer.SerializeToUtf8Bytes(request, KeystoneJson.Default.LoginRequest);
        using var response = await http.SendAsync(
            () => new HttpRequestMessage(HttpMethod.Post, tokens) { Content = new ByteArrayContent(login) { Headers = { ContentType = new("application/json") } } },
            cancellationToken);
        if (response.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.NotFound)
        {
            refusedUntil = time.GetUtcNow() + pauseAfterRefusal;
            Log.LoginRefused(logger, options.AuthUrl, options.Credential.ToString(), (int)response.StatusCode);
            throw new KeystoneFault("it refuses the gateway's own credentials", isDown: false);
        }
        if (response.StatusCode != HttpStatusCode.Created || !response.Headers.TryGetValues("X-Subject-Token", out var issued))
            throw KeystoneFault.Unexpected(response);
        var (_, expiresAt) = await KeystoneFault.ReadAsync(response, cancellationToken);
        Log.LoggedIn(logger, options.AuthUrl, options.Credential.ToString());
        var now = time.GetUtcNow();
        var life = expiresAt - now;
        // A minute before its end, or earlier by a quarter where tokens live only minutes: a check that is under way should not lose it.
        return new(issued.First(), now + life - TimeSpan.FromTicks(Math.Min(TimeSpan.TicksPerMinute, life.Ticks / 4)));
    }

    private sealed record Session(string Token, DateTimeOffset RenewAt);
}
