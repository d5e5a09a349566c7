using static GlanceGateway.Api.Tests.Persona;

namespace GlanceGateway.Api.Tests;

/// <summary>One case of the API.</summary>
/// <param name="Name">What it shows.</param>
/// <param name="Who">Who asks.</param>
/// <param name="Request">Method and path; <c>{kind}</c> is the id of a new image of that kind.</param>
/// <param name="Status">What it is answered with.</param>
public sealed record Case(string Name, Persona Who, string Request, int Status)
{
    /// <summary>The body; null for none.</summary>
    public string? Body { get; init; }

    /// <summary>The body's type; null for what the route wants.</summary>
    public string? Type { get; init; }

    /// <summary>Further headers, as <c>Name: value</c>.</summary>
    public string[] Headers { get; init; } = [];

    /// <summary>What the body of the answer holds.</summary>
    public string Says { get; init; } = "";

    public override string ToString() => Name;
}

/// <summary>Every case of every route and the status that it is answered with.</summary>
internal static class ErrorTable
{
    public const string V21 = "application/openstack-images-v2.1-json-patch";
    public const string V20 = "application/openstack-images-v2.0-json-patch";

    private const string Hidden = "No image found with ID";
    private const string ReadOnly = "is read-only.";

    public static readonly IReadOnlyList<Case> Cases =
    [
        // Create
        Post("create", Owner, "{}", 201, "\"status\":\"queued\""),
        Post("create with id", Owner, """{"id":"{missing}"}""", 201),
        Post("create as reader", Reader, "{}", 403, "You are not authorized to complete add_image action."),
        Post("create as nobody", Nobody, "{}", 401, "could not verify"),
        Post("create malformed", Owner, "{", 400, "Malformed JSON in request body."),
        Post("create list", Owner, "[]", 400, "Unexpected body type. Expected list/dict."),
        Post("create text", Owner, "\"x\"", 400, "Unexpected body type. Expected list/dict."),
        Post("create number", Owner, "1", 400, "Unexpected body type. Expected list/dict."),
        Post("create half a surrogate pair", Owner, """{"name":"\ud800"}""", 400, "not valid Unicode"),
        Post("create half a surrogate pair as name", Owner, """{"\udc00":"x"}""", 400, "not valid Unicode"),
        Post("create NUL", Owner, """{"k":"a\u0000b"}""", 400, "NUL"),
        new("create without body", Owner, "POST /v2/images", 400) { Says = "Body expected in request." },
        Post("create too large a body", Owner, $$"""{"k":"{{new string('x', 1 << 20)}}"}""", 413),
        Post("create duplicate id", Owner, """{"id":"{queued}"}""", 409, "already exists!"),
        Post("create id of deleted image", Owner, """{"id":"{deleted}"}""", 409, "already exists!"),
        Post("create bad id", Owner, """{"id":"nope"}""", 400, "does not match schema"),
        Post("create null id", Owner, """{"id":null}""", 400),
        .. new[] { "status", "checksum", "size", "virtual_size", "created_at", "updated_at", "direct_url", "self", "file", "schema", "stores", "os_hash_algo", "os_hash_value" }
            .Select(n => Post($"create read-only {n}", Owner, $$"""{"{{n}}":"x"}""", 403, $"Attribute '{n}' {ReadOnly}")),
        .. new[] { "location", "deleted", "deleted_at", "locations", "os_glance_x", "os_glancex" }
            .Select(n => Post($"create reserved {n}", Owner, $$"""{"{{n}}":"x"}""", 403, $"Attribute '{n}' is reserved.")),
        Post("create bad disk_format", Owner, """{"disk_format":"zzz"}""", 400, "does not match schema 'image'"),
        Post("create bad container_format", Owner, """{"container_format":"zzz"}""", 400, "does not match schema 'image'"),
        Post("create bad visibility", Owner, """{"visibility":"zzz"}""", 400, "does not match schema 'image'"),
        Post("create null visibility", Owner, """{"visibility":null}""", 400),
        Post("create property that is a number", Owner, """{"foo":1}""", 400, "does not match schema 'image'"),
        Post("create property that is null", Owner, """{"foo":null}""", 400),
        Post("create name that is a number", Owner, """{"name":1}""", 400),
        Post("create null name", Owner, """{"name":null}""", 201),
        Post("create name of 255", Owner, $$"""{"name":"{{new string('n', 255)}}"}""", 201),
        Post("create name of 256", Owner, $$"""{"name":"{{new string('n', 256)}}"}""", 400),
        Post("create property name of 256", Owner, $$"""{"{{new string('n', 256)}}":"x"}""", 400),
        Post("create negative min_ram", Owner, """{"min_ram":-1}""", 400),
        Post("create huge min_disk", Owner, """{"min_disk":2147483648}""", 400),
        Post("create largest min_disk", Owner, """{"min_disk":2147483647}""", 201),
        Post("create broken min_disk", Owner, """{"min_disk":1.5}""", 400),
        Post("create protected text", Owner, """{"protected":"true"}""", 400),
        Post("create os_hidden text", Owner, """{"os_hidden":"true"}""", 400),
        Post("create kernel_id no UUID", Owner, """{"kernel_id":"x"}""", 400),
        Post("create tags no list", Owner, """{"tags":"x"}""", 400),
        Post("create tag number", Owner, """{"tags":[1]}""", 400),
        Post("create long tag", Owner, $$"""{"tags":["{{new string('t', 256)}}"]}""", 400),
        Post("create too many tags", Owner, """{"tags":["a","b","c"]}""", 413),
        Post("create too many properties", Owner, """{"a":"1","b":"2","c":"3","d":"4"}""", 413),
        Post("create public", Owner, """{"visibility":"public"}""", 403, "publicize_image"),
        Post("create public as admin", Admin, """{"visibility":"public"}""", 201),
        Post("create community", Owner, """{"visibility":"community"}""", 201),
        Post("create for another", Owner, """{"owner":"zz"}""", 403, "You are not permitted to create images owned by"),
        Post("create for another as admin", Admin, """{"owner":"zz"}""", 201, "\"owner\":\"zz\""),
        Post("create of any type", Owner, """{"name":"x"}""", 201) with { Type = "text/plain" },

        // Show
        new("show", Owner, "GET /v2/images/{queued}", 200) { Says = "/v2/schemas/image" },
        new("show as reader", Reader, "GET /v2/images/{queued}", 200),
        new("show as stranger", Stranger, "GET /v2/images/{queued}", 404) { Says = Hidden },
        new("show as pending member", Member, "GET /v2/images/{shared}", 200),
        new("show as admin", Admin, "GET /v2/images/{private}", 200),
        new("show private as stranger", Stranger, "GET /v2/images/{private}", 404) { Says = Hidden },
        new("show community as stranger", Stranger, "GET /v2/images/{community}", 200),
        new("show public as stranger", Stranger, "GET /v2/images/{public}", 200),
        new("show as nobody", Nobody, "GET /v2/images/{public}", 401),
        new("show missing", Owner, "GET /v2/images/{missing}", 404) { Says = Hidden },
        new("show deleted", Owner, "GET /v2/images/{deleted}", 404) { Says = Hidden },
        new("show deleted as admin", Admin, "GET /v2/images/{deleted}", 404) { Says = Hidden },
        new("show no UUID", Owner, "GET /v2/images/abc", 404) { Says = "No image found with ID abc" },
        new("show long id", Owner, $"GET /v2/images/{new string('a', 300)}", 404),
        new("show encoded slash", Owner, "GET /v2/images/a%2Fb", 404) { Says = "No image found with ID a/b" },
        new("show not UTF-8", Owner, "GET /v2/images/%FF", 400),
        new("show with body", Owner, "GET /v2/images/{queued}", 400) { Body = "{}", Says = "A body is not expected with this request." },

        // List
        new("list", Owner, "GET /v2/images", 200),
        new("list as nobody", Nobody, "GET /v2/images", 401),
        new("list with body", Owner, "GET /v2/images?limit=1", 200) { Body = "{}" },
        new("list limit 0", Owner, "GET /v2/images?limit=0", 200) { Says = """{"images":[],"first":"/v2/images?limit=0","schema":"/v2/schemas/images"}""" },
        new("list limit beyond the cap", Owner, "GET /v2/images?limit=5000", 200),
        .. List(200, "name=nosuch", "owner=x", "bogus=1", "status=nosuch", "size=abc", "size_min=1", "min_ram_max=3", "visibility=all", "member_status=all",
            "os_hidden=TRUE", "protected=true", "tag=a&tag=b", "sort=name:asc,status:desc", "sort_key=name&sort_dir=asc", "sort_key=name&sort_key=id&sort_dir=asc",
            "created_at=gte:2020-01-01T00:00:00Z", "created_at=2020-01-01T00:00:00Z", "name=in:a,%22b,c%22", "name=eq:a:b", "checksum=x", "marker="),
        .. List(400, "limit=-1", "limit=abc", "limit=1.5", "marker=nope", "sort_key=zzz", "sort_dir=up", "sort=name:up", "sort=", "sort=name&sort_key=id",
            "sort_key=name&sort_dir=asc&sort_dir=desc", "visibility=foo", "member_status=foo", "size_min=abc", "nosuch_max=1", "created_at=gt:nope",
            "created_at=foo:2020-01-01", "updated_at=neq:x", "os_hidden=maybe", "protected=True", "changes-since=1", "name=gt:x", "name=a:b", "name=in:%22a", "name=%FF"),
        new("list unknown marker", Owner, "GET /v2/images?marker={missing}", 400) { Says = Hidden },
        new("list invisible marker", Stranger, "GET /v2/images?marker={queued}", 400) { Says = Hidden },

        // Change
        Patch("change", Owner, "{queued}", """[{"op":"replace","path":"/name","value":"n2"}]""", 200, "\"name\":\"n2\""),
        Patch("change nothing", Owner, "{queued}", "[]", 200),
        Patch("add property", Owner, "{queued}", """[{"op":"add","path":"/k~1~0","value":"v"}]""", 200, "\"k/~\":\"v\""),
        Patch("add property that is there", Owner, "{rich}", """[{"op":"add","path":"/k","value":"v2"}]""", 200, "\"k\":\"v2\""),
        Patch("old add", Owner, "{queued}", """[{"add":"/k","value":"v"}]""", 200, "\"k\":\"v\"") with { Type = V20 },
        Patch("old add of what is there", Owner, "{rich}", """[{"add":"/k","value":"v"}]""", 409, "already present") with { Type = V20 },
        Patch("old add of a base property", Owner, "{queued}", """[{"add":"/name","value":"v"}]""", 409, "already present") with { Type = V20 },
        Patch("old replace", Owner, "{rich}", """[{"replace":"/k","value":"x"}]""", 200, "\"k\":\"x\"") with { Type = V20 },
        Patch("old remove", Owner, "{rich}", """[{"remove":"/k"}]""", 200) with { Type = V20 },
        Patch("old with two operations", Owner, "{rich}", """[{"remove":"/k","add":"/l","value":"v"}]""", 400, "exactly one member") with { Type = V20 },
        Patch("new form under the old type", Owner, "{rich}", """[{"op":"remove","path":"/k"}]""", 400, "exactly one member") with { Type = V20 },
        Patch("replace missing", Owner, "{queued}", """[{"op":"replace","path":"/k","value":"x"}]""", 409, "Property k does not exist."),
        Patch("remove missing", Owner, "{queued}", """[{"op":"remove","path":"/k"}]""", 409, "Property k does not exist."),
        Patch("remove base property", Owner, "{queued}", """[{"op":"remove","path":"/name"}]""", 403, "Property name may not be removed."),
        .. new[] { "id", "status", "checksum", "size", "virtual_size", "created_at", "updated_at", "direct_url", "self", "file", "schema", "stores", "os_hash_algo", "os_hash_value" }
            .Select(n => Patch($"change read-only {n}", Owner, "{queued}", $$"""[{"op":"replace","path":"/{{n}}","value":"x"}]""", 403, $"Attribute '{n}' {ReadOnly}")),
        .. new[] { "location", "deleted", "deleted_at", "os_glance_x" }
            .Select(n => Patch($"change reserved {n}", Owner, "{queued}", $$"""[{"op":"add","path":"/{{n}}","value":"x"}]""", 403, "reserved")),
        Patch("change disk_format of active", Owner, "{active}", """[{"op":"replace","path":"/disk_format","value":"qcow2"}]""", 403, "can be only replaced for a queued image."),
        Patch("change container_format of active", Owner, "{active}", """[{"op":"replace","path":"/container_format","value":"ovf"}]""", 403, "can be only replaced"),
        Patch("change to bad value", Owner, "{queued}", """[{"op":"replace","path":"/min_ram","value":"x"}]""", 400),
        Patch("change to bad enum", Owner, "{queued}", """[{"op":"replace","path":"/disk_format","value":"zzz"}]""", 400),
        Patch("change to too many tags", Owner, "{queued}", """[{"op":"replace","path":"/tags","value":["a","b","c"]}]""", 413),
        Patch("repeated tags count once", Owner, "{queued}", """[{"op":"replace","path":"/tags","value":["z","z","y"]}]""", 200, "\"tags\":[\"z\",\"y\"]"),
        Patch("add too many properties", Owner, "{rich}", """[{"op":"add","path":"/m","value":"v"},{"op":"add","path":"/n","value":"v"}]""", 413),
        Patch("change owner", Owner, "{queued}", """[{"op":"replace","path":"/owner","value":"x"}]""", 403, "Owner can"),
        Patch("add owner", Owner, "{queued}", """[{"op":"add","path":"/owner","value":"x"}]""", 403, "Owner can"),
        Patch("change owner as admin", Admin, "{queued}", """[{"op":"replace","path":"/owner","value":"x"}]""", 200, "\"owner\":\"x\""),
        Patch("publicize", Owner, "{queued}", """[{"op":"replace","path":"/visibility","value":"public"}]""", 403, "publicize_image"),
        Patch("publicize as admin", Admin, "{queued}", """[{"op":"replace","path":"/visibility","value":"public"}]""", 200),
        Patch("communitize", Owner, "{queued}", """[{"op":"replace","path":"/visibility","value":"community"}]""", 200),
        Patch("change as reader", Reader, "{queued}", """[{"op":"add","path":"/a","value":"b"}]""", 403, "modify_image"),
        Patch("change as member", Member, "{shared}", """[{"op":"add","path":"/a","value":"b"}]""", 403, "modify_image"),
        Patch("change public as stranger", Stranger, "{public}", """[{"op":"add","path":"/a","value":"b"}]""", 403, "modify_image"),
        Patch("change as stranger", Stranger, "{queued}", """[{"op":"add","path":"/a","value":"b"}]""", 404, Hidden),
        Patch("change as nobody", Nobody, "{queued}", "[]", 401),
        Patch("change missing", Owner, "{missing}", "[]", 404, Hidden),
        Patch("all or nothing", Owner, "{queued}", """[{"op":"add","path":"/a","value":"b"},{"op":"remove","path":"/nosuch"}]""", 409),
        Patch("bad operation", Owner, "{queued}", """[{"op":"move","path":"/a","value":"b"}]""", 400, "Invalid operation: `move`. It must be one of the following: add, remove, replace."),
        Patch("no operation", Owner, "{queued}", """[{"path":"/a"}]""", 400, "`op`"),
        Patch("no path", Owner, "{queued}", """[{"op":"add","value":"b"}]""", 400, "path"),
        Patch("path no text", Owner, "{queued}", """[{"op":"add","path":1,"value":"b"}]""", 400),
        Patch("no value", Owner, "{queued}", """[{"op":"add","path":"/a"}]""", 400, """Operation "add" requires a member named "value"."""),
        Patch("bad path", Owner, "{queued}", """[{"op":"add","path":"a","value":"b"}]""", 400, """Pointer `a` does not start with "/"."""),
        Patch("nested path", Owner, "{queued}", """[{"op":"add","path":"/a/b","value":"b"}]""", 400, "Invalid JSON pointer for this resource: '/a/b'"),
        Patch("tag path", Owner, "{queued}", """[{"op":"add","path":"/tags/-","value":"b"}]""", 400, "Invalid JSON pointer"),
        Patch("item no object", Owner, "{queued}", "[1]", 400, "Operations must be JSON objects."),
        Patch("not a list", Owner, "{queued}", """{"op":"add"}""", 400, "Request body must be a JSON array of operation objects."),
        Patch("not JSON", Owner, "{queued}", "{", 400, "Malformed JSON in request body."),
        Patch("wrong type", Owner, "{queued}", "[]", 415, "application/json is not supported") with { Type = "application/json" },
        new("change without body", Owner, "PATCH /v2/images/{queued}", 400) { Type = V21, Says = "Body expected in request." },
        new("change without type", Owner, "PATCH /v2/images/{queued}", 415),
        Patch("type with parameters", Owner, "{queued}", "[]", 200) with { Type = V21 + "; charset=utf-8" },
        Patch("add location", Owner, "{active}", """[{"op":"add","path":"/locations/-","value":{"url":"http://x/","metadata":{}}}]""", 403, "if locations are invisible"),
        Patch("replace locations", Owner, "{active}", """[{"op":"replace","path":"/locations","value":[]}]""", 403, "if locations are invisible"),
        Patch("remove location", Owner, "{active}", """[{"op":"remove","path":"/locations/0"}]""", 403, "if locations are invisible"),
        Patch("add locations at depth 1", Owner, "{active}", """[{"op":"add","path":"/locations","value":[]}]""", 400, "Invalid JSON pointer"),

        // Deactivate and reactivate
        new("deactivate", Owner, "POST /v2/images/{active}/actions/deactivate", 204),
        new("deactivate twice", Owner, "POST /v2/images/{deactivated}/actions/deactivate", 204),
        new("deactivate as admin", Admin, "POST /v2/images/{private}/actions/deactivate", 204),
        new("deactivate as reader", Reader, "POST /v2/images/{active}/actions/deactivate", 403) { Says = "deactivate" },
        new("deactivate as member", Member, "POST /v2/images/{shared}/actions/deactivate", 403) { Says = "deactivate" },
        new("deactivate as stranger", Stranger, "POST /v2/images/{active}/actions/deactivate", 404),
        new("deactivate queued", Owner, "POST /v2/images/{queued}/actions/deactivate", 403) { Says = "Not allowed to deactivate image in status 'queued'" },
        new("deactivate with body", Owner, "POST /v2/images/{active}/actions/deactivate", 400) { Body = "{}" },
        new("deactivate by GET", Owner, "GET /v2/images/{active}/actions/deactivate", 405),
        new("reactivate", Owner, "POST /v2/images/{deactivated}/actions/reactivate", 204),
        new("reactivate active", Owner, "POST /v2/images/{active}/actions/reactivate", 204),
        new("reactivate queued", Owner, "POST /v2/images/{queued}/actions/reactivate", 403) { Says = "Not allowed to reactivate image in status 'queued'" },

        // Delete
        new("delete", Owner, "DELETE /v2/images/{active}", 204),
        new("delete queued", Owner, "DELETE /v2/images/{queued}", 204),
        new("delete deactivated", Owner, "DELETE /v2/images/{deactivated}", 204),
        new("delete as admin", Admin, "DELETE /v2/images/{private}", 204),
        new("delete as reader", Reader, "DELETE /v2/images/{active}", 403) { Says = "delete_image" },
        new("delete as member", Member, "DELETE /v2/images/{shared}", 403) { Says = "delete_image" },
        new("delete public as stranger", Stranger, "DELETE /v2/images/{public}", 403),
        new("delete as stranger", Stranger, "DELETE /v2/images/{active}", 404) { Says = "Failed to find image" },
        new("delete as nobody", Nobody, "DELETE /v2/images/{active}", 401),
        new("delete missing", Owner, "DELETE /v2/images/{missing}", 404) { Says = "to delete" },
        new("delete again", Owner, "DELETE /v2/images/{deleted}", 404) { Says = "to delete" },
        new("delete protected", Owner, "DELETE /v2/images/{protected}", 403) { Says = "is protected and cannot be deleted." },
        new("delete with body", Owner, "DELETE /v2/images/{queued}", 400) { Body = "{}", Says = "A body is not expected" },

        // Upload
        Put("upload", Owner, "{queued}", 204),
        Put("upload as admin", Admin, "{queued}", 204),
        Put("upload nothing", Owner, "{queued}", 204) with { Body = "" },
        Put("upload to a store", Owner, "{queued}", 204, "", "X-Image-Meta-Store: memory"),
        Put("upload to unknown store", Owner, "{queued}", 400, "Store for identifier nosuch not found", "X-Image-Meta-Store: nosuch"),
        Put("upload wrong type", Owner, "{queued}", 415, "application/json is not supported") with { Type = "application/json" },
        Put("upload type with parameters", Owner, "{queued}", 204) with { Type = "application/octet-stream; x=y" },
        Put("upload without formats", Owner, "{formatless}", 400, "must be set prior to saving data."),
        Put("upload again", Owner, "{active}", 409, "Image status transition from active to saving is not allowed"),
        Put("upload as reader", Reader, "{queued}", 403, "upload_image"),
        Put("upload as member", Member, "{shared}", 403, "upload_image"),
        Put("upload as stranger", Stranger, "{queued}", 404, Hidden),
        Put("upload as nobody", Nobody, "{queued}", 401),
        Put("upload missing", Owner, "{missing}", 404, Hidden),
        Put("upload size no number", Owner, "{queued}", 400, "whole number", "x-openstack-image-size: many"),
        Put("upload negative size", Owner, "{queued}", 400, "whole number", "x-openstack-image-size: -1"),
        Put("upload less than said", Owner, "{queued}", 400, "", "x-openstack-image-size: 10"),
        Put("upload more than said", Owner, "{queued}", 400, "", "x-openstack-image-size: 1"),
        Put("upload as much as said", Owner, "{queued}", 204, "", "x-openstack-image-size: 3"),
        Put("upload more than the cap", Owner, "{queued}", 413, "maximum allowed size") with { Body = new string('x', (1 << 20) + 1) },

        // Download
        new("download", Owner, "GET /v2/images/{active}/file", 200),
        new("download as member", Member, "GET /v2/images/{shared}/file", 200),
        new("download public as stranger", Stranger, "GET /v2/images/{public}/file", 200),
        new("download community as stranger", Stranger, "GET /v2/images/{community}/file", 200),
        new("download as admin", Admin, "GET /v2/images/{private}/file", 200),
        new("download as reader", Reader, "GET /v2/images/{active}/file", 403) { Says = "download_image" },
        new("download as stranger", Stranger, "GET /v2/images/{active}/file", 404) { Says = Hidden },
        new("download as nobody", Nobody, "GET /v2/images/{public}/file", 401),
        new("download missing", Owner, "GET /v2/images/{missing}/file", 404) { Says = Hidden },
        new("download deleted", Owner, "GET /v2/images/{deleted}/file", 404) { Says = Hidden },
        new("download queued", Owner, "GET /v2/images/{queued}/file", 204),
        new("download empty", Owner, "GET /v2/images/{empty}/file", 200),
        new("download deactivated", Owner, "GET /v2/images/{deactivated}/file", 403) { Says = "deactivated" },
        new("download deactivated as admin", Admin, "GET /v2/images/{deactivated}/file", 200),
        new("download with body", Owner, "GET /v2/images/{active}/file", 400) { Body = "x", Says = "A body is not expected" },
        .. Ranges("{active}", 206, "bytes=10-19", "bytes=990-", "bytes=-5", "bytes=-0", "bytes=-5000", "bytes=0-5000", "BYTES = 0 - 0"),
        .. Ranges("{active}", 416, "bytes=5000-6000", "bytes=1000-", "lines=1", "bytes=5-4", "bytes=", "bytes=-", "bytes", "bytes=a-b"),
        .. Ranges("{active}", 400, "bytes=0-1,3-4"),
        .. Ranges("{empty}", 416, "bytes=0-", "bytes=-1"),
        .. ContentRanges(206, "bytes 10-19/1000", "bytes 10-19/*", "bytes 0-999/1000"),
        .. ContentRanges(416, "bytes */1000", "bytes 10-1000/*", "bytes 1000-1001/*", "bytes 19-10/1000", "bytes 10-19/15", "lines 1-2/3", "x"),

        // Tags
        new("add tag", Owner, "PUT /v2/images/{queued}/tags/new", 204),
        new("add tag that is there", Owner, "PUT /v2/images/{tagged}/tags/a", 204),
        new("add encoded tag", Owner, "PUT /v2/images/{queued}/tags/a%2Fb%20%C3%A9", 204),
        new("add tag as admin", Admin, "PUT /v2/images/{queued}/tags/new", 204),
        new("add tag as reader", Reader, "PUT /v2/images/{queued}/tags/new", 403),
        new("add tag as member", Member, "PUT /v2/images/{shared}/tags/new", 403),
        new("add tag as stranger", Stranger, "PUT /v2/images/{queued}/tags/new", 404) { Says = Hidden },
        new("add tag as nobody", Nobody, "PUT /v2/images/{queued}/tags/new", 401),
        new("add tag to missing", Owner, "PUT /v2/images/{missing}/tags/new", 404) { Says = Hidden },
        new("add tag of 255", Owner, $"PUT /v2/images/{{queued}}/tags/{new string('t', 255)}", 204),
        new("add tag of 256", Owner, $"PUT /v2/images/{{queued}}/tags/{new string('t', 256)}", 400),
        new("add one tag too many", Owner, "PUT /v2/images/{tagged}/tags/c", 413),
        new("add tag with body", Owner, "PUT /v2/images/{queued}/tags/new", 400) { Body = "x", Says = "A body is not expected" },
        new("add no tag", Owner, "PUT /v2/images/{queued}/tags/", 404),
        new("remove tag", Owner, "DELETE /v2/images/{tagged}/tags/a", 204),
        new("remove missing tag", Owner, "DELETE /v2/images/{tagged}/tags/x", 404) { Says = "The resource could not be found." },
        new("remove tag as reader", Reader, "DELETE /v2/images/{tagged}/tags/a", 403),
        new("remove tag as stranger", Stranger, "DELETE /v2/images/{tagged}/tags/a", 404) { Says = Hidden },

        // Members
        new("list members", Owner, "GET /v2/images/{shared}/members", 200) { Says = "/v2/schemas/members" },
        new("list members as admin", Admin, "GET /v2/images/{shared}/members", 200),
        new("list members as member", Member, "GET /v2/images/{shared}/members", 200) { Says = Gateway.MemberProject },
        new("list members as stranger", Stranger, "GET /v2/images/{shared}/members", 404) { Says = Hidden },
        new("list members of public as stranger", Stranger, "GET /v2/images/{public}/members", 403) { Says = "Only shared images have members." },
        new("list members of private", Owner, "GET /v2/images/{private}/members", 403) { Says = "Only shared images have members." },
        new("list members of missing", Owner, "GET /v2/images/{missing}/members", 404),
        new("list members with body", Owner, "GET /v2/images/{shared}/members", 400) { Body = "{}" },
        Share("share", Owner, "{queued}", """{"member":"x"}""", 200, "\"status\":\"pending\""),
        Share("share as admin", Admin, "{queued}", """{"member":"x"}""", 200),
        Share("share again", Owner, "{shared}", """{"member":"p-member"}""", 409, "is duplicated for image"),
        Share("share with one too many", Owner, "{crowded}", """{"member":"x"}""", 413),
        Share("share again when full", Owner, "{crowded}", """{"member":"p-member"}""", 409),
        Share("share with nobody", Owner, "{queued}", """{"member":""}""", 400, "Member can't be empty"),
        Share("share with null", Owner, "{queued}", """{"member":null}""", 400),
        Share("share with a number", Owner, "{queued}", """{"member":1}""", 400),
        Share("share without member", Owner, "{queued}", """{"x":1}""", 400, "Member to be added not specified"),
        Share("share list", Owner, "{queued}", "[]", 400),
        Share("share malformed", Owner, "{queued}", "{", 400, "Malformed JSON"),
        new("share without body", Owner, "POST /v2/images/{queued}/members", 400) { Says = "Body expected in request." },
        Share("share as reader", Reader, "{queued}", """{"member":"x"}""", 403, "Not allowed to create members"),
        Share("share as member", Member, "{shared}", """{"member":"x"}""", 403, "Not allowed to create members"),
        Share("share as stranger", Stranger, "{queued}", """{"member":"x"}""", 404, Hidden),
        Share("share as nobody", Nobody, "{queued}", """{"member":"x"}""", 401),
        Share("share private", Owner, "{private}", """{"member":"x"}""", 403),
        Share("share public", Admin, "{public}", """{"member":"x"}""", 403),
        Share("share missing", Owner, "{missing}", """{"member":"x"}""", 404),
        new("show member", Owner, "GET /v2/images/{shared}/members/p-member", 200),
        new("show member as itself", Member, "GET /v2/images/{shared}/members/p-member", 200) { Says = "/v2/schemas/member" },
        new("show other member as member", Member, "GET /v2/images/{crowded}/members/another", 404),
        new("show member as stranger", Stranger, "GET /v2/images/{shared}/members/p-member", 404),
        new("show missing member", Owner, "GET /v2/images/{shared}/members/nosuch", 404),
        new("show member of private", Owner, "GET /v2/images/{private}/members/p-member", 404),
        Answer("accept", Member, "{shared}", """{"status":"accepted"}""", 200, "\"status\":\"accepted\""),
        Answer("reject", Member, "{shared}", """{"status":"rejected"}""", 200),
        Answer("back to pending", Member, "{shared}", """{"status":"pending"}""", 200),
        Answer("accept as admin", Admin, "{shared}", """{"status":"accepted"}""", 200),
        Answer("accept as owner", Owner, "{shared}", """{"status":"accepted"}""", 403, "Not allowed to update members"),
        Answer("accept as stranger", Stranger, "{shared}", """{"status":"accepted"}""", 404, Hidden),
        Answer("answer nonsense", Member, "{shared}", """{"status":"zz"}""", 400, "Incorrect request: Status must be \"pending\", \"accepted\" or \"rejected\"."),
        Answer("answer in capitals", Member, "{shared}", """{"status":"Accepted"}""", 400),
        Answer("answer nothing", Member, "{shared}", "{}", 400),
        Answer("answer list", Member, "{shared}", "[]", 400),
        new("answer without body", Member, "PUT /v2/images/{shared}/members/p-member", 400) { Says = "Body expected in request." },
        new("answer for missing member", Admin, "PUT /v2/images/{shared}/members/nosuch", 404) { Body = """{"status":"accepted"}""" },
        new("unshare", Owner, "DELETE /v2/images/{shared}/members/p-member", 204),
        new("unshare as admin", Admin, "DELETE /v2/images/{shared}/members/p-member", 204),
        new("unshare as member", Member, "DELETE /v2/images/{shared}/members/p-member", 403),
        new("unshare as stranger", Stranger, "DELETE /v2/images/{shared}/members/p-member", 404),
        new("unshare missing", Owner, "DELETE /v2/images/{shared}/members/p8", 404) { Says = "p8 not found in the member list of the image" },
        new("unshare private", Owner, "DELETE /v2/images/{private}/members/p-member", 403),
        new("unshare with body", Owner, "DELETE /v2/images/{shared}/members/p-member", 400) { Body = "{}" },

        // Stage
        Stage("stage", Owner, "{queued}", 204),
        Stage("stage without formats", Owner, "{formatless}", 204),
        Stage("stage as reader", Reader, "{queued}", 403, "modify_image"),
        Stage("stage as stranger", Stranger, "{queued}", 404, Hidden),
        Stage("stage as nobody", Nobody, "{queued}", 401),
        Stage("stage missing", Owner, "{missing}", 404, Hidden),
        Stage("stage staged", Owner, "{staged}", 409, "Image status transition from uploading to uploading is not allowed"),
        Stage("stage active", Owner, "{active}", 409, "Image status transition from active to uploading is not allowed"),
        Stage("stage with wrong size", Owner, "{queued}", 400, "does not match", "x-openstack-image-size: 5"),
        Stage("stage too much", Owner, "{queued}", 413, "maximum allowed size", "x-openstack-image-size: 9999999"),
        new("stage JSON", Owner, "PUT /v2/images/{queued}/stage", 415) { Body = "{}" },
        new("stage GET", Owner, "GET /v2/images/{queued}/stage", 405),
        Put("upload staged", Owner, "{staged}", 409),
        Patch("format of staged", Owner, "{staged}", """[{"op":"replace","path":"/disk_format","value":"iso"}]""", 403),

        // Import
        Import("import", Owner, "{staged}", """{"method":{"name":"glance-direct"}}""", 202),
        Import("import to stores", Owner, "{staged}", """{"method":{"name":"glance-direct"},"stores":["memory","files"],"all_stores_must_succeed":false}""", 202),
        Import("import to all stores", Owner, "{staged}", """{"method":{"name":"glance-direct"},"all_stores":true}""", 202),
        Import("import to header's store", Owner, "{staged}", """{"method":{"name":"glance-direct"}}""", 202, "", "X-Image-Meta-Store: memory"),
        Import("import to empty stores", Owner, "{staged}", """{"method":{"name":"glance-direct"},"stores":[]}""", 202),
        Import("import queued", Owner, "{queued}", """{"method":{"name":"glance-direct"}}""", 409, "Image needs to be staged before 'glance-direct' method can be used"),
        Import("import formatless", Owner, "{formatless}", """{"method":{"name":"glance-direct"}}""", 409, "'container_format' needs to be set before import"),
        Import("import active", Owner, "{active}", """{"method":{"name":"glance-direct"}}""", 409, "Image with status active cannot be target for import"),
        Import("import unknown method", Owner, "{staged}", """{"method":{"name":"zzz"}}""", 400, "Unknown import method name 'zzz'."),
        Import("import method not enabled", Owner, "{queued}", """{"method":{"name":"glance-download"}}""", 400, "Unknown import method name"),
        Import("import no method", Owner, "{staged}", "{}", 400, "Import request requires a 'method' field."),
        Import("import no name", Owner, "{staged}", """{"method":{}}""", 400, "Import request requires a 'name' field."),
        Import("import list", Owner, "{staged}", "[]", 400),
        Import("import malformed", Owner, "{staged}", "{", 400, "Malformed JSON"),
        new("import without body", Owner, "POST /v2/images/{staged}/import", 400) { Says = "Body expected in request." },
        Import("import unknown store", Owner, "{staged}", """{"method":{"name":"glance-direct"},"stores":["zz"]}""", 409, "Store for identifier zz not found"),
        Import("import header's unknown store", Owner, "{staged}", """{"method":{"name":"glance-direct"}}""", 409, "Store for identifier zz not found", "X-Image-Meta-Store: zz"),
        Import("import stores and header", Owner, "{staged}", """{"method":{"name":"glance-direct"},"stores":["files"]}""", 400, "can't be both specified", "X-Image-Meta-Store: files"),
        Import("import stores and all", Owner, "{staged}", """{"method":{"name":"glance-direct"},"stores":["files"],"all_stores":true}""", 400, "All_stores parameter"),
        Import("import all and header", Owner, "{staged}", """{"method":{"name":"glance-direct"},"all_stores":true}""", 400, "All_stores parameter", "X-Image-Meta-Store: files"),
        Import("import stores no list", Owner, "{staged}", """{"method":{"name":"glance-direct"},"stores":"files"}""", 400),
        Import("import all_stores no flag", Owner, "{staged}", """{"method":{"name":"glance-direct"},"all_stores":"true"}""", 400, "'all_stores' must be boolean value only"),
        Import("import must_succeed no flag", Owner, "{staged}", """{"method":{"name":"glance-direct"},"all_stores_must_succeed":1}""", 400, "'all_stores_must_succeed' must be boolean value only"),
        Import("import as reader", Reader, "{staged}", """{"method":{"name":"glance-direct"}}""", 403, "modify_image"),
        Import("import as stranger", Stranger, "{staged}", """{"method":{"name":"glance-direct"}}""", 404, Hidden),
        Import("import as nobody", Nobody, "{staged}", """{"method":{"name":"glance-direct"}}""", 401),
        Import("import missing", Owner, "{missing}", """{"method":{"name":"glance-direct"}}""", 404, Hidden),
        Import("copy", Admin, "{active}", """{"method":{"name":"copy-image"},"stores":["memory"]}""", 202),
        Import("copy as owner", Owner, "{active}", """{"method":{"name":"copy-image"},"stores":["memory"]}""", 403, "copy_image"),
        Import("copy to where it is", Admin, "{active}", """{"method":{"name":"copy-image"},"stores":["files"]}""", 400, "Image is already present at store 'files'"),
        Import("copy queued", Admin, "{queued}", """{"method":{"name":"copy-image"},"stores":["memory"]}""", 409, "Only images with status active"),
        Import("web without uri", Owner, "{queued}", """{"method":{"name":"web-download"}}""", 400, "URI for web-download does not pass filtering: None"),
        Import("web staged", Owner, "{staged}", """{"method":{"name":"web-download","uri":"http://127.0.0.1:1/"}}""", 409, "needs to be in 'queued' state"),
        .. new[]
        {
            "ftp://x/y", "file:///etc/passwd", "/etc/passwd", "nonsense", "http://", "http://169.254.169.254/latest", "http://[::ffff:169.254.169.254]/", "http://10.0.0.1/",
            "http://[fe80::1]/", "http://0x7f000001/", "http://2130706433/", "http://127.1/", "http://user:secret@example.org/", "http://224.0.0.1/", "http://0.0.0.0/", "http://[::1]/",
        }.Select(uri => Import($"web {uri}", Owner, "{queued}", $$$"""{"method":{"name":"web-download","uri":"{{{uri}}}"}}""", 400, $"URI for web-download does not pass filtering: {uri}")),

        // Tasks
        new("tasks of image", Owner, "GET /v2/images/{queued}/tasks", 200) { Says = """{"tasks":[]}""" },
        new("tasks of image as stranger", Stranger, "GET /v2/images/{queued}/tasks", 404) { Says = Hidden },
        new("tasks", Admin, "GET /v2/tasks", 200) { Says = "/v2/schemas/tasks" },
        new("tasks as owner", Owner, "GET /v2/tasks", 403) { Says = "You are not authorized to complete tasks_api_access action." },
        new("tasks as nobody", Nobody, "GET /v2/tasks", 401),
        .. new[] { "limit=-1", "limit=x", "marker=x", "marker=", "type=zz", "status=zz", "sort_key=zz", "sort_dir=zz" }
            .Select(q => new Case($"tasks ?{q}", Admin, $"GET /v2/tasks?{q}", 400)),
        .. new[] { "limit=0", "limit=9999", "type=import", "status=success", "sort_key=updated_at&sort_dir=asc", "unknown=1" }
            .Select(q => new Case($"tasks ?{q}", Admin, $"GET /v2/tasks?{q}", 200)),
        new("tasks after unknown", Admin, "GET /v2/tasks?marker={missing}", 404) { Says = "Could not find task" },
        new("task", Admin, "GET /v2/tasks/{missing}", 404) { Says = "Could not find task" },
        new("task as owner", Owner, "GET /v2/tasks/{missing}", 403),
        new("delete task", Admin, "DELETE /v2/tasks/{missing}", 405) { Says = "currently not permitted on Glance Tasks" },
        NewTask("task of bad type", Admin, """{"type":"zz","input":{}}""", 400, "'zz' is not one of ['import', 'api_image_import']"),
        NewTask("task without type", Admin, """{"input":{}}""", 400),
        NewTask("task without input", Admin, """{"type":"import"}""", 400),
        NewTask("task of image import", Admin, """{"type":"api_image_import","input":{}}""", 400),
        NewTask("task without source", Admin, """{"type":"import","input":{}}""", 400, "import_from"),
        NewTask("task from file", Admin, """{"type":"import","input":{"import_from":"file:///etc/passwd","import_from_format":"raw","image_properties":{}}}""", 400, "does not pass filtering"),
        NewTask("task without format", Admin, """{"type":"import","input":{"import_from":"http://127.0.0.1:1/","image_properties":{}}}""", 409),
        NewTask("new task as owner", Owner, """{"type":"import","input":{}}""", 403),
        new("task without body", Admin, "POST /v2/tasks", 400) { Says = "Body expected in request." },

        // Schemas and information
        .. new[] { "schemas/image", "schemas/images", "schemas/member", "schemas/members", "schemas/task", "schemas/tasks", "info/import", "info/stores", "info/usage" }
            .SelectMany(p => new Case[] { new(p, Reader, $"GET /v2/{p}", 200), new($"{p} as nobody", Nobody, $"GET /v2/{p}", 401), new($"POST {p}", Owner, $"POST /v2/{p}", 405) }),
        new("stores in detail", Admin, "GET /v2/info/stores/detail", 200) { Says = "\"type\":\"file\",\"weight\":0,\"properties\":{\"data_dir\":\"/" },
        new("stores in detail as owner", Owner, "GET /v2/info/stores/detail", 403) { Says = "stores_info_detail" },
        new("stores in detail with body", Admin, "GET /v2/info/stores/detail", 400) { Body = "{}" },
        new("remove the only copy", Admin, "DELETE /v2/stores/files/{active}", 403) { Says = "only store" },
        new("remove a copy that is not there", Admin, "DELETE /v2/stores/memory/{active}", 404) { Says = "not stored in store memory" },
        new("remove a copy as owner", Owner, "DELETE /v2/stores/files/{active}", 403) { Says = "delete_image_location" },
        new("remove a copy as stranger", Stranger, "DELETE /v2/stores/files/{active}", 404) { Says = Hidden },
        new("remove a copy of a queued image", Admin, "DELETE /v2/stores/files/{queued}", 409),
        new("remove a copy of a missing image", Admin, "DELETE /v2/stores/files/{missing}", 404) { Says = Hidden },
        new("remove a copy from an unknown store", Admin, "DELETE /v2/stores/nosuch/{active}", 409),
        new("locations", Admin, "GET /v2/images/{active}/locations", 200) { Says = "\"metadata\":{\"store\":\"files\"}}]" },
        new("locations as owner", Owner, "GET /v2/images/{active}/locations", 403) { Says = "fetch_image_location" },
        new("locations as stranger", Stranger, "GET /v2/images/{active}/locations", 404) { Says = Hidden },
        new("add location as owner off the web", Owner, "POST /v2/images/{queued}/locations", 403) { Body = """{"url":"memory://memory/x"}""", Says = "'service'" },
        new("add location as owner on the web", Owner, "POST /v2/images/{queued}/locations", 400) { Body = """{"url":"http://127.0.0.1:1/x"}""", Says = "Invalid location" },
        new("add location as reader", Reader, "POST /v2/images/{queued}/locations", 403) { Body = """{"url":"http://127.0.0.1:1/x"}""", Says = "add_image_location" },
        new("add location as stranger", Stranger, "POST /v2/images/{queued}/locations", 404) { Body = """{"url":"http://127.0.0.1:1/x"}""", Says = Hidden },
        new("add location to active image", Owner, "POST /v2/images/{active}/locations", 409) { Body = """{"url":"http://127.0.0.1:1/x"}""" },
        new("add location without formats", Owner, "POST /v2/images/{formatless}/locations", 400) { Body = """{"url":"http://127.0.0.1:1/x"}""" },
        .. new[] { "{}", "[]", """{"url":1}""", """{"url":""}""", """{"url":"http://x/","bogus":1}""", """{"url":"http://x/","validation_data":[]}""",
            """{"url":"http://x/","validation_data":{"os_hash_algo":"sha512"}}""", """{"url":"http://x/","validation_data":{"os_hash_algo":"md5","os_hash_value":"00"}}""",
            """{"url":"http://x/","validation_data":{"os_hash_algo":"sha256","os_hash_value":"zz"}}""" }
            .Select(body => new Case($"add location {body}", Owner, "POST /v2/images/{queued}/locations", 400) { Body = body }),
        new("info with body", Owner, "GET /v2/info/stores", 400) { Body = "{}" },
        new("usage with body", Owner, "GET /v2/info/usage", 200) { Body = "{}" },

        // The cache of a gateway that has none
        .. new[] { "GET /v2/cache", "DELETE /v2/cache", "PUT /v2/cache/{active}", "DELETE /v2/cache/{active}", "GET /v2/cache/nodes/{active}", "POST /v2/cache/clean", "POST /v2/cache/prune" }
            .SelectMany(r => new Case[]
            {
                new($"no cache: {r}", Admin, r, 404) { Says = "Caching via API is not supported at this site." },
                new($"no cache: {r} as owner", Owner, r, 403) { Says = "You are not authorized" },
            }),

        // What is not served looks like what does not exist
        .. new[]
        {
            "GET /v2/nosuch", "GET /v2/", "GET /v2/versions", "GET /v2/images/", "GET /v2/Images", "GET /v2/images/{queued}/", "GET /v2/images/{queued}/nosuch",
            "POST /v2/images/{queued}/actions/nosuch", "GET /v2/metadefs",
            "GET /v2/images/{queued}/members/", "GET /v2//images",
        }.Select(r => new Case($"not there: {r}", Owner, r, 404) { Says = "The resource could not be found." }),
        new("unknown path as nobody", Nobody, "GET /v2/nosuch", 401),
        new("unknown method on unknown path", Owner, "FOO /v2/nosuch", 501),
        new("unknown method on known path", Owner, "FOO /v2/images", 405),
        new("OPTIONS on unknown path", Owner, "OPTIONS /v2/nosuch", 501),
        new("OPTIONS on known path", Nobody, "OPTIONS /v2/images", 200),
        new("PUT on the list", Owner, "PUT /v2/images", 405) { Body = "{}", Says = "The method PUT is not allowed for this resource." },
        new("POST on an image", Owner, "POST /v2/images/{queued}", 405) { Body = "{}" },
    ];

