using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace GlanceGateway.Api;

/// <summary>
/// The path of a request as decoded segments, made from the request target as it came. The server's own decoding leaves <c>%2F</c> as it is but
/// turns <c>%252F</c> into the same text, so a tag or member with a slash could not be told from one with a percent sign.
/// </summary>
internal static class RequestPath
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The segments between the slashes; a trailing slash gives an empty last one.</summary>
    /// <exception cref="ApiException">400: not UTF-8 once decoded, or with a NUL.</exception>
    public static string[] Split(HttpContext http) => Split(Raw(http));

    /// <summary>The undecoded path: printable ASCII.</summary>
    public static string Raw(HttpContext http)
    {
        var target = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var query = target.IndexOf('?');
        var path = query < 0 ? target : target[..query];
        if (path.StartsWith('/'))
            return path;
        // A request made as to a proxy carries the whole URL.
        var authority = path.IndexOf("://", StringComparison.Ordinal);
        var slash = authority < 0 ? -1 : path.IndexOf('/', authority + 3);
        return slash < 0 ? "/" : path[slash..];
    }

    internal static string[] Split(string rawPath)
    {
        var segments = rawPath[1..].Split('/');
        for (var i = 0; i < segments.Length; i++)
            segments[i] = Decode(segments[i], plusIsSpace: false);
        return segments;
    }

    /// <summary>Percent-decodes text. A percent sign without two hexadecimal digits stands for itself.</summary>
    /// <exception cref="ApiException">400: not UTF-8 once decoded, or with a NUL.</exception>
    internal static string Decode(string text, bool plusIsSpace)
    {
        if (!text.Contains('%') && !(plusIsSpace && text.Contains('+')))
            return text;
        try
        {
            var bytes = Strict.GetBytes(text);
            var length = 0;
            for (var i = 0; i < bytes.Length; i++)
            {
                var value = bytes[i];
                if (value == '%' && i + 2 < bytes.Length && char.IsAsciiHexDigit((char)bytes[i + 1]) && char.IsAsciiHexDigit((char)bytes[i + 2]))
                {
                    value = (byte)((Convert.FromHexString([(char)bytes[i + 1], (char)bytes[i + 2]]))[0]);
                    i += 2;
                }
                else if (plusIsSpace && value == '+')
                {
                    value = (byte)' ';
                }
                if (value == 0)
                    throw new ApiException(400, "The URL holds a NUL.");
                bytes[length++] = value;
            }
            return Strict.GetString(bytes, 0, length);
        }
        catch (ArgumentException e)
        {
            throw new ApiException(400, "The URL is not encoded as UTF-8.", e);
        }
    }
}
