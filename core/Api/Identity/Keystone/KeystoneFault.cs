using System.Globalization;
using System.Text.Json;

namespace GlanceGateway.Api;

/// <summary>Keystone has not said whether a token is valid. The text is for the log and holds no token.</summary>
/// <param name="reason">Why.</param>
/// <param name="isDown">Whether it looks as if nobody would get an answer.</param>
internal sealed class KeystoneFault(string reason, bool isDown, Exception? innerException = null) : Exception(reason, innerException)
{
    public bool IsDown { get; } = isDown;

    /// <summary>An answer that means nothing to the gateway.</summary>
    public static KeystoneFault Unexpected(HttpResponseMessage response) =>
        new(string.Create(CultureInfo.InvariantCulture, $"it answers with status {(int)response.StatusCode}"), isDown: (int)response.StatusCode is 502 or 503 or 504);

    /// <summary>The token in an answer, and its expiry.</summary>
    public static async Task<(TokenBody Token, DateTimeOffset ExpiresAt)> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            var answer = JsonSerializer.Deserialize(await response.Content.ReadAsByteArrayAsync(cancellationToken), KeystoneJson.Default.TokenAnswer);
            // A token of an application credential that ends itself is issued with a time without zone: UTC as well.
            return answer is { Token: { } token }
                && DateTimeOffset.TryParse(token.ExpiresAt, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var expiresAt)
                    ? (token, expiresAt)
                    : throw new KeystoneFault("its answer holds no token with an expiry", isDown: false);
        }
        catch (JsonException e)
        {
            throw new KeystoneFault("its answer is not the JSON of a token", isDown: false, e);
        }
    }
}
