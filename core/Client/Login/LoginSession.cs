namespace GlanceGateway.Client;

/// <summary>A valid log-in. Not a record: its text must never show the token.</summary>
public sealed class LoginSession(string? token, IReadOnlyList<Uri> endpoints)
{
    /// <summary>The value of <c>X-Auth-Token</c>; null for none.</summary>
    public string? Token { get; } = token;

    /// <summary>Where the images are, in the order of preference: without version, ending with a slash.</summary>
    public IReadOnlyList<Uri> Endpoints { get; } = endpoints;

    /// <summary>The root of an endpoint that may be given with a version, as catalogues do.</summary>
    public static Uri RootOf(Uri endpoint)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        var path = endpoint.AbsolutePath.TrimEnd('/');
        var last = path[(path.LastIndexOf('/') + 1)..];
        if (last.Length >= 2 && last[0] == 'v' && last[1..].All(c => char.IsAsciiDigit(c) || c == '.'))
            path = path[..^(last.Length + 1)];
        return new UriBuilder(endpoint.Scheme, endpoint.Host, endpoint.Port, path + "/").Uri;
    }
}
