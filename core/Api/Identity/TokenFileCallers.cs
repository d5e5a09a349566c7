using System.Collections.Frozen;
using GlanceGateway.Images;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Api;

/// <summary>
/// Believes the tokens of a file. It is looked at once a second at most and read again when it was changed. A file that cannot be used leaves
/// the tokens that were read before, and says so in the log: a slip of the editor must not lock everybody out.
/// </summary>
internal sealed class TokenFileCallers : ICallerSource
{
    private static readonly TimeSpan pause = TimeSpan.FromSeconds(1);

    private readonly TokenFileOptions options;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly Lock gate = new();
    private FrozenDictionary<TokenHash, TokenGrant> grants;
    private (DateTime Written, long Length) state;
    private DateTimeOffset lookAt;

    /// <summary>Reads the file.</summary>
    public TokenFileCallers(TokenFileOptions options, TimeProvider time, ILogger logger)
    {
        (this.options, this.time, this.logger) = (options, time, logger);
        state = Look();
        lookAt = time.GetUtcNow() + pause;
        grants = Read();
    }

    public string? Challenge => null;

    public ValueTask<Caller?> IdentifyAsync(HttpContext http, CancellationToken cancellationToken)
    {
        var headers = http.Request.Headers;
        IdentityHeaders.Remove(headers);
        var now = time.GetUtcNow();
        Refresh(now);
        var caller = headers["X-Auth-Token"] is [{ } token]
            && TokenHash.Of(token) is { } hash
            && Volatile.Read(ref grants).TryGetValue(hash, out var grant)
            && !(grant.ExpiresAt <= now)
                ? grant.Caller
                : null;
        return ValueTask.FromResult(caller);
    }

    private void Refresh(DateTimeOffset now)
    {
        // Whoever comes while another looks goes on with what is known.
        if (!gate.TryEnter())
            return;
        try
        {
            if (now < lookAt)
                return;
            lookAt = now + pause;
            var seen = Look();
            if (seen == state)
                return;
            state = seen;
            Volatile.Write(ref grants, Read());
        }
        catch (Exception e)
        {
            Log.TokensUnusable(logger, options.Path, e.Message);
        }
        finally
        {
            gate.Exit();
        }
    }

    private (DateTime Written, long Length) Look()
    {
        var file = new FileInfo(options.Path);
        return file.Exists ? (file.LastWriteTimeUtc, file.Length) : default;
    }

    private FrozenDictionary<TokenHash, TokenGrant> Read()
    {
        var read = options.Read();
        Log.TokensRead(logger, options.Path, read.Count);
        return read.ToFrozenDictionary(g => TokenHash.Of(Convert.FromHexString(g.Sha256)));
    }
}
