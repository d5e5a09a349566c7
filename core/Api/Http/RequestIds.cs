namespace GlanceGateway.Api;

/// <summary>The ids by which a request is found in the logs of every service it passed.</summary>
internal static class RequestIds
{
    /// <summary>The header, in requests and answers.</summary>
    public const string Header = "X-Openstack-Request-Id";

    private const string Prefix = "req-";

    /// <summary>The id of a request: the client's, prefixed, or a new one. An id that could not be sent back or would break a log line is replaced.</summary>
    /// <param name="given">What the client sent; null for nothing.</param>
    /// <param name="maxLength">Most characters; 0 for no limit.</param>
    /// <param name="tooLong">Whether the client's exceeds that; the id is then a new one.</param>
    public static string Choose(string? given, int maxLength, out bool tooLong)
    {
        tooLong = maxLength > 0 && given?.Length > maxLength;
        if (string.IsNullOrEmpty(given) || tooLong || given.Any(c => c is <= ' ' or > '~'))
            return Prefix + Guid.NewGuid().ToString("D");
        return given.StartsWith(Prefix, StringComparison.Ordinal) ? given : Prefix + given;
    }
}
