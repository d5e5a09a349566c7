using System.Net;
using System.Security.Cryptography;
using System.Text.Json;

namespace GlanceGateway.Api.Tests;

/// <summary>Imports as clients meet them: the shapes of answers, and fetching from the web.</summary>
public sealed class ImportTests(Gateway gateway)
{
    private static readonly byte[] data = RandomNumberGenerator.GetBytes(200_000);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Methods_are_announced()
    {
        var info = await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Reader), "GET", "/v2/info/import");
        Assert.Equal(
            """{"import-methods":{"description":"Import methods available.","type":"array","value":["glance-direct","web-download","copy-image"]}}""", info.GetRawText());
        using var created = await gateway.SendAsync(Persona.Owner, "POST", "/v2/images", "{}");
        Assert.Equal("glance-direct,web-download,copy-image", Assert.Single(created.Headers.GetValues("OpenStack-image-import-methods")));
        Assert.Equal("files,memory", Assert.Single(created.Headers.GetValues("OpenStack-image-store-ids")));
    }

    [Fact]
    public async Task The_task_of_an_import_tells_how_it_went()
    {
        var id = await gateway.ImageAsync("staged");
        using (var accepted = await gateway.SendAsync(
            Persona.Owner, "POST", $"/v2/images/{id}/import", """{"method":{"name":"glance-direct"},"stores":["files","memory"]}"""))
        {
            Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
            Assert.Empty(await accepted.Content.ReadAsByteArrayAsync(Cancel));
        }

        var task = await EndAsync(id);
        Assert.Equal(("api_image_import", "success", Gateway.OwnerProject, "u"), (Text(task, "type"), Text(task, "status"), Text(task, "owner"), Text(task, "user_id")));
        Assert.Equal(
            $$"""{"image_id":"{{id}}","import_req":{"method":{"name":"glance-direct"},"stores":["files","memory"]},"backend":["files","memory"]}""", task.GetProperty("input").GetRawText());
        Assert.Equal($$"""{"image_id":"{{id}}"}""", task.GetProperty("result").GetRawText());
        Assert.Equal("Copied 0 MiB", Text(task, "message"));
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$", Text(task, "created_at"));
        Assert.StartsWith("req-", Text(task, "request_id"), StringComparison.Ordinal);

        var shown = await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Admin), "GET", $"/v2/tasks/{Text(task, "id")}");
        Assert.Equal(
            ["id", "input", "type", "status", "owner", "message", "result", "created_at", "updated_at", "self", "schema", "image_id", "request_id", "user_id", "expires_at"],
            shown.EnumerateObject().Select(p => p.Name));
        var listed = await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Admin), "GET", "/v2/tasks?limit=1&type=api_image_import");
        Assert.Equal("/v2/tasks?limit=1&type=api_image_import", Text(listed, "first"));
        Assert.Equal(
            ["id", "type", "status", "owner", "created_at", "updated_at", "self", "schema", "expires_at"],
            listed.GetProperty("tasks")[0].EnumerateObject().Select(p => p.Name).Union(["expires_at"]));
        var image = await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Owner), "GET", $"/v2/images/{id}");
        Assert.Equal(("files,memory", "", ""), (Text(image, "stores"), Text(image, "os_glance_importing_to_stores"), Text(image, "os_glance_failed_import")));
        Assert.False(image.TryGetProperty("os_glance_import_task", out _));
    }

    [Fact]
    public async Task Data_is_fetched_from_the_web_over_redirects_and_without_credentials()
    {
        await using var web = new WebServer(path => path == "/image" ? WebServer.Ok(data) : WebServer.Redirect("/image"));
        var id = await WebAsync($"{web.Url}/here");
        var task = await EndAsync(id);
        Assert.True(Text(task, "status") == "success", Text(task, "message"));
        var image = await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Owner), "GET", $"/v2/images/{id}");
        Assert.Equal(("active", data.Length, Convert.ToHexStringLower(SHA512.HashData(data))), (Text(image, "status"), image.GetProperty("size").GetInt32(), Text(image, "os_hash_value")));
        Assert.All(web.Asked, head => Assert.DoesNotContain("X-Auth", head, StringComparison.OrdinalIgnoreCase));
        Assert.All(web.Asked, head => Assert.DoesNotContain("X-Project", head, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>What went wrong inside is not told: a client could map the inside by it.</summary>
    [Theory]
    [InlineData("notfound")]
    [InlineData("short")]
    [InlineData("redirect to metadata")]
    [InlineData("redirect to ftp")]
    [InlineData("redirects without end")]
    [InlineData("closed port")]
    [InlineData("redirect to private")]
    public async Task What_cannot_be_fetched_leaves_the_image_queued_and_says_the_same_of_all(string how)
    {
        await using var web = new WebServer(_ => how switch
        {
            "short" => WebServer.Ok(data, data.Length + 1),
            "redirect to metadata" => WebServer.Redirect("http://169.254.169.254/latest/meta-data"),
            "redirect to private" => WebServer.Redirect("http://10.0.0.1/x"),
            "redirect to ftp" => WebServer.Redirect("ftp://127.0.0.1/x"),
            "redirects without end" => WebServer.Redirect("/again"),
            _ => WebServer.Status("404 Not Found"),
        });
        var url = how switch
        {
            "closed port" => "http://127.0.0.1:1/x",
            _ => web.Url + "/x",
        };
        var id = await WebAsync(url);
        var task = await EndAsync(id);
        Assert.Equal(("failure", "The data could not be fetched from the URL."), (Text(task, "status"), Text(task, "message")));
        var image = await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Owner), "GET", $"/v2/images/{id}");
        Assert.Equal(("queued", JsonValueKind.Null), (Text(image, "status"), image.GetProperty("size").ValueKind));
        Assert.False(image.TryGetProperty("os_glance_import_task", out _));
        await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Owner), "PUT", $"/v2/images/{id}/file", Gateway.Octets(data));
    }

    [Fact]
    public async Task More_than_the_size_cap_is_not_fetched()
    {
        var large = new byte[gateway.ImageOptions.SizeCap + 1];
        await using var web = new WebServer(_ => [.. "HTTP/1.0 200 OK\r\n\r\n"u8, .. large]);
        var id = await WebAsync(web.Url + "/x");
        var task = await EndAsync(id);
        Assert.Equal("failure", Text(task, "status"));
        Assert.Contains("maximum allowed size", Text(task, "message"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_tasks_API_makes_an_image_and_imports_it()
    {
        await using var web = new WebServer(_ => WebServer.Ok(data));
        using var created = await gateway.SendAsync(
            Persona.Admin, "POST", "/v2/tasks", $$$$"""{"type":"import","input":{"import_from":"{{{{web.Url}}}}/x","import_from_format":"raw","image_properties":{"name":"new"}}}""");
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        var task = JsonElement.Parse(await created.Content.ReadAsStringAsync(Cancel));
        Assert.EndsWith($"/v2/tasks/{Text(task, "id")}", created.Headers.Location!.AbsoluteUri, StringComparison.Ordinal);
        var id = Text(task, "image_id")!;
        Assert.Equal("success", Text(await EndAsync(id, Persona.Admin), "status"));
        var image = await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Admin), "GET", $"/v2/images/{id}");
        Assert.Equal(("active", "new", "raw", "bare"), (Text(image, "status"), Text(image, "name"), Text(image, "disk_format"), Text(image, "container_format")));
    }

    private async Task<string> WebAsync(string url)
    {
        var id = await gateway.ImageAsync("queued");
        using var accepted = await gateway.SendAsync(Persona.Owner, "POST", $"/v2/images/{id}/import", $$$"""{"method":{"name":"web-download","uri":"{{{url}}}"}}""");
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        return id;
    }

    private async Task<JsonElement> EndAsync(string id, Persona who = Persona.Owner)
    {
        for (var tries = 0; tries < 2400; tries++)
        {
            var tasks = (await gateway.GetJsonAsync(Gateway.HeadersOf(who), "GET", $"/v2/images/{id}/tasks")).GetProperty("tasks");
            if (tasks.GetArrayLength() > 0 && Text(tasks[0], "status") is "success" or "failure")
                return tasks[0];
            await Task.Delay(25, Cancel);
        }

        throw new TimeoutException("The import does not end.");
    }

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();
}
