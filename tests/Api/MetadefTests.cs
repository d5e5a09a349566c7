using System.Text.Json;
using static GlanceGateway.Api.Tests.Persona;

namespace GlanceGateway.Api.Tests;

/// <summary>Metadata definitions over HTTP.</summary>
public sealed class MetadefTests(Gateway gateway)
{
    private const string Root = "/v2/metadefs/namespaces";

    [Fact]
    public async Task A_namespace_lives_from_create_to_delete()
    {
        var name = await CreateAsync(""" "visibility":"public","display_name":"D" """);
        var path = $"{Root}/{name}";
        var property = await AsAdminAsync("POST", $"{path}/properties", """{"name":"p1","type":"string","title":"P"}""");
        var made = await AsAdminAsync("POST", $"{path}/objects", """{"name":"o1","description":"d","properties":{"a":{"type":"integer","title":"A"}},"required":["a"]}""");
        await AsAdminAsync("POST", $"{path}/tags", """{"tags":[{"name":"x"},{"name":"y"}]}""");
        await AsAdminAsync("POST", $"{path}/resource_types", """{"name":"OS::Glance::Image","prefix":"hw_"}""");
        var plain = await SeenAsync(path);
        var prefixed = await SeenAsync($"{path}?resource_type=OS::Glance::Image");
        var replaced = await AsAdminAsync("PUT", path, $$"""{"namespace":"{{name}}","visibility":"public","description":"d2"}""");

        Assert.Equal("""{"name":"p1","type":"string","title":"P"}""", property.GetRawText());
        Assert.Equal($"{path}/objects/o1", made.GetProperty("self").GetString());
        Assert.Equal("P", plain.GetProperty("properties").GetProperty("p1").GetProperty("title").GetString());
        Assert.Equal("P", prefixed.GetProperty("properties").GetProperty("hw_p1").GetProperty("title").GetString());
        Assert.Equal("hw_a", prefixed.GetProperty("objects")[0].GetProperty("required")[0].GetString());
        Assert.Equal("""{"tags":[{"name":"y"},{"name":"x"}]}""", (await SeenAsync($"{path}/tags")).GetRawText());
        Assert.Equal("v2/schemas/metadefs/objects", (await SeenAsync($"{path}/objects")).GetProperty("schema").GetString());
        Assert.Equal("p1", (await SeenAsync($"{path}/properties/hw_p1?resource_type=OS::Glance::Image")).GetProperty("name").GetString());
        Assert.Equal(("d2", false), (replaced.GetProperty("description").GetString(), replaced.TryGetProperty("display_name", out _)));
        Assert.Equal(204, await StatusAsync(Admin, "DELETE", path));
        Assert.Equal(404, await StatusAsync(Admin, "GET", path));
    }

