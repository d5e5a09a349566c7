using System.Text;

namespace GlanceGateway.Api.V2;

/// <summary>The list after <c>in:</c>: values between commas, in double quotes where they hold one; <c>\"</c> is a quote.</summary>
internal static class QuotedList
{
    /// <summary>The values; empty ones are left out.</summary>
    /// <exception cref="ApiException">400: a quote inside a value, before something other than a comma, or never closed.</exception>
    public static List<string> Parse(string text)
    {
        List<string> values = [];
        var value = new StringBuilder();
        var (quoted, closed) = (false, false);
        for (var i = 0; i <= text.Length; i++)
        {
            if (i == text.Length || (text[i] == ',' && (!quoted || closed)))
            {
                if (quoted && !closed)
                    throw Bad(text);
                if (value.Length > 0)
                    values.Add(value.ToString());
                value.Clear();
                (quoted, closed) = (false, false);
            }
            else if (closed)
            {
                throw Bad(text);
            }
            else if (text[i] == '\\' && i + 1 < text.Length && text[i + 1] == '"')
            {
                value.Append('"');
                i++;
            }
            else if (text[i] == '"')
            {
                if (!quoted && value.Length > 0)
                    throw Bad(text);
                closed = quoted;
                quoted = true;
            }
            else
            {
                value.Append(text[i]);
            }
        }
        return values;
    }

    private static ApiException Bad(string text) => new(400, $"Invalid filter value {text}. The quote is not closed, or not beside a comma.");
}