    private static Case Post(string name, Persona who, string body, int status, string says = "") =>
        new(name, who, "POST /v2/images", status) { Body = body, Says = says };

    private static Case Patch(string name, Persona who, string image, string body, int status, string says = "") =>
        new(name, who, $"PATCH /v2/images/{image}", status) { Body = body, Type = V21, Says = says };

    private static Case Put(string name, Persona who, string image, int status, string says = "", params string[] headers) =>
        new(name, who, $"PUT /v2/images/{image}/file", status) { Body = "abc", Type = "application/octet-stream", Says = says, Headers = headers };

    private static Case Share(string name, Persona who, string image, string body, int status, string says = "") =>
        new(name, who, $"POST /v2/images/{image}/members", status) { Body = body, Says = says };

    private static Case Stage(string name, Persona who, string image, int status, string says = "", params string[] headers) =>
        new(name, who, $"PUT /v2/images/{image}/stage", status) { Body = "abc", Type = "application/octet-stream", Says = says, Headers = headers };

    private static Case Import(string name, Persona who, string image, string body, int status, string says = "", params string[] headers) =>
        new(name, who, $"POST /v2/images/{image}/import", status) { Body = body, Says = says, Headers = headers };

    private static Case NewTask(string name, Persona who, string body, int status, string says = "") =>
        new(name, who, "POST /v2/tasks", status) { Body = body, Says = says };

    private static Case Answer(string name, Persona who, string image, string body, int status, string says = "") =>
        new(name, who, $"PUT /v2/images/{image}/members/p-member", status) { Body = body, Says = says };

    private static IEnumerable<Case> List(int status, params string[] queries) =>
        queries.Select(q => new Case($"list ?{q}", Owner, $"GET /v2/images?{q}", status));

    private static IEnumerable<Case> Ranges(string image, int status, params string[] ranges) =>
        ranges.Select(r => new Case($"download {image} Range {r}", Owner, $"GET /v2/images/{image}/file", status) { Headers = [$"Range: {r}"] });

    private static IEnumerable<Case> ContentRanges(int status, params string[] ranges) =>
        ranges.Select(r => new Case($"download Content-Range {r}", Owner, "GET /v2/images/{active}/file", status) { Headers = [$"Content-Range: {r}"] });
}
