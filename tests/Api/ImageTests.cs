using System.Net;
using System.Text.Json;

namespace GlanceGateway.Api.Tests;

public sealed class ImageTests(Gateway gateway)
{
    private const string BaseNames =
        "name disk_format container_format visibility size virtual_size status checksum protected min_ram min_disk owner os_hidden os_hash_algo "
        + "os_hash_value id created_at updated_at tags self file schema";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_new_image_has_every_property_in_Glances_order()
    {
        using var response = await gateway.SendAsync(
            Persona.Owner, "POST", "/v2/images",
            """{"name":"é 😀 <&>\"'","os_distro":"debian","disk_format":"raw","container_format":"bare","tags":["a","b","a"],"min_disk":1,"k":"1","k":"2"}""");
        var text = await response.Content.ReadAsStringAsync(Cancel);
        var image = JsonElement.Parse(text);
        var id = image.GetProperty("id").GetString();

        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
        Assert.Equal("application/json", response.Content.Headers.ContentType!.ToString());
        Assert.Equal($"{gateway.Url.AbsoluteUri}v2/images/{id}", response.Headers.Location!.AbsoluteUri);
        Assert.Equal("files,memory", Assert.Single(response.Headers.GetValues("OpenStack-image-store-ids")));
        Assert.Equal("os_distro k " + BaseNames, string.Join(' ', image.EnumerateObject().Select(p => p.Name)));
        Assert.Contains("é", text, StringComparison.Ordinal);
        Assert.Equal("é 😀 <&>\"'", image.GetProperty("name").GetString());
        Assert.Equal("2", image.GetProperty("k").GetString());
        Assert.Equal("""["a","b"]""", image.GetProperty("tags").GetRawText());
        Assert.Equal("shared", image.GetProperty("visibility").GetString());
        Assert.Equal(JsonValueKind.Null, image.GetProperty("size").ValueKind);
        Assert.Matches("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$", image.GetProperty("created_at").GetString());
        Assert.Equal($"/v2/images/{id}", image.GetProperty("self").GetString());
        Assert.Equal($"/v2/images/{id}/file", image.GetProperty("file").GetString());
        using var shown = await gateway.SendAsync(Persona.Owner, "GET", $"/v2/images/{id}");
        Assert.Equal(text, await shown.Content.ReadAsStringAsync(Cancel));
    }

