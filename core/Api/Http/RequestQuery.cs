using Microsoft.AspNetCore.Http;

namespace GlanceGateway.Api;

/// <summary>One parameter of a query string.</summary>
/// <param name="Name">Decoded.</param>
/// <param name="Value">Decoded; empty without one.</param>
/// <param name="Raw">As it came: links to other pages repeat it to the letter.</param>
internal readonly record struct QueryParameter(string Name, string Value, string Raw);

/// <summary>A query string in its order, repeats kept.</summary>
internal static class RequestQuery
{
    /// <summary>Reads the query of a request.</summary>
    /// <exception cref="ApiException">400: not UTF-8 once decoded, or with a NUL.</exception>
    public static List<QueryParameter> Read(HttpContext http) => Read(http.Request.QueryString.Value);

    internal static List<QueryParameter> Read(string? query)
    {
        List<QueryParameter> parameters = [];
        if (string.IsNullOrEmpty(query))
            return parameters;
        foreach (var raw in query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = raw.IndexOf('=');
            var name = equals < 0 ? raw : raw[..equals];
            var value = equals < 0 ? "" : raw[(equals + 1)..];
            parameters.Add(new(RequestPath.Decode(name, plusIsSpace: true), RequestPath.Decode(value, plusIsSpace: true), raw));
        }
        return parameters;
    }
}
