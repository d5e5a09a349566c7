using System.Globalization;
using System.Text.RegularExpressions;
using GlanceGateway.Abstractions;
using static GlanceGateway.Stores.Tests.Faults.FaultCalls;

namespace GlanceGateway.Stores.Tests.Faults;

/// <summary>
/// Answers to ranges whose head does not fit what was asked for or what follows: the reader gets the right bytes, all of them, or a
/// <see cref="StoreException"/>.
/// </summary>
public abstract partial class LyingAnswers : BehindFaults
{
    [Theory]
    [InlineData("shorter")]
    [InlineData("longer")]
    [InlineData("shifted")]
    [InlineData("ends earlier")]
    [InlineData("another object")]
    [InlineData("whole")]
    public async Task Range_that_is_not_what_was_asked_for_is_never_taken_for_it(string lie)
    {
        var content = ContentOf(63);
        var location = await PlaceAsync(content);
        await using var source = (await Driver.OpenAsync(location, Cancel)).Value!;
        Proxy.Lie = head => lie switch
        {
            "shorter" => Length().Replace(head, match => $"{match.Groups["name"].Value}{Number(match.Groups["length"]) - 100}"),
            "longer" => Length().Replace(head, match => $"{match.Groups["name"].Value}{Number(match.Groups["length"]) + 100}"),
            "shifted" => Range().Replace(head, match => $"{match.Groups["name"].Value}{Number(match.Groups["first"]) - 100}-{Number(match.Groups["last"]) - 100}/{match.Groups["all"].Value}"),
            "ends earlier" => Length().Replace(
                Range().Replace(head, match => $"{match.Groups["name"].Value}{match.Groups["first"].Value}-{Number(match.Groups["last"]) - 100}/{match.Groups["all"].Value}"),
                match => $"{match.Groups["name"].Value}{Number(match.Groups["length"]) - 100}"),
            "another object" => Range().Replace(head, match => $"{match.Groups["name"].Value}{match.Groups["first"].Value}-{match.Groups["last"].Value}/{Number(match.Groups["all"]) + 1}"),
            _ => Range().Replace(head.Replace(" 206 Partial Content", " 200 OK", StringComparison.Ordinal), "\r\nX-Was: ${first}"),
        };

        // What says by itself that it is something else is not used at all; what is only too short or too long may be made good.
        var mustFail = lie is "shifted" or "another object" or "whole";
        var failure = await EndsAsync(async () =>
        {
            await using var stream = await source.OpenRangeAsync(1_000_000, 2_000_000, Cancel);
            using var all = new MemoryStream();
            await stream.CopyToAsync(all, Cancel);
            Assert.Equal(2_000_000, all.Length);
            Assert.True(all.ToArray().AsSpan().SequenceEqual(content.AsSpan(1_000_000, 2_000_000)), "wrong bytes");
        });
        Assert.True(!mustFail || failure is not null, "the answer was used");
        failure = await EndsAsync(async () =>
        {
            var buffer = new byte[300_000];
            Assert.Equal(buffer.Length, await source.ReadAsync(4_100_000, buffer, Cancel));
            Assert.True(buffer.AsSpan().SequenceEqual(content.AsSpan(4_100_000, buffer.Length)), "wrong bytes");
        });
        Assert.True(!mustFail || failure is not null, "the answer was used");
        Assert.True(Proxy.Lies >= 2, "the proxy saw no range");
        Proxy.Lie = null;

        await AssertHoldsAsync(location, content);
    }

    private static long Number(Group group) => long.Parse(group.ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"(?i)(?<name>\r\nContent-Length: *)(?<length>[0-9]+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Length();

    [GeneratedRegex(@"(?i)(?<name>\r\nContent-Range: *bytes )(?<first>[0-9]+)-(?<last>[0-9]+)/(?<all>[0-9]+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Range();
}

public sealed class S3LyingAnswers : LyingAnswers
{
    public override NetworkedFixture CreateFixture() => new S3Faults.Fixture();
}

public sealed class SwiftLyingAnswers : LyingAnswers
{
    public override NetworkedFixture CreateFixture() => new SwiftFaults.Fixture(tenants: false);
}

public sealed class TenantSwiftLyingAnswers : LyingAnswers
{
    public override NetworkedFixture CreateFixture() => new SwiftFaults.Fixture(tenants: true);
}

public sealed class HttpLyingAnswers : LyingAnswers
{
    public override NetworkedFixture CreateFixture() => new HttpFaults.Fixture();
}
