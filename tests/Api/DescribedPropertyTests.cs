using System.Text.Json;
using System.Text.RegularExpressions;
using GlanceGateway.Images;

namespace GlanceGateway.Api.Tests;

/// <summary>Custom properties that an operator describes: they are in the schema, and their values are checked.</summary>
public sealed class DescribedPropertyTests(DescribedPropertyTests.DescribingGateway home) : IClassFixture<DescribedPropertyTests.DescribingGateway>
{
    private readonly Gateway gateway = home.Gateway;

    [Fact]
    public async Task The_schema_shows_them()
    {
        var image = await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Reader), "GET", "/v2/schemas/image");
        var images = await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Reader), "GET", "/v2/schemas/images");
        foreach (var properties in new[] { image.GetProperty("properties"), images.GetProperty("properties").GetProperty("images").GetProperty("items").GetProperty("properties") })
        {
            Assert.Equal("""{"type":"string","description":"The row","maxLength":3,"is_base":false}""", properties.GetProperty("row").GetRawText());
            Assert.Equal("""{"type":["null","string"],"description":"The tier","enum":[null,"gold","tin"],"is_base":false}""", properties.GetProperty("tier").GetRawText());
            Assert.Equal("""{"type":"string","description":"Ours","pattern":"^[a-z]+$","is_base":false}""", properties.GetProperty("architecture").GetRawText());
            Assert.Equal(1, properties.EnumerateObject().Count(member => member.Name == "architecture"));
            Assert.False(properties.GetProperty("os_distro").TryGetProperty("pattern", out _));
        }
    }

    [Theory]
    [InlineData("row", "\"abc\"", null)]
    [InlineData("row", "\"𝄞𝄞𝄞\"", null)]
    [InlineData("row", "\"abcd\"", "'abcd' is too long. Failed validating 'maxLength'")]
    [InlineData("row", "7", "7 is not of type 'string'. Failed validating 'type'")]
    [InlineData("row", "true", "true is not of type 'string'. Failed validating 'type'")]
    [InlineData("row", "null", "null is not of type 'string'. Failed validating 'type'")]
    [InlineData("row", "[\"a\"]", "is not of type 'string'. Failed validating 'type'")]
    [InlineData("row", "{}", "{} is not of type 'string'. Failed validating 'type'")]
    [InlineData("tier", "\"gold\"", null)]
    [InlineData("tier", "null", null)]
    [InlineData("tier", "\"Gold\"", "'Gold' is not one of ['gold', 'tin']. Failed validating 'enum'")]
    [InlineData("tier", "1", "1 is not of type")]
    [InlineData("architecture", "\"arm\"", null)]
    [InlineData("architecture", "\"x86_64\"", "'x86_64' does not match '^[a-z]+$'. Failed validating 'pattern'")]
    [InlineData("undescribed", "1", "1 is not of type 'string'")]
    public async Task Values_are_checked_when_an_image_is_made_and_when_it_is_changed(string name, string value, string? problem)
    {
        using var made = await gateway.SendAsync(Persona.Owner, "POST", "/v2/images", $$"""{"{{name}}":{{value}}}""");
        await AssertAsync(made, 201, name, problem);
        var id = await gateway.CreateAsync("{}");
        using var changed = await gateway.SendAsync(
            Gateway.HeadersOf(Persona.Owner), "PATCH", $"/v2/images/{id}",
            Gateway.Json($$"""[{"op":"add","path":"/{{name}}","value":{{value}}}]""", "application/openstack-images-v2.1-json-patch"));
        await AssertAsync(changed, 200, name, problem);
        var now = await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Owner), "GET", $"/v2/images/{id}");
        Assert.Equal(problem is null, now.TryGetProperty(name, out _));
    }

    private static async Task AssertAsync(HttpResponseMessage answer, int status, string name, string? problem)
    {
        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Equal(problem is null ? status : 400, (int)answer.StatusCode);
        if (problem is null)
            Assert.NotEqual(JsonValueKind.Undefined, JsonElement.Parse(text).GetProperty(name).ValueKind);
        else
            Assert.Contains(problem, System.Net.WebUtility.HtmlDecode(text), StringComparison.Ordinal);
    }

    /// <summary>A gateway with properties described, for the class.</summary>
    public sealed class DescribingGateway : IAsyncLifetime
    {
        public Gateway Gateway { get; } = new()
        {
            ImageOptions = new()
            {
                DescribedProperties =
                [
                    new("row", AttributeType.Text, "The row") { MaxLength = 3, IsBase = false },
                    new("tier", AttributeType.NullableText, "The tier") { Allowed = ["gold", "tin"], IsBase = false },
                    new("architecture", AttributeType.Text, "Ours") { Pattern = "^[a-z]+$", Checked = new Regex("^[a-z]+$", RegexOptions.NonBacktracking, TimeSpan.FromSeconds(1)), IsBase = false },
                ],
            },
        };

        public ValueTask InitializeAsync() => Gateway.InitializeAsync();

        public ValueTask DisposeAsync() => Gateway.DisposeAsync();
    }
}
