using System.Globalization;
using System.Text.RegularExpressions;

namespace GlanceGateway.Api.V2;

/// <summary>ISO 8601 times as OpenStack clients write them: basic or extended, from the month on each part may be missing, UTC without a zone.</summary>
internal static partial class IsoTime
{
    /// <summary>The time; null when the text is none.</summary>
    public static DateTimeOffset? Parse(string text)
    {
        var match = Format().Match(text);
        if (!match.Success)
            return null;
        try
        {
            var start = new DateTimeOffset(
                Number("year", 1), Number("month", 1), Number("day", 1), Number("hour", 0), Number("minute", 0), Number("second", 0), Zone());
            var fraction = match.Groups["fraction"].Value;
            return fraction.Length == 0 ? start : start.AddTicks(long.Parse(fraction.PadRight(7, '0')[..7], CultureInfo.InvariantCulture));
        }
        catch (ArgumentOutOfRangeException)
        {
            return null;
        }

        int Number(string group, int missing) =>
            match.Groups[group].Success ? int.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture) : missing;

        TimeSpan Zone()
        {
            var offset = new TimeSpan(Number("zoneHours", 0), Number("zoneMinutes", 0), 0);
            return match.Groups["sign"].Value == "-" ? -offset : offset;
        }
    }

    // A plus sign that a client forgot to encode arrives as a space.
    [GeneratedRegex(
        @"^(?<year>\d{4})-?(?<month>\d\d)(-?(?<day>\d\d)([T ](?<hour>\d\d)(:?(?<minute>\d\d)(:?(?<second>\d\d)([.,](?<fraction>\d{1,9}))?)?)?"
        + @"(Z|(?<sign>[-+ ])(?<zoneHours>\d\d):?(?<zoneMinutes>\d\d)?)?)?)?$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Format();
}
