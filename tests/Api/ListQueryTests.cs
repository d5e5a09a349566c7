using CsCheck;
using GlanceGateway.Api.V2;
using GlanceGateway.Registry;

namespace GlanceGateway.Api.Tests;

public sealed class ListQueryTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 2, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Nothing_asked_is_the_first_25()
    {
        var query = Parse("");
        Assert.Equal((25, null, VisibilityFilter.Default, MemberStatus.Accepted, false, null),
            (query.Limit, query.Marker, query.Visibility, query.MemberStatus, query.Hidden, query.Protected));
        Assert.Empty(query.Filters);
        Assert.Empty(query.Sort);
    }

    [Fact]
    public void The_last_of_a_repeated_parameter_counts_but_all_tags_do()
    {
        var query = Parse("limit=1&limit=2&tag=a&tag=b&x=1&x=2&visibility=public&visibility=all&member_status=all&os_hidden=True&protected=false");
        Assert.Equal((2, VisibilityFilter.All, null, true, false), (query.Limit, query.Visibility, query.MemberStatus, query.Hidden, query.Protected));
        Assert.Equal(["a", "b"], query.Tags);
        Assert.Equal([KeyValuePair.Create("x", "2")], query.Properties);
    }

    [Theory]
    [InlineData("limit=%2B5", 5)]
    [InlineData("limit=+7+", 7)]
    [InlineData("limit=-0", 0)]
    [InlineData("limit=99999999999999999999", 1000)]
    public void Limits_are_whole_numbers_up_to_the_cap(string query, int limit) => Assert.Equal(limit, Parse(query).Limit);

    [Theory]
    [InlineData("sort=name", "Name-")]
    [InlineData("sort=name:asc,status", "Name+ Status-")]
    [InlineData("sort_key=name", "Name-")]
    [InlineData("sort_dir=asc", "CreatedAt+")]
    [InlineData("sort_key=name&sort_key=size&sort_dir=asc", "Name+ Size+")]
    [InlineData("sort_key=name&sort_key=size&sort_dir=asc&sort_dir=desc", "Name+ Size-")]
    [InlineData("sort_key=id&sort_key=id", "Id-")]
    public void Sort_orders(string query, string expected) =>
        Assert.Equal(expected, string.Join(' ', Parse(query).Sort.Select(s => $"{s.Column}{(s.Descending ? '-' : '+')}")));

    [Theory]
    [InlineData("name=x", "Name Equal x")]
    [InlineData("name=", "Name Equal ")]
    [InlineData("name=eq:a:b", "Name Equal a:b")]
    [InlineData("name=2020-01-01T00:00:00Z", "Name Equal 2020-01-01T00:00:00Z")]
    [InlineData("name=in:a,%22b,c%22,%22d%5C%22e%22,f%5C%22", "Name In a|b,c|d\"e|f\"")]
    [InlineData("name=in:", "Name In ")]
    [InlineData("name=in:a,,b", "Name In a|b")]
    [InlineData("status=active", "Status Equal Active")]
    [InlineData("status=nosuch", "Status In ")]
    [InlineData("status=in:active,nosuch,pending_delete", "Status In Active|PendingDelete")]
    [InlineData("size=5", "Size Equal 5")]
    [InlineData("size=x", "Size In ")]
    [InlineData("size_min=5&size_max=6", "Size GreaterOrEqual 5; Size LessOrEqual 6")]
    [InlineData("min_ram_min=1&virtual_size_max=2", "MinRam GreaterOrEqual 1; VirtualSize LessOrEqual 2")]
    [InlineData("owner=gt:x", "Owner Equal gt:x")]
    [InlineData("os_hash_value=x&checksum=y", "HashValue Equal x; Checksum Equal y")]
    public void Column_filters(string query, string expected) => Assert.Equal(
        expected, string.Join("; ", Parse(query).Filters.Select(f => $"{f.Column} {f.Comparison} {string.Join('|', f.Values)}")));

    [Fact]
    public void A_time_without_a_fraction_means_its_whole_second()
    {
        const string time = "2026-01-02T12:00:00Z";
        Assert.Equal([(Comparison.GreaterOrEqual, Noon), (Comparison.Less, Noon.AddSeconds(1))], Times($"created_at={time}"));
        Assert.Equal([(Comparison.GreaterOrEqual, Noon.AddSeconds(1))], Times($"created_at=gt:{time}"));
        Assert.Equal([(Comparison.GreaterOrEqual, Noon)], Times($"created_at=gte:{time}"));
        Assert.Equal([(Comparison.Less, Noon)], Times($"created_at=lt:{time}"));
        Assert.Equal([(Comparison.Less, Noon.AddSeconds(1))], Times($"created_at=lte:{time}"));
        Assert.Equal([(Comparison.NotEqual, Noon)], Times($"updated_at=neq:{time}"));
        Assert.Equal([(Comparison.Greater, Noon.AddMilliseconds(500))], Times("created_at=gt:2026-01-02T12:00:00.5Z"));

        static IEnumerable<(Comparison, DateTimeOffset)> Times(string query) => Parse(query).Filters.Select(f => (f.Comparison, (DateTimeOffset)f.Values[0]));
    }

    [Theory]
    [InlineData("2026-01-02T12:00:00Z")]
    [InlineData("2026-01-02 12:00:00")]
    [InlineData("2026-01-02T12:00")]
    [InlineData("2026-01-02T12")]
    [InlineData("20260102T120000Z")]
    [InlineData("2026-01-02T13:30:00+01:30")]
    [InlineData("2026-01-02T13:30:00 01:30")]
    [InlineData("2026-01-02T07:00:00-0500")]
    [InlineData("2026-01-02T14:00:00+02")]
    public void Times_come_in_many_forms(string text) => Assert.Equal(Noon, IsoTime.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("nope")]
    [InlineData("2026-13-01")]
    [InlineData("2026-02-30")]
    [InlineData("0000-01-01")]
    [InlineData("2026-01-02T24:00:00Z")]
    [InlineData("2026-01-02T12:00:00+99:00")]
    [InlineData("2026-01-02T12:00:00Zx")]
    public void What_is_no_time(string text) => Assert.Null(IsoTime.Parse(text));

    [Theory]
    [InlineData("\"a")]
    [InlineData("a\"")]
    [InlineData("\"a\"b")]
    [InlineData("a\"b\"")]
    [InlineData("\"a\\\"")]
    [InlineData("\"")]
    public void Quotes_stand_beside_commas(string text) => Assert.Equal(400, Assert.Throws<ApiException>(() => QuotedList.Parse(text)).Status);

    [Fact]
    public void A_quoted_list_gives_back_what_was_put_in() => Gen.String[Gen.Char["ab,\" :é"], 1, 6].Array[0, 5].Sample(values =>
        Assert.Equal(values, QuotedList.Parse(string.Join(',', values.Select(v => $"\"{v.Replace("\"", "\\\"", StringComparison.Ordinal)}\"")))));

    [Fact]
    public void Any_query_is_read_or_refused_with_400()
    {
        var name = Gen.OneOf("limit", "marker", "sort", "sort_key", "sort_dir", "tag", "name", "status", "size", "size_min", "x_max", "created_at", "os_hidden", "protected", "visibility", "member_status", "k", "_min");
        var value = Gen.OneOf(Gen.OneOf("", "1", "-1", "in:", "in:\"", "in:a,\"b\"", "gt:2026-01-01", "name:asc,", "asc", "true", "all", "%ff", "%00", "%", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"), Gen.String);
        Gen.Select(name, value, (n, v) => $"{n}={v}").Array[0, 5].Sample(parameters =>
        {
            try
            {
                var query = Parse(string.Join('&', parameters));
                Assert.InRange(query.Limit, 0, 1000);
            }
            catch (ApiException refusal)
            {
                Assert.Equal(400, refusal.Status);
            }
        }, iter: 5000);
    }

    private static ImageQuery Parse(string query) => ListQuery.Parse(RequestQuery.Read("?" + query), new ImageViewer("p", SeesEverything: false), new ApiOptions());
}