    [Fact]
    public async Task Tags_are_replaced_unless_appended()
    {
        var path = $"{Root}/{await CreateAsync(""" "tags":[{"name":"a"}] """)}/tags";
        using var appended = await gateway.SendAsync(Admin, "POST", path, """{"tags":[{"name":"b"}]}""", ("X-Openstack-Append", "True"));
        var both = await AsAdminAsync("GET", path + "?sort_key=name&sort_dir=asc");
        var one = await AsAdminAsync("GET", path + "?sort_key=name&sort_dir=asc&marker=a&limit=1");
        await AsAdminAsync("POST", path, """{"tags":[{"name":"c"}]}""");

        Assert.Equal(201, (int)appended.StatusCode);
        Assert.Equal("""{"tags":[{"name":"a"},{"name":"b"}]}""", both.GetRawText());
        Assert.Equal("""{"tags":[{"name":"b"}]}""", one.GetRawText());
        Assert.Equal("""{"tags":[{"name":"c"}]}""", (await AsAdminAsync("GET", path)).GetRawText());
        Assert.Equal(409, await StatusAsync(Admin, "POST", path + "/c"));
    }

    [Fact]
    public async Task Lists_are_paged_and_leave_out_what_is_private()
    {
        var type = $"T::{Guid.NewGuid():N}";
        string[] names = [await CreateAsync($$""" "visibility":"public","resource_type_associations":[{"name":"{{type}}"}] """), await CreateAsync($$""" "resource_type_associations":[{"name":"{{type}}"}] """)];
        var query = $"{Root}?resource_types={type}&limit=1";
        var first = await AsAdminAsync("GET", query);
        var second = await AsAdminAsync("GET", first.GetProperty("next").GetString()!);
        var stranger = await SeenAsync($"{Root}?resource_types={type}");

        Assert.Equal(names.Reverse(), [.. Names(first), .. Names(second)]);
        Assert.Equal([names[0]], Names(stranger));
        Assert.Equal(404, await StatusAsync(Stranger, "GET", $"{Root}/{names[1]}"));
        Assert.Equal(404, await StatusAsync(Stranger, "GET", $"{Root}/{names[1]}/tags"));
    }

    [Fact]
    public async Task What_is_protected_stays()
    {
        var path = $"{Root}/{await CreateAsync(""" "protected":true,"properties":{"p":{"title":"P","type":"string"}},"tags":[{"name":"t"}] """)}";

        Assert.Equal(403, await StatusAsync(Admin, "DELETE", path));
        Assert.Equal(403, await StatusAsync(Admin, "DELETE", path + "/properties/p"));
        Assert.Equal(403, await StatusAsync(Admin, "DELETE", path + "/tags"));
        Assert.Equal(403, await StatusAsync(Admin, "POST", path + "/tags", """{"tags":[]}"""));
        Assert.Equal(404, await StatusAsync(Admin, "DELETE", path + "/properties/q"));
    }

    [Theory]
    [InlineData("", """{"namespace":"{ns}"}""", 409)]
    [InlineData("", """{"namespace":"n","x":1}""", 400)]
    [InlineData("", """{"display_name":"n"}""", 400)]
    [InlineData("", """{"namespace":""}""", 400)]
    [InlineData("", """{"namespace":"n","visibility":"shared"}""", 400)]
    [InlineData("", """{"namespace":"n","created_at":"x"}""", 403)]
    [InlineData("", """{"namespace":"half","tags":[{"name":"a"},{"name":"a"}]}""", 409)]
    [InlineData("", """{"namespace":"n","properties":{"p":{"type":"string"}}}""", 400)]
    [InlineData("", """[]""", 400)]
    [InlineData("", """{"namespace":"half","description":"\ud800"}""", 400)]
    [InlineData("", """{"namespace":"half","display_name":"a\u0000"}""", 400)]
    [InlineData("", """{"namespace":"\udc00"}""", 400)]
    [InlineData("", """{"namespace":"half","properties":{"\ud800":{"type":"string","title":"T"}}}""", 400)]
    [InlineData("", """{"namespace":"half","tags":[{"name":"\ud800"}]}""", 400)]
    [InlineData("/{ns}/properties", """{"name":"p","type":"string","title":"\ud800"}""", 400)]
    [InlineData("/{ns}/objects", """{"name":"o","\ud800":"x"}""", 400)]
    [InlineData("/{ns}/tags", """{"tags":[{"name":"\ud800"}]}""", 400)]
    [InlineData("/{ns}/resource_types", """{"name":"\ud800"}""", 400)]
    [InlineData("/{ns}/properties", """{"name":"p","type":"zzz","title":"P"}""", 400)]
    [InlineData("/{ns}/properties", """{"name":"p","type":"string"}""", 400)]
    [InlineData("/{ns}/properties", """{"name":"p","type":"string","title":"P","required":["a","a"]}""", 400)]
    [InlineData("/{ns}/properties", """{"name":"p","type":"string","title":"P","maxLength":-1}""", 400)]
    [InlineData("/{ns}/objects", """{"name":"o","properties":{"a":{"type":"string"}}}""", 400)]
    [InlineData("/{ns}/objects", """{"name":"o","self":"x"}""", 403)]
    [InlineData("/{ns}/tags", """{"tags":"x"}""", 400)]
    [InlineData("/nosuch/tags", """{"tags":[]}""", 404)]
    [InlineData("/{ns}/resource_types", """{"prefix":"x"}""", 400)]
    public async Task Bad_definitions_are_refused(string path, string body, int status)
    {
        var name = await CreateAsync(""" "visibility":"public" """);
        Assert.Equal(status, await StatusAsync(Admin, "POST", Root + path.Replace("{ns}", name, StringComparison.Ordinal), body.Replace("{ns}", name, StringComparison.Ordinal)));
        Assert.Equal(404, await StatusAsync(Admin, "GET", Root + "/half"));
    }

    [Theory]
    [InlineData("GET", "?limit=-1", 400)]
    [InlineData("GET", "?limit=x", 400)]
    [InlineData("GET", "?marker=nosuch", 404)]
    [InlineData("GET", "?visibility=x", 400)]
    [InlineData("GET", "?sort_key=x", 400)]
    [InlineData("GET", "?sort_dir=x", 400)]
    [InlineData("GET", "/{ns}/objects?limit=0", 400)]
    [InlineData("GET", "/{ns}/tags?marker=x", 404)]
    [InlineData("GET", "/{ns}/properties/x", 404)]
    [InlineData("GET", "/{ns}/properties/x?resource_type=y", 404)]
    [InlineData("PATCH", "/{ns}", 405)]
    public async Task Bad_questions_are_refused(string method, string path, int status)
    {
        var name = await CreateAsync(""" "visibility":"public" """);
        Assert.Equal(status, await StatusAsync(Admin, method, Root + path.Replace("{ns}", name, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Only_administrators_write()
    {
        var name = await CreateAsync(""" "visibility":"public" """);
        using var refused = await gateway.SendAsync(Owner, "POST", Root, """{"namespace":"mine"}""");

        Assert.Equal(403, (int)refused.StatusCode);
        Assert.Contains("You are not authorized to complete add_metadef_namespace action.", await refused.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal(403, await StatusAsync(Owner, "DELETE", $"{Root}/{name}"));
        Assert.Equal(403, await StatusAsync(Owner, "POST", $"{Root}/{name}/tags/t"));
        Assert.Equal(403, await StatusAsync(Owner, "POST", $"{Root}/{name}/properties", "{}"));
    }

    [Theory]
    [InlineData("namespace", "namespace")]
    [InlineData("namespaces", "namespaces")]
    [InlineData("object", "object")]
    [InlineData("objects", "objects")]
    [InlineData("property", "property")]
    [InlineData("properties", "properties")]
    [InlineData("tag", "tag")]
    [InlineData("tags", "tags")]
    [InlineData("resource_type", "resource_type_association")]
    [InlineData("resource_types", "resource_type_associations")]
    public async Task Schemas_are_published(string path, string name)
    {
        var schema = await SeenAsync($"/v2/schemas/metadefs/{path}");
        Assert.Equal(name, schema.GetProperty("name").GetString());
        Assert.Equal(path.EndsWith('s'), schema.GetProperty("properties").TryGetProperty("next", out _));
    }

    private static IEnumerable<string> Names(JsonElement page) => page.GetProperty("namespaces").EnumerateArray().Select(n => n.GetProperty("namespace").GetString()!);

    private async Task<string> CreateAsync(string members)
    {
        var name = $"N::{Guid.NewGuid():N}";
        await AsAdminAsync("POST", Root, $$"""{"namespace":"{{name}}",{{members}}}""");
        return name;
    }

    private Task<JsonElement> AsAdminAsync(string method, string path, string? json = null) =>
        gateway.GetJsonAsync(Gateway.HeadersOf(Admin), method, path, json is null ? null : Gateway.Json(json));

    private Task<JsonElement> SeenAsync(string path) => gateway.GetJsonAsync(Gateway.HeadersOf(Stranger), "GET", path);

    private async Task<int> StatusAsync(Persona who, string method, string path, string? json = null)
    {
        using var response = await gateway.SendAsync(who, method, path, json);
        return (int)response.StatusCode;
    }
}
