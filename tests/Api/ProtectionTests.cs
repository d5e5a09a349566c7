using System.Text.Json;
using GlanceGateway.Images;

namespace GlanceGateway.Api.Tests;

/// <summary>Property protections as callers of different roles meet them.</summary>
public sealed class ProtectionTests(ProtectionTests.ProtectedGateway home) : IClassFixture<ProtectionTests.ProtectedGateway>
{
    private const string Rules = """
        [^billing_]
        create = biller
        read = biller, auditor
        update = biller
        delete = admin
        [^open_]
        create = @
        read = @
        update = member
        delete = !
        [^drop_]
        create = member
        read = !
        update = member
        delete = member
        """;

    private static readonly (string Name, string Value)[] Biller = [.. Gateway.Identity(Gateway.OwnerProject, "member,reader,Biller")];
    private static readonly (string Name, string Value)[] Auditor = [.. Gateway.Identity(Gateway.OwnerProject, "member,reader,auditor")];
    private static readonly (string Name, string Value)[] Member = [.. Gateway.HeadersOf(Persona.Owner)];
    private static readonly (string Name, string Value)[] Admin = [.. Gateway.HeadersOf(Persona.Admin)];

    private readonly Gateway gateway = home.Gateway;

    [Fact]
    public async Task What_may_not_be_read_is_in_no_answer_and_stays_when_others_change_the_image()
    {
        var id = await CreateAsync("""{"name":"n","billing_code":"7","open_a":"1"}""");
        foreach (var (who, seen) in new[] { (Biller, true), (Auditor, true), (Member, false), (Admin, false) })
        {
            Assert.Equal(seen, Has(await gateway.GetJsonAsync(who, "GET", $"/v2/images/{id}"), "billing_code"));
            var listed = (await gateway.GetJsonAsync(who, "GET", $"/v2/images?id=in:{id}")).GetProperty("images")[0];
            Assert.Equal((seen, "1"), (Has(listed, "billing_code"), listed.GetProperty("open_a").GetString()));
        }

        var patched = await PatchAsync(Member, id, """[{"op":"replace","path":"/name","value":"m"},{"op":"replace","path":"/open_a","value":"2"}]""");
        Assert.Equal((200, false), (patched.Status, Has(patched.Body, "billing_code")));
        await gateway.GetJsonAsync(Member, "PUT", $"/v2/images/{id}/tags/t");
        var now = await gateway.GetJsonAsync(Biller, "GET", $"/v2/images/{id}");
        Assert.Equal(("7", "m", "2"), (now.GetProperty("billing_code").GetString(), now.GetProperty("name").GetString(), now.GetProperty("open_a").GetString()));
    }

    [Fact]
    public async Task Lists_are_not_found_by_what_may_not_be_read()
    {
        var code = Guid.NewGuid().ToString("N");
        await CreateAsync($$"""{"billing_code":"{{code}}","open_a":"{{code}}"}""");
        foreach (var (query, who, count) in new[]
        {
            ($"billing_code={code}", Biller, 1), ($"billing_code={code}", Auditor, 1), ($"billing_code={code}", Member, 0), ($"open_a={code}", Member, 1),
            ($"open_a={code}&billing_code={code}", Member, 0), ($"open_a={code}&billing_code=other", Member, 0), ($"open_a={code}&unmatched=1", Member, 0),
        })
        {
            var list = await gateway.GetJsonAsync(who, "GET", $"/v2/images?{query}");
            Assert.True(count == list.GetProperty("images").GetArrayLength(), query);
            Assert.False(list.TryGetProperty("next", out _));
        }
    }

    [Theory]
    [InlineData("billing_code", false, 403)]
    [InlineData("billing_code", true, 201)]
    [InlineData("open_a", false, 201)]
    [InlineData("unmatched", true, 403)]
    [InlineData("drop_a", false, 201)]
    public async Task Who_may_not_create_a_property_creates_no_image_with_it(string name, bool isBiller, int status)
    {
        var marker = Guid.NewGuid().ToString("N");
        using var answer = await gateway.SendAsync(isBiller ? Biller : Member, "POST", "/v2/images", Gateway.Json($$"""{"name":"{{marker}}","{{name}}":"v"}"""));
        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(status == 201 ? 1 : 0, (await gateway.GetJsonAsync(Member, "GET", $"/v2/images?name={marker}")).GetProperty("images").GetArrayLength());
        if (status == 403)
            Assert.Contains($"Attribute '{name}' is reserved.", text, StringComparison.Ordinal);
        else
            Assert.Equal(name != "drop_a", Has(JsonElement.Parse(text), name));
    }