    [Fact]
    public async Task An_image_with_data_names_its_stores()
    {
        var id = await gateway.CreateActiveAsync(Gateway.Data, store: "memory");
        var image = await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Owner), "GET", $"/v2/images/{id}");
        Assert.Equal(BaseNames + " stores", string.Join(' ', image.EnumerateObject().Select(p => p.Name)));
        Assert.Equal("memory", image.GetProperty("stores").GetString());
        Assert.Equal((1000, "active", "sha512"),
            (image.GetProperty("size").GetInt32(), image.GetProperty("status").GetString(), image.GetProperty("os_hash_algo").GetString()));
    }

    [Fact]
    public async Task Pages_link_to_each_other_and_keep_repeated_parameters()
    {
        var headers = Gateway.Identity(gateway.NewProject(), "member,reader").ToList();
        var ids = new List<string>();
        for (var i = 0; i < 5; i++)
            ids.Add((await gateway.GetJsonAsync(headers, "POST", "/v2/images", Gateway.Json($$"""{"name":"n{{i}}","tags":["a b","c"]}"""))).GetProperty("id").GetString()!);

        var seen = new List<string>();
        var path = "/v2/images?tag=a+b&limit=2&tag=c&sort_key=name&sort_key=id&sort_dir=asc&name=in:n0,n1,n2,n3,n4";
        var pages = 0;
        for (string? next = path; next is not null; pages++)
        {
            var page = await gateway.GetJsonAsync(headers, "GET", next);
            Assert.Equal(path, page.GetProperty("first").GetString());
            Assert.Equal("/v2/schemas/images", page.GetProperty("schema").GetString());
            seen.AddRange(page.GetProperty("images").EnumerateArray().Select(i => i.GetProperty("id").GetString()!));
            next = page.TryGetProperty("next", out var link) ? link.GetString() : null;
            if (next is not null)
                Assert.Equal($"{path}&marker={seen[^1]}", next);
        }

        Assert.Equal(ids, seen);
        Assert.Equal(3, pages);
    }

    [Fact]
    public async Task A_page_that_is_not_full_has_no_next_and_a_full_one_has()
    {
        var headers = Gateway.Identity(gateway.NewProject(), "member,reader").ToList();
        await gateway.GetJsonAsync(headers, "POST", "/v2/images", Gateway.Json("{}"));
        var bare = await gateway.GetJsonAsync(headers, "GET", "/v2/images?visibility=shared");
        Assert.Equal(1, bare.GetProperty("images").GetArrayLength());
        Assert.False(bare.TryGetProperty("next", out _));
        var full = await gateway.GetJsonAsync(headers, "GET", "/v2/images?visibility=shared&limit=1");
        var last = await gateway.GetJsonAsync(headers, "GET", full.GetProperty("next").GetString()!);
        Assert.Equal("""{"images":[],"first":"/v2/images?visibility=shared&limit=1","schema":"/v2/schemas/images"}""", last.GetRawText());
    }

    [Theory]
    [InlineData("name=one", 1)]
    [InlineData("name=in:one,two", 2)]
    [InlineData("name=neither", 0)]
    [InlineData("os_distro=debian", 1)]
    [InlineData("os_distro=debian&tag=x", 1)]
    [InlineData("os_distro=debian&tag=y", 0)]
    [InlineData("status=queued", 2)]
    [InlineData("status=active", 0)]
    [InlineData("min_ram_min=5", 1)]
    [InlineData("min_ram=5", 1)]
    [InlineData("min_ram_max=4", 1)]
    [InlineData("size_min=0", 0)]
    [InlineData("protected=true", 1)]
    [InlineData("os_hidden=true", 1)]
    [InlineData("visibility=private", 1)]
    [InlineData("created_at=gte:2020-01-01T00:00:00Z", 2)]
    [InlineData("created_at=lt:2020-01-01T00:00:00Z", 0)]
    [InlineData("nosuch=1", 0)]
    public async Task Lists_filter(string query, int count)
    {
        var project = gateway.NewProject();
        var headers = Gateway.Identity(project, "member,reader").ToList();
        foreach (var json in new[]
        {
            """{"name":"one","os_distro":"debian","tags":["x"],"min_ram":5,"visibility":"private"}""",
            """{"name":"two","protected":true}""",
            """{"name":"three","os_hidden":true}""",
        })
            await gateway.GetJsonAsync(headers, "POST", "/v2/images", Gateway.Json(json));
        var page = await gateway.GetJsonAsync(headers, "GET", $"/v2/images?owner={project}&{query}");
        Assert.Equal(count, page.GetProperty("images").GetArrayLength());
    }

    [Fact]
    public async Task A_time_that_was_shown_finds_its_image()
    {
        var headers = Gateway.Identity(gateway.NewProject(), "member,reader").ToList();
        var image = await gateway.GetJsonAsync(headers, "POST", "/v2/images", Gateway.Json("{}"));
        var created = image.GetProperty("created_at").GetString();
        foreach (var (operation, count) in new[] { ("", 1), ("eq:", 1), ("gte:", 1), ("lte:", 1), ("gt:", 0), ("lt:", 0) })
        {
            var page = await gateway.GetJsonAsync(headers, "GET", $"/v2/images?visibility=shared&created_at={operation}{created}");
            Assert.Equal(count, page.GetProperty("images").GetArrayLength());
        }
    }

    [Fact]
    public async Task A_share_appears_in_lists_once_accepted()
    {
        var member = gateway.NewProject();
        var memberHeaders = Gateway.Identity(member, "member,reader").ToList();
        var id = await gateway.CreateAsync("{}");
        var shared = await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Owner), "POST", $"/v2/images/{id}/members", Gateway.Json($$"""{"member":"{{member}}"}"""));
        Assert.Equal("member_id image_id status created_at updated_at schema", string.Join(' ', shared.EnumerateObject().Select(p => p.Name)));

        Assert.Equal((0, 1, 0), (await CountAsync(""), await CountAsync("&member_status=pending"), await CountAsync("&member_status=rejected")));
        await gateway.GetJsonAsync(memberHeaders, "PUT", $"/v2/images/{id}/members/{member}", Gateway.Json("""{"status":"accepted"}"""));
        Assert.Equal((1, 1), (await CountAsync(""), await CountAsync("&member_status=all")));

        async Task<int> CountAsync(string query) =>
            (await gateway.GetJsonAsync(memberHeaders, "GET", $"/v2/images?id={id}{query}")).GetProperty("images").GetArrayLength();
    }

    [Fact]
    public async Task Schemas_are_what_clients_build_requests_from()
    {
        var image = await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Reader), "GET", "/v2/schemas/image");
        var properties = image.GetProperty("properties");
        Assert.Equal("image", image.GetProperty("name").GetString());
        Assert.Equal(
            "id name status visibility protected os_hidden checksum os_hash_algo os_hash_value owner size virtual_size container_format disk_format "
            + "created_at updated_at tags direct_url min_ram min_disk self file schema locations kernel_id ramdisk_id instance_uuid architecture "
            + "os_distro os_version description cinder_encryption_key_id cinder_encryption_key_deletion_policy",
            string.Join(' ', properties.EnumerateObject().Select(p => p.Name)));
        Assert.Equal("""["null","string"]""", properties.GetProperty("name").GetProperty("type").GetRawText());
        Assert.Equal(255, properties.GetProperty("name").GetProperty("maxLength").GetInt32());
        Assert.StartsWith("""[null,"ami",""", properties.GetProperty("disk_format").GetProperty("enum").GetRawText(), StringComparison.Ordinal);
        Assert.True(properties.GetProperty("status").GetProperty("readOnly").GetBoolean());
        Assert.False(properties.GetProperty("kernel_id").GetProperty("is_base").GetBoolean());
        Assert.False(properties.GetProperty("id").TryGetProperty("is_base", out _));
        Assert.Equal("""{"type":"string","maxLength":255}""", properties.GetProperty("tags").GetProperty("items").GetRawText());
        Assert.False(properties.GetProperty("tags").TryGetProperty("maxLength", out _));
        Assert.Equal("integer", properties.GetProperty("min_ram").GetProperty("type").GetString());
        Assert.Equal("""{"type":"string"}""", image.GetProperty("additionalProperties").GetRawText());
        Assert.Equal(["self", "enclosure", "describedby"], image.GetProperty("links").EnumerateArray().Select(l => l.GetProperty("rel").GetString()));

        var images = await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Reader), "GET", "/v2/schemas/images");
        Assert.Equal(image.GetRawText(), images.GetProperty("properties").GetProperty("images").GetProperty("items").GetRawText());
        Assert.Equal("images first next schema", string.Join(' ', images.GetProperty("properties").EnumerateObject().Select(p => p.Name)));
        var member = await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Reader), "GET", "/v2/schemas/member");
        Assert.Equal("member_id image_id created_at updated_at status schema", string.Join(' ', member.GetProperty("properties").EnumerateObject().Select(p => p.Name)));
        var members = await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Reader), "GET", "/v2/schemas/members");
        Assert.Equal("""[{"rel":"describedby","href":"{schema}"}]""", members.GetProperty("links").GetRawText());
    }

    [Fact]
    public async Task Information_is_true()
    {
        Assert.Equal(
            """{"stores":[{"id":"files","description":"on disk","default":"true"},{"id":"memory"}]}""",
            (await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Reader), "GET", "/v2/info/stores")).GetRawText());
        Assert.Equal("""{"usage":{}}""", (await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Reader), "GET", "/v2/info/usage")).GetRawText());
    }
}
