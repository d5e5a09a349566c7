using System.Text;
using System.Text.RegularExpressions;

namespace GlanceGateway.Api;

/// <summary>
/// The requests that an application credential is restricted to. In a rule's path <c>*</c> and <c>{name}</c> stand for one segment, <c>**</c> for
/// anything. The path of the request is compared as it came, encoded: another spelling of an allowed path is refused, never the other way round.
/// </summary>
internal sealed class AccessRules
{
    private const string ServiceType = "image";

    private readonly (string Method, Regex Path)[] rules;

    public AccessRules(IEnumerable<TokenAccessRule> rules) =>
        this.rules = [.. rules.Where(r => r is { Service: ServiceType, Method: not null, Path: not null }).Select(r => (r.Method!, Pattern(r.Path!)))];

    public bool Allow(string method, string rawPath) => rules.Any(r => r.Method == method && r.Path.IsMatch(rawPath));

    // Users write the paths: matching must take linear time.
    private static Regex Pattern(string path)
    {
        var pattern = new StringBuilder(@"\A");
        for (var i = 0; i < path.Length; i++)
        {
            switch (path[i])
            {
                case '*' when i + 1 < path.Length && path[i + 1] == '*':
                    pattern.Append(".*");
                    i++;
                    break;
                case '*':
                    pattern.Append("[^/]+");
                    break;
                case '{' when path.IndexOf('}', i) is > 0 and var end:
                    pattern.Append("[^/]+");
                    i = end;
                    break;
                case var letter:
                    pattern.Append(Regex.Escape(letter.ToString()));
                    break;
            }
        }
        return new Regex(pattern.Append(@"\z").ToString(), RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
    }
}
