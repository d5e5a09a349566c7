using System.Net;
using System.Text.Json;

namespace GlanceGateway.Interop.Tests;

/// <summary>python-openstackclient without Keystone: <c>openstack --os-auth-type none --os-endpoint URL</c>.</summary>
public sealed class OpenStackClientTests
{
    private const string Project = "54ea2629-af98-4a2c-bb9e-64b39d370296";

    [Fact]
    public async Task An_image_lives_from_create_to_delete()
    {
        await using var site = await Site.StartedAsync();
        var openstack = RealClient.OpenStack(site);
        var file = site["disk.raw"];
        await File.WriteAllBytesAsync(file, PatternContent.Start(300_000), TestContext.Current.CancellationToken);

        var id = (await openstack.JsonAsync(
            "image", "create", "first", "--file", file, "--disk-format", "raw", "--container-format", "bare", "--public",
            "--property", "hw_disk_bus=scsi", "--property", "os_distro=debian", "--tag", "blue", "--tag", "green", "--min-ram", "64")).GetProperty("id").GetString()!;
        var shown = await openstack.JsonAsync("image", "show", "first");
        await openstack.RunAsync("image", "save", "--file", site["saved.raw"], "first");
        await openstack.RunAsync("image", "set", "--name", "second", "--tag", "red", "--property", "os_version=13", "--min-disk", "3", "--protected", "first");
        await openstack.RunAsync("image", "unset", "--tag", "blue", "--property", "hw_disk_bus", "second");
        var changed = await openstack.JsonAsync("image", "show", id);
        var kept = await openstack.TryAsync("image", "delete", "second");
        await openstack.RunAsync("image", "set", "--unprotected", "second");
        await openstack.RunAsync("image", "delete", "second");

        Assert.Equal((id, "active", 300_000, "public", 64), (Text(shown, "id"), Text(shown, "status"), Number(shown, "size"), Text(shown, "visibility"), Number(shown, "min_ram")));
        Assert.Equal(PatternContent.Md5(300_000), Text(shown, "checksum"));
        Assert.Equal(["blue", "green"], Tags(shown));
        Assert.Equal(("scsi", "debian"), (Text(shown.GetProperty("properties"), "hw_disk_bus"), Text(shown.GetProperty("properties"), "os_distro")));
        Assert.Equal(await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken), await File.ReadAllBytesAsync(site["saved.raw"], TestContext.Current.CancellationToken));
        Assert.Equal(("second", 3), (Text(changed, "name"), Number(changed, "min_disk")));
        Assert.Equal(["green", "red"], Tags(changed));
        Assert.Equal("13", Text(changed.GetProperty("properties"), "os_version"));
        Assert.False(changed.GetProperty("properties").TryGetProperty("hw_disk_bus", out _));
        Assert.NotEqual(0, kept.ExitCode);
        Assert.Empty((await openstack.JsonAsync("image", "list")).EnumerateArray());
        Assert.Empty(site.StoredFiles);
    }

    [Fact]
    public async Task Lists_are_filtered_sorted_and_paged()
    {
        await using var site = await Site.StartedAsync();
        var openstack = RealClient.OpenStack(site);
        foreach (var (name, visibility, tag) in new[] { ("one", "public", "blue"), ("two", "private", "blue"), ("three", "shared", "green") })
        {
            var image = new { name, visibility, ordinal = name, tags = (string[])[tag], disk_format = "raw", container_format = "bare" };
            Assert.Equal(HttpStatusCode.Created, await site.Images.StatusAsync(HttpMethod.Post, "v2/images", image));
        }

        Assert.Equal(["one", "three", "two"], await NamesAsync("--sort", "name:asc"));
        Assert.Equal(["two", "one"], await NamesAsync("--tag", "blue", "--sort", "name:desc"));
        Assert.Equal(["three"], await NamesAsync("--property", "ordinal=three"));
        Assert.Equal(["two"], await NamesAsync("--private"));
        Assert.Equal(["one"], await NamesAsync("--public"));
        Assert.Equal(["two"], await NamesAsync("--name", "two"));
        // This client sorts by itself what it was given: the newest come first.
        Assert.Equal(["three"], await NamesAsync("--limit", "1"));
        Assert.Equal(["one", "two"], await NamesAsync("--marker", "three", "--sort", "name:asc"));
        Assert.Empty(await NamesAsync("--status", "active"));
        var row = (await openstack.JsonAsync("image", "list", "--long", "--name", "one")).EnumerateArray().Single();
        Assert.Equal(("public", "queued", "blue"), (Text(row, "Visibility"), Text(row, "Status"), row.GetProperty("Tags")[0].GetString()));

        async Task<IEnumerable<string>> NamesAsync(params string[] filters) =>
            (await openstack.JsonAsync(["image", "list", .. filters])).EnumerateArray().Select(image => Text(image, "Name")).ToList();
    }

    /// <summary>Without Keystone the client asks the image endpoint for the project, and takes the id only when it may not look it up.</summary>
    [Fact]
    public async Task An_image_is_shared_with_a_project()
    {
        await using var site = await Site.StartedAsync();
        var openstack = RealClient.OpenStack(site);
        await openstack.RunAsync("image", "create", "ours", "--shared");

        var added = await openstack.JsonAsync("image", "add", "project", "ours", Project);
        var pending = await openstack.JsonAsync("image", "member", "list", "ours");
        await openstack.RunAsync("image", "set", "--project", Project, "--accept", "ours");
        var accepted = await openstack.JsonAsync("image", "member", "list", "ours");
        await openstack.RunAsync("image", "remove", "project", "ours", Project);

        Assert.Equal((Project, "pending"), (Text(added, "member_id"), Text(added, "status")));
        Assert.Equal((Project, "pending"), Member(pending));
        Assert.Equal((Project, "accepted"), Member(accepted));
        Assert.Empty((await openstack.JsonAsync("image", "member", "list", "ours")).EnumerateArray());

        static (string, string) Member(JsonElement list)
        {
            var member = list.EnumerateArray().Single();
            return (Text(member, "Member ID"), Text(member, "Status"));
        }
    }

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;

    private static int Number(JsonElement element, string name) => element.GetProperty(name).GetInt32();

    private static List<string> Tags(JsonElement image) =>
        image.GetProperty("tags").EnumerateArray().Select(tag => tag.GetString()!).Order(StringComparer.Ordinal).ToList();
}
