using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace GlanceGateway.Api;

/// <summary>
/// The body of an error in the form that the client asked for. Clients read all three: HTML by stripping the tags, JSON by the message of each
/// object at the top, which is why it is nested. Without an Accept header, or with one that takes neither HTML nor JSON, it is plain text.
/// </summary>
internal static class ErrorBody
{
    private enum Form
    {
        Plain,
        Html,
        Json,
    }

    /// <summary>Renders an error.</summary>
    /// <param name="error">What to say.</param>
    /// <param name="accept">The request's Accept header.</param>
    public static (string ContentType, byte[] Body) Render(ApiException error, string? accept) => Choose(accept) switch
    {
        Form.Html => ("text/html; charset=UTF-8", Encoding.UTF8.GetBytes(Html(error))),
        Form.Json => ("application/json", Json(error)),
        _ => ("text/plain; charset=UTF-8", Encoding.UTF8.GetBytes(Plain(error))),
    };

    private static string Heading(ApiException error) =>
        string.Create(CultureInfo.InvariantCulture, $"{error.Status} {ErrorText.Title(error.Status)}");

    private static string Plain(ApiException error) => $"{Heading(error)}\n\n{error.Message}\n\n {error.Detail}  ";

    private static string Html(ApiException error)
    {
        var heading = Heading(error);
        return $"<html>\n <head>\n  <title>{heading}</title>\n </head>\n <body>\n  <h1>{heading}</h1>\n  "
            + $"{Escape(error.Message)}<br /><br />\n{Escape(error.Detail)}\n\n\n </body>\n</html>";
    }

    private static byte[] Json(ApiException error)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using var writer = new Utf8JsonWriter(buffer, JsonAnswer.WriterOptions);
        writer.WriteStartObject();
        writer.WriteStartObject("error");
        writer.WriteNumber("code", error.Status);
        writer.WriteString("title", ErrorText.Title(error.Status));
        writer.WriteString("message", error.Detail is null ? error.Message : $"{error.Message} {error.Detail}");
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    private static string Escape(string? text) => (text ?? "")
        .Replace("&", "&amp;", StringComparison.Ordinal)
        .Replace("<", "&lt;", StringComparison.Ordinal)
        .Replace(">", "&gt;", StringComparison.Ordinal)
        .Replace("\"", "&quot;", StringComparison.Ordinal)
        .Replace("'", "&#x27;", StringComparison.Ordinal);

    private static Form Choose(string? accept)
    {
        if (string.IsNullOrWhiteSpace(accept) || !MediaTypeHeaderValue.TryParseList([accept], out var ranges))
            return Form.Plain;
        var html = Quality(ranges, "text", "html");
        var json = Quality(ranges, "application", "json");
        return html > 0 && html >= json ? Form.Html : json > 0 ? Form.Json : Form.Plain;
    }

    /// <summary>How much a type is wanted, from 0 to 1: the most specific range that holds it decides.</summary>
    private static double Quality(IList<MediaTypeHeaderValue> ranges, string type, string subType)
    {
        var (rank, quality) = (-1, 0.0);
        foreach (var range in ranges)
        {
            var itsRank = range.MatchesAllTypes ? 0
                : !range.Type.Equals(type, StringComparison.OrdinalIgnoreCase) ? -1
                : range.MatchesAllSubTypes ? 1
                : range.SubType.Equals(subType, StringComparison.OrdinalIgnoreCase) ? 2
                : -1;
            if (itsRank > rank)
                (rank, quality) = (itsRank, range.Quality ?? 1);
        }
        return quality;
    }
}
