using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;

namespace GlanceGateway.Api.Tests;

public sealed partial class ErrorTableTests(Gateway gateway)
{
    private static readonly Dictionary<string, Case> ByName = ErrorTable.Cases.ToDictionary(c => c.Name, StringComparer.Ordinal);

    public static TheoryData<string> Names => [.. ByName.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Answers(string name)
    {
        var it = ByName[name];
        var (request, body) = (await FillAsync(it.Request), it.Body is null ? null : await FillAsync(it.Body));
        var space = request.IndexOf(' ', StringComparison.Ordinal);
        ByteArrayContent? content = null;
        if (body is not null || it.Type is not null)
        {
            content = new ByteArrayContent(Encoding.UTF8.GetBytes(body ?? ""));
            content.Headers.ContentType = MediaTypeHeaderValue.Parse(it.Type ?? "application/json");
        }

        using var response = await gateway.SendAsync(
            Gateway.HeadersOf(it.Who).Concat(it.Headers.Select(h => (h[..h.IndexOf(": ", StringComparison.Ordinal)], h[(h.IndexOf(": ", StringComparison.Ordinal) + 2)..]))),
            request[..space], request[(space + 1)..], content);

        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(it.Status == (int)response.StatusCode, $"{request}: {(int)response.StatusCode} instead of {it.Status}: {text}");
        Assert.Contains(it.Says, text, StringComparison.Ordinal);
        Assert.StartsWith("req-", Assert.Single(response.Headers.GetValues("X-Openstack-Request-Id")), StringComparison.Ordinal);
        if (it.Status >= 400)
            Assert.StartsWith($"{it.Status} ", text, StringComparison.Ordinal);
    }

    private async Task<string> FillAsync(string text)
    {
        foreach (var kind in KindPattern().Matches(text).Select(m => m.Value).Distinct().ToList())
            text = text.Replace(kind, await gateway.ImageAsync(kind[1..^1]), StringComparison.Ordinal);
        return text;
    }

    [GeneratedRegex(@"\{[a-z]+\}", RegexOptions.None, 1000)]
    private static partial Regex KindPattern();
}
