using System.Text;
using System.Text.Json;
using GlanceGateway.Images;
using GlanceGateway.Registry;

namespace GlanceGateway.Api.Tests;

public sealed class ErrorBodyTests
{
    [Theory]
    [InlineData(null, "text/plain; charset=UTF-8")]
    [InlineData("", "text/plain; charset=UTF-8")]
    [InlineData("text/plain", "text/plain; charset=UTF-8")]
    [InlineData("application/octet-stream", "text/plain; charset=UTF-8")]
    [InlineData("application/xml", "text/plain; charset=UTF-8")]
    [InlineData("nonsense", "text/plain; charset=UTF-8")]
    [InlineData("*/*;q=0", "text/plain; charset=UTF-8")]
    [InlineData("*/*", "text/html; charset=UTF-8")]
    [InlineData("text/html", "text/html; charset=UTF-8")]
    [InlineData("text/*", "text/html; charset=UTF-8")]
    [InlineData("application/json, */*", "text/html; charset=UTF-8")]
    [InlineData("application/json", "application/json")]
    [InlineData("application/*", "application/json")]
    [InlineData("APPLICATION/JSON", "application/json")]
    [InlineData("application/json, text/html;q=0.5", "application/json")]
    [InlineData("text/html;q=0, */*", "application/json")]
    public void The_form_follows_the_Accept_header(string? accept, string contentType) =>
        Assert.Equal(contentType, ErrorBody.Render(new ApiException(404), accept).ContentType);

    [Fact]
    public void Forms_are_Glances_to_the_letter()
    {
        var error = new ApiException(404, "No <image> & \"x\" 'y'");
        Assert.Equal("404 Not Found\n\nNo <image> & \"x\" 'y'\n\n   ", Text(error, null));
        Assert.Equal(
            "<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n <body>\n  <h1>404 Not Found</h1>\n  "
            + "No &lt;image&gt; &amp; &quot;x&quot; &#x27;y&#x27;<br /><br />\n\n\n\n </body>\n</html>",
            Text(error, "*/*"));
        Assert.Equal(error.Message, JsonElement.Parse(Text(error, "application/json")).GetProperty("error").GetProperty("message").GetString());
        Assert.Equal(
            "416 Request Range Not Satisfiable\n\nThe Range requested is not available.\n\n Invalid Range header.  ",
            Text(new ApiException(416) { Detail = "Invalid Range header." }, null));
    }

    [Theory]
    [InlineData(ImageError.Invalid, 400)]
    [InlineData(ImageError.Forbidden, 403)]
    [InlineData(ImageError.NotFound, 404)]
    [InlineData(ImageError.Stalled, 408)]
    [InlineData(ImageError.Conflict, 409)]
    [InlineData(ImageError.Gone, 410)]
    [InlineData(ImageError.TooLarge, 413)]
    [InlineData(ImageError.UnsupportedContent, 415)]
    [InlineData(ImageError.Unavailable, 503)]
    [InlineData(ImageError.Failed, 500)]
    public void Every_refusal_has_a_status(ImageError error, int status)
    {
        var answer = ErrorStatus.Answer(new ImageException(error, "why"), out var foreseen);
        Assert.Equal((status, "why"), (answer.Status, answer.Message));
        Assert.Equal(error != ImageError.Failed, foreseen);
    }

    [Fact]
    public void A_registry_that_is_away_is_503_with_a_time_to_try_again_and_does_not_tell_where_it_is()
    {
        var answer = ErrorStatus.Answer(new RegistryException("The registry postgresql://glance@db.example.org/glance is away."), out var foreseen);
        Assert.Equal((503, ("Retry-After", "5")), (answer.Status, answer.Header!.Value));
        Assert.False(foreseen);
        Assert.DoesNotContain("db.example.org", Text(answer, "application/json"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_list_that_took_too_long_is_504_and_says_what_it_was_about()
    {
        var query = new ImageQuery
        {
            Viewer = new("p", SeesEverything: false),
            Filters = [new(ImageColumn.MinRam, Comparison.Greater, [5L])],
            Properties = [new("colour", "a value that is nobody's business")],
            Sort = [new(ImageColumn.Status, Descending: true)],
        };
        var answer = ErrorStatus.Answer(new ListTimeoutException(query, TimeSpan.FromSeconds(10), new OperationCanceledException()), out var foreseen);
        Assert.Equal(504, answer.Status);
        Assert.False(foreseen);
        var text = Text(answer, "application/json");
        Assert.Contains("longer than 10 seconds", text, StringComparison.Ordinal);
        Assert.Contains("sorted by status, filtered by min_ram, property 'colour'", text, StringComparison.Ordinal);
        Assert.DoesNotContain("business", text, StringComparison.Ordinal);
    }

    [Fact]
    public void What_nobody_foresaw_is_not_told()
    {
        var answer = ErrorStatus.Answer(new InvalidOperationException("password=secret"), out var foreseen);
        Assert.Equal(500, answer.Status);
        Assert.False(foreseen);
        foreach (var accept in new[] { null, "*/*", "application/json" })
            Assert.DoesNotContain("secret", Text(answer, accept), StringComparison.Ordinal);
    }

    private static string Text(ApiException error, string? accept) => Encoding.UTF8.GetString(ErrorBody.Render(error, accept).Body);
}
