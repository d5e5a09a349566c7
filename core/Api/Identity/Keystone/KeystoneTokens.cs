using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Api;

/// <summary>
/// What is known of tokens, so that Keystone is asked once per token and cache time.
///
/// * Tokens are kept as hashes, never as they are.
/// * A confirmed token is believed until it expires, at most for the cache time. Keystone being down changes nothing for it.
/// * A refused token stays refused for ten seconds. Confirmed and refused tokens lie in tables of their own: guessing tokens drives no good one out.
/// * However many requests come with one unknown token, there is one question. It goes on when the request that began it ends.
/// * There are at most 256 questions at a time; what comes beyond is answered with 503 at once.
/// </summary>
internal sealed class KeystoneTokens(KeystoneOptions options, TimeProvider time, ILogger logger) : IDisposable
{
    /// <summary>At about half a kibibyte each.</summary>
    private const int MostConfirmed = 20_000;
    private const int MostRefused = 4_000;
    private const int MostQuestions = 256;

    private static readonly TimeSpan refusalTime = TimeSpan.FromSeconds(10);

    private readonly KeystoneClient keystone = new(options, time, logger);
    private readonly Lock gate = new();
    private readonly BoundedCache<Key, TokenFacts> confirmed = new(MostConfirmed);
    private readonly BoundedCache<Key, bool> refused = new(MostRefused);
    private readonly Dictionary<Key, Task<TokenFacts?>> questions = [];

    /// <summary>What a token stands for.</summary>
    /// <param name="token">The token as it came.</param>
    /// <param name="allowExpired">Whether one that has expired will do.</param>
    /// <param name="cancellationToken">Ends the waiting, not the question.</param>
    /// <returns>Null for a token that is not valid.</returns>
    /// <exception cref="KeystoneFault">Keystone does not say.</exception>
    public async ValueTask<TokenFacts?> FindAsync(string token, bool allowExpired, CancellationToken cancellationToken)
    {
        if (TokenHash.Of(token) is not { } hash)
            return null;
        var now = time.GetUtcNow();
        Task<TokenFacts?>? question;
        lock (gate)
        {
            if (confirmed.TryGet(new(hash, AllowExpired: false), now, out var facts))
                return facts;
            var key = new Key(hash, allowExpired);
            if (allowExpired && confirmed.TryGet(key, now, out facts))
                return facts;
            if (refused.TryGet(key, now, out _))
                return null;
            if (!questions.TryGetValue(key, out question))
            {
                if (questions.Count >= MostQuestions)
                    throw new KeystoneFault("too many tokens wait for an answer", isDown: false);
                // On another thread: what the question does before it waits must not happen under the lock.
                question = Task.Run(() => AskAsync(key, token), CancellationToken.None);
                questions.Add(key, question);
            }
        }
        return await question.WaitAsync(cancellationToken);
    }

    public void Dispose() => keystone.Dispose();

    private async Task<TokenFacts?> AskAsync(Key key, string token)
    {
        TokenFacts? facts = null;
        var isAnswered = false;
        try
        {
            facts = await keystone.CheckAsync(token, key.AllowExpired);
            isAnswered = true;
            if (!key.AllowExpired && facts?.ExpiresAt <= time.GetUtcNow())
                facts = null;
            return facts;
        }
        finally
        {
            lock (gate)
            {
                questions.Remove(key);
                if (isAnswered)
                    Remember(key, facts);
            }
        }
    }

    private void Remember(Key key, TokenFacts? facts)
    {
        var now = time.GetUtcNow();
        if (facts is null)
        {
            refused.Add(key, true, now + refusalTime, now);
            return;
        }
        var until = now + options.CacheTime;
        confirmed.Add(key, facts, key.AllowExpired || until < facts.ExpiresAt ? until : facts.ExpiresAt, now);
    }

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Key(TokenHash Hash, bool AllowExpired);
}