    /// <summary>A caller learns of what it does not see no more than that it is not there.</summary>
    [Theory]
    [InlineData("biller", """[{"op":"replace","path":"/billing_code","value":"8"}]""", 200)]
    [InlineData("biller", """[{"op":"add","path":"/billing_code","value":"8"}]""", 200)]
    [InlineData("biller", """[{"op":"add","path":"/billing_new","value":"8"}]""", 200)]
    [InlineData("biller", """[{"op":"remove","path":"/billing_code"}]""", 403)]
    [InlineData("auditor", """[{"op":"replace","path":"/billing_code","value":"8"}]""", 403)]
    [InlineData("auditor", """[{"op":"add","path":"/billing_code","value":"8"}]""", 403)]
    [InlineData("auditor", """[{"op":"add","path":"/billing_new","value":"8"}]""", 403)]
    [InlineData("auditor", """[{"op":"remove","path":"/billing_code"}]""", 403)]
    [InlineData("auditor", """[{"op":"replace","path":"/billing_new","value":"8"}]""", 409)]
    [InlineData("member", """[{"op":"replace","path":"/billing_code","value":"8"}]""", 409)]
    [InlineData("member", """[{"op":"replace","path":"/billing_new","value":"8"}]""", 409)]
    [InlineData("member", """[{"op":"remove","path":"/billing_code"}]""", 409)]
    [InlineData("member", """[{"op":"add","path":"/billing_code","value":"8"}]""", 403)]
    [InlineData("member", """[{"op":"add","path":"/billing_new","value":"8"}]""", 403)]
    [InlineData("member", """[{"op":"replace","path":"/open_a","value":"2"}]""", 200)]
    [InlineData("member", """[{"op":"remove","path":"/open_a"}]""", 403)]
    [InlineData("member", """[{"op":"add","path":"/unmatched","value":"2"}]""", 403)]
    [InlineData("member", """[{"op":"replace","path":"/name","value":"changed"},{"op":"remove","path":"/open_a"}]""", 403)]
    [InlineData("admin", """[{"op":"remove","path":"/billing_code"}]""", 409)]
    public async Task Changes_by_the_wrong_role_are_refused_and_change_nothing(string role, string patch, int status)
    {
        var id = await CreateAsync("""{"name":"n","billing_code":"7","open_a":"1"}""");
        var before = (await gateway.GetJsonAsync(Biller, "GET", $"/v2/images/{id}")).GetRawText();
        var who = role switch
        {
            "biller" => Biller,
            "auditor" => Auditor,
            "admin" => Admin,
            _ => Member,
        };
        var answer = await PatchAsync(who, id, patch);
        Assert.True(status == answer.Status, $"{answer.Status} {answer.Body}");
        var after = (await gateway.GetJsonAsync(Biller, "GET", $"/v2/images/{id}")).GetRawText();
        Assert.Equal(status == 200, before != after);
    }

    [Fact]
    public async Task A_services_roles_count_and_other_rules_count_from_the_next_request_on()
    {
        var id = await CreateAsync("""{"billing_code":"7"}""");
        (string, string)[] through = [.. Member, ("X-Service-Identity-Status", "Confirmed"), ("X-Service-Project-Id", "s"), ("X-Service-User-Id", "s"), ("X-Service-Roles", "auditor")];
        Assert.True(Has(await gateway.GetJsonAsync(through, "GET", $"/v2/images/{id}"), "billing_code"));

        await using var other = new Gateway();
        await other.InitializeAsync();
        var free = (await other.GetJsonAsync(Member, "POST", "/v2/images", Gateway.Json("""{"billing_code":"7"}"""))).GetProperty("id").GetString();
        Assert.True(Has(await other.GetJsonAsync(Member, "GET", $"/v2/images/{free}"), "billing_code"));
        other.Protections.Use(ProtectionSet.Parse(Rules, ProtectionFormat.Roles));
        Assert.False(Has(await other.GetJsonAsync(Member, "GET", $"/v2/images/{free}"), "billing_code"));
        other.Protections.Use(null);
        Assert.True(Has(await other.GetJsonAsync(Member, "GET", $"/v2/images/{free}"), "billing_code"));
    }

    [Fact]
    public async Task The_schema_is_the_same_with_protections_as_without()
    {
        await using var free = new Gateway();
        await free.InitializeAsync();
        foreach (var schema in new[] { "image", "images" })
        {
            Assert.Equal(
                (await free.GetJsonAsync(Member, "GET", $"/v2/schemas/{schema}")).GetRawText(), (await gateway.GetJsonAsync(Member, "GET", $"/v2/schemas/{schema}")).GetRawText());
        }
    }

    private static bool Has(JsonElement image, string property) => image.TryGetProperty(property, out _);

    private async Task<string> CreateAsync(string json) =>
        (await gateway.GetJsonAsync(Biller, "POST", "/v2/images", Gateway.Json(json))).GetProperty("id").GetString()!;

    private async Task<(int Status, JsonElement Body)> PatchAsync((string, string)[] who, string id, string patch)
    {
        using var answer = await gateway.SendAsync(who, "PATCH", $"/v2/images/{id}", Gateway.Json(patch, "application/openstack-images-v2.1-json-patch"));
        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        return ((int)answer.StatusCode, answer.IsSuccessStatusCode ? JsonElement.Parse(text) : JsonSerializer.SerializeToElement(text));
    }

    /// <summary>A gateway under the rules, for the class.</summary>
    public sealed class ProtectedGateway : IAsyncLifetime
    {
        public Gateway Gateway { get; } = new();

        public async ValueTask InitializeAsync()
        {
            await Gateway.InitializeAsync();
            Gateway.Protections.Use(ProtectionSet.Parse(Rules, ProtectionFormat.Roles));
        }

        public ValueTask DisposeAsync() => Gateway.DisposeAsync();
    }
}
