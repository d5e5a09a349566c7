using System.Text.Json;
using CsCheck;
using GlanceGateway.Api.V2;
using GlanceGateway.Images;

namespace GlanceGateway.Api.Tests;

public sealed class JsonPatchTests
{
    [Fact]
    public void Both_dialects_read_to_the_same_edits()
    {
        var edits = Parse("""[{"op":"add","path":"/ a~1~0~01 ","value":"v"},{"op":"replace","path":"/tags","value":["x"]},{"op":"remove","path":"/k"},{"op":"remove","path":"/locations/3"},{"op":"add","path":"/locations/-","value":{}}]""", PatchDialect.V21);
        var old = Parse("""[{"add":"/ a~1~0~01 ","value":"v"},{"replace":"/tags","value":["x"]},{"remove":"/k"},{"remove":"/locations/3"},{"add":"/locations/-","value":{}}]""", PatchDialect.V20);

        Assert.Equal(
            [
                (EditOperation.Add, "a/~~1", null), (EditOperation.Replace, "tags", null), (EditOperation.Remove, "k", null),
                (EditOperation.Remove, "locations", "3"), (EditOperation.Add, "locations", "-"),
            ],
            edits.Select(e => (e.Operation, e.Property, e.Index)));
        Assert.Equal(edits.Select(e => (e.Operation, e.Property, e.Index)), old.Select(e => (e.Operation, e.Property, e.Index)));
        Assert.Equal("v", edits[0].Value.GetString());
        Assert.All(edits, e => Assert.False(e.MustBeNew));
        Assert.Equal([true, false, false, false, true], old.Select(e => e.MustBeNew));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("/")]
    [InlineData("//")]
    [InlineData("/ /a")]
    [InlineData("/a//b")]
    [InlineData("/a/ /b")]
    [InlineData("/a/")]
    [InlineData("/~")]
    [InlineData("/a~2")]
    [InlineData("/ ")]
    [InlineData("/a/b")]
    [InlineData("/a/b/c")]
    [InlineData("/locations")]
    [InlineData("/locations/1/2")]
    public void Bad_pointers_are_refused(string path) => Assert.Equal(
        400, Assert.Throws<ApiException>(() => Parse($$"""[{"op":"add","path":{{JsonSerializer.Serialize(path)}},"value":"v"}]""", PatchDialect.V21)).Status);

    [Theory]
    [InlineData("application/openstack-images-v2.1-json-patch", 0)]
    [InlineData("Application/OpenStack-Images-v2.0-JSON-Patch;charset=utf-8", 0)]
    [InlineData("application/json-patch+json", 415)]
    [InlineData("application/json", 415)]
    [InlineData("nonsense", 415)]
    [InlineData("", 415)]
    [InlineData(null, 415)]
    public void Other_types_are_unsupported_and_told_the_right_ones(string? type, int status)
    {
        if (status == 0)
        {
            JsonPatch.Dialect(type);
            return;
        }
        var error = Assert.Throws<ApiException>(() => JsonPatch.Dialect(type));
        Assert.Equal(status, error.Status);
        Assert.Equal(("Accept-Patch", "application/openstack-images-v2.0-json-patch, application/openstack-images-v2.1-json-patch"), error.Header);
    }

    [Fact]
    public void Any_document_is_read_or_refused_with_400()
    {
        var text = Gen.OneOf("", "/a", "/", "a", "//", "/~", "/~1", "/locations/-", "/tags/0", "add", "remove", "replace", "move");
        var leaf = Gen.OneOf(text.Select(t => JsonSerializer.Serialize(t)), Gen.OneOf("null", "1", "true", "[]", "{}"), Gen.String.Select(WellFormed));
        var member = Gen.Select(Gen.OneOf("op", "path", "value", "add", "replace", "remove", "x"), leaf, (n, v) => $"\"{n}\":{v}");
        var item = Gen.OneOf(leaf, member.Array[0, 4].Select(m => $"{{{string.Join(',', m)}}}"));
        var document = Gen.OneOf(leaf, item.Array[0, 4].Select(i => $"[{string.Join(',', i)}]"));

        Gen.Select(document, Gen.Bool).Sample((json, old) =>
        {
            try
            {
                foreach (var edit in Parse(json, old ? PatchDialect.V20 : PatchDialect.V21))
                {
                    Assert.NotEmpty(edit.Property);
                    Assert.Equal(edit.Property.Trim(), edit.Property);
                    Assert.Equal(edit.Operation == EditOperation.Remove, edit.Value.ValueKind == JsonValueKind.Undefined);
                }
            }
            catch (ApiException refusal)
            {
                Assert.Equal(400, refusal.Status);
            }
        }, iter: 5000);
    }

    private static string WellFormed(string text) => JsonSerializer.Serialize(new string([.. text.Where(c => !char.IsSurrogate(c))]));

    private static List<ImageEdit> Parse(string json, PatchDialect dialect) => JsonPatch.Parse(JsonElement.Parse(json), dialect);
}
