using CsCheck;
using GlanceGateway.Api.V2;

namespace GlanceGateway.Api.Tests;

public sealed class ByteRangeTests
{
    [Theory]
    [InlineData("bytes=0-0", 0, 1)]
    [InlineData("bytes=10-19", 10, 10)]
    [InlineData("bytes=990-", 990, 10)]
    [InlineData("bytes=990-5000", 990, 10)]
    [InlineData("bytes=0-99999999999999999999999", 0, 1000)]
    [InlineData("bytes=-5", 995, 5)]
    [InlineData("bytes=-1000", 0, 1000)]
    [InlineData("bytes=-99999999999999999999999", 0, 1000)]
    [InlineData("bytes=-0", 0, 1000)]
    [InlineData(" Bytes = 1 - 2 ", 1, 2)]
    public void Ranges_of_an_image_of_1000_bytes(string header, long offset, long length) =>
        Assert.Equal(new ByteRange(offset, length), ByteRange.Read(header, null, 1000));

    [Theory]
    [InlineData("bytes=1000-", "Invalid start position in Range header. Start position MUST be in the inclusive range [0, 999].")]
    [InlineData("bytes=99999999999999999999999-", "Invalid start position in Range header. Start position MUST be in the inclusive range [0, 999].")]
    [InlineData("bytes=2-1", "Invalid Range header.")]
    [InlineData("bytes=-", "Invalid Range header.")]
    [InlineData("bytes=", "Invalid Range header.")]
    [InlineData("bytes=1-2x", "Invalid Range header.")]
    [InlineData("items=1-2", "Invalid Range header.")]
    [InlineData("bytes=١-٢", "Invalid Range header.")]
    public void What_cannot_be_satisfied(string header, string detail)
    {
        var error = Assert.Throws<ApiException>(() => ByteRange.Read(header, null, 1000));
        Assert.Equal((416, detail), (error.Status, error.Detail));
        Assert.Equal(("Content-Range", "bytes */1000"), error.Header);
    }

    [Fact]
    public void Several_ranges_are_a_bad_request() =>
        Assert.Equal(400, Assert.Throws<ApiException>(() => ByteRange.Read("bytes=0-1,3-4", null, 1000)).Status);

    [Fact]
    public void Range_wins_over_Content_Range()
    {
        Assert.Equal(new ByteRange(1, 1), ByteRange.Read("bytes=1-1", "bytes 5-9/1000", 1000));
        Assert.Equal(new ByteRange(5, 5), ByteRange.Read("", "bytes 5-9/1000", 1000));
        Assert.Null(ByteRange.Read(null, null, 1000));
    }

    [Fact]
    public void A_range_lies_within_the_image_or_is_refused()
    {
        var number = Gen.OneOf(Gen.Long[0, 30].Select(n => n.ToString()), Gen.OneOf("", "9223372036854775807", "9223372036854775808", "x", " 1"));
        var header = Gen.OneOf(Gen.Select(number, number, (a, b) => $"bytes={a}-{b}"), Gen.String);
        var content = Gen.OneOf(Gen.Select(number, number, number, (a, b, c) => $"bytes {a}-{b}/{c}"), Gen.String);
        Gen.Select(header, content, Gen.Long[0, 20], Gen.Bool).Sample((range, contentRange, size, legacy) =>
        {
            try
            {
                if (ByteRange.Read(legacy ? null : range, legacy ? contentRange : null, size) is { } part)
                    Assert.True(part is { Offset: >= 0, Length: > 0 } && part.Offset + part.Length <= size, $"{range} {contentRange} of {size}: {part}");
            }
            catch (ApiException refusal)
            {
                Assert.True(refusal.Status is 400 or 416);
            }
        }, iter: 5000);
    }
}
