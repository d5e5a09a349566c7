using Microsoft.AspNetCore.Http;

namespace GlanceGateway.Api;

/// <summary>Answers one call.</summary>
internal delegate Task ApiHandler(ApiCall call);

/// <summary>What a route does with the body of a request.</summary>
internal enum BodyRule
{
    /// <summary>A body is refused.</summary>
    Refused,

    /// <summary>A body is not looked at.</summary>
    Ignored,

    /// <summary>A bounded JSON document.</summary>
    Json,

    /// <summary>Image data of any length.</summary>
    Data,
}

/// <summary>One line of the route table.</summary>
/// <param name="Method">The HTTP method.</param>
/// <param name="Pattern">Segments below the version, literal or <c>{place}</c>.</param>
/// <param name="Body">What happens to a body.</param>
/// <param name="Handler">Who answers.</param>
internal sealed record Route(string Method, string Pattern, BodyRule Body, ApiHandler Handler);

/// <summary>The routes of one path, and the decoded segments that stand for its places.</summary>
internal sealed record RouteMatch(IReadOnlyList<Route> Routes, string[] Places)
{
    /// <summary>The value of an <c>Allow</c> header: the methods in the order of the table.</summary>
    public string Allow => string.Join(", ", Routes.Select(r => r.Method));

    /// <summary>The route of a method; null when the path has none.</summary>
    public Route? Find(string method) => Routes.FirstOrDefault(r => r.Method == method);
}

/// <summary>
/// Finds the routes of a path. The framework's routing is not used below this API's one endpoint because the image API is stricter:
/// letter case counts, a trailing slash is another path, a place may hold an encoded slash, and 404, 405 and 501 differ from its answers.
/// A place matches one segment that is not empty; a literal wins over a place, the leftmost difference decides.
/// </summary>
internal sealed class RouteTable
{
    private readonly (string?[] Literals, Route[] Routes)[] paths;

    /// <summary>Makes a table.</summary>
    public RouteTable(IEnumerable<Route> routes) =>
        paths = [.. routes.GroupBy(r => r.Pattern, StringComparer.Ordinal)
            .Select(g => (Literals: g.Key.Split('/').Select(s => s.StartsWith('{') ? null : s).ToArray(), Routes: g.ToArray()))
            .OrderBy(p => string.Concat(p.Literals.Select(s => s is null ? '1' : '0')), StringComparer.Ordinal)];

    /// <summary>The routes of a path; null when there are none.</summary>
    public RouteMatch? Match(ReadOnlySpan<string> segments)
    {
        foreach (var (literals, routes) in paths)
        {
            if (Fits(literals, segments, out var count))
            {
                var places = new string[count];
                for (int i = 0, place = 0; i < literals.Length; i++)
                {
                    if (literals[i] is null)
                        places[place++] = segments[i];
                }
                return new(routes, places);
            }
        }
        return null;
    }

    /// <summary>Whether HTTP's usual methods hold this one; any other on an unknown path is not implemented at all.</summary>
    public static bool IsUsual(string method) =>
        HttpMethods.IsGet(method) || HttpMethods.IsHead(method) || HttpMethods.IsPost(method)
        || HttpMethods.IsPut(method) || HttpMethods.IsDelete(method) || HttpMethods.IsPatch(method);

    private static bool Fits(string?[] literals, ReadOnlySpan<string> segments, out int places)
    {
        places = 0;
        if (literals.Length != segments.Length)
            return false;
        for (var i = 0; i < literals.Length; i++)
        {
            if (literals[i] is null ? segments[i].Length == 0 : literals[i] != segments[i])
                return false;
            places += literals[i] is null ? 1 : 0;
        }
        return true;
    }
}
