using System.Globalization;
using System.Text.RegularExpressions;

namespace GlanceGateway.Api.V2;

/// <summary>The part of an image's data that a request asks for.</summary>
/// <param name="Offset">From 0.</param>
/// <param name="Length">Bytes, more than 0.</param>
internal sealed partial record ByteRange(long Offset, long Length)
{
    /// <summary>Reads the range of a request. Besides <c>Range</c>, old clients ask with <c>Content-Range</c>, which names a first and a last byte.</summary>
    /// <param name="range">The <c>Range</c> header; null or empty for none.</param>
    /// <param name="contentRange">The <c>Content-Range</c> header of the request; null or empty for none.</param>
    /// <param name="size">Bytes of the image.</param>
    /// <returns>Null when everything is asked for.</returns>
    /// <exception cref="ApiException">400: several ranges; 416: none that the image has.</exception>
    public static ByteRange? Read(string? range, string? contentRange, long size)
    {
        if (!string.IsNullOrEmpty(range))
            return ReadRange(range, size);
        return string.IsNullOrEmpty(contentRange) ? null : ReadContentRange(contentRange, size);
    }

    private static ByteRange ReadRange(string range, long size)
    {
        if (range.Contains(','))
            throw new ApiException(400, "Requests with multiple ranges are not supported. You may make multiple single-range requests instead.");
        var match = RangeFormat().Match(range);
        var (first, last) = (match.Groups["first"].Value, match.Groups["last"].Value);
        if (!match.Success || (first.Length == 0 && last.Length == 0))
            throw Refuse("Invalid Range header.", size);
        if (first.Length == 0 && Number(last) is > 0 and var tail)
            return size == 0 ? throw BadStart("Range", size) : new(Math.Max(0, size - tail), Math.Min(tail, size));
        // What is left with nothing before the dash is "-0", which Glance takes for "0-".
        var start = first.Length == 0 ? 0 : Number(first);
        var end = first.Length == 0 || last.Length == 0 ? long.MaxValue : Number(last);
        if (start > end)
            throw Refuse("Invalid Range header.", size);
        if (start >= size)
            throw BadStart("Range", size);
        return new(start, Math.Min(end, size - 1) - start + 1);
    }

    private static ByteRange ReadContentRange(string contentRange, long size)
    {
        var match = ContentRangeFormat().Match(contentRange);
        if (!match.Success)
            throw Refuse("Invalid Content-Range header.", size);
        var (start, end) = (Number(match.Groups["first"].Value), Number(match.Groups["last"].Value));
        var total = match.Groups["size"].Value;
        if (start > end || (total != "*" && end >= Number(total)))
            throw Refuse("Invalid Content-Range header.", size);
        if (start >= size)
            throw BadStart("Content-Range", size);
        if (end >= size)
            throw Refuse($"Invalid stop position in Content-Range header. The stop position MUST be in the inclusive range [0, {size - 1}].", size);
        return new(start, end - start + 1);
    }

    /// <summary>A run of digits; more than fit is as much as fits, which is beyond every image.</summary>
    private static long Number(string digits) =>
        long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : long.MaxValue;

    private static ApiException BadStart(string header, long size) => Refuse(
        size == 0
            ? $"The image has no byte that a {header} header could name."
            : $"Invalid start position in {header} header. Start position MUST be in the inclusive range [0, {size - 1}].",
        size);

    private static ApiException Refuse(string detail, long size) => new(416) { Detail = detail, Header = ("Content-Range", $"bytes */{size}") };

    [GeneratedRegex(@"^\s*bytes\s*=\s*(?<first>[0-9]*)\s*-\s*(?<last>[0-9]*)\s*$", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex RangeFormat();

    [GeneratedRegex(@"^\s*bytes (?<first>[0-9]+)-(?<last>[0-9]+)/(?<size>[0-9]+|\*)\s*$", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex ContentRangeFormat();
}
