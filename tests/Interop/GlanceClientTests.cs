using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>python-glanceclient with an endpoint and any token, and openstacksdk.</summary>
public sealed class GlanceClientTests
{
    private const string Project = "54ea2629-af98-4a2c-bb9e-64b39d370296";

    /// <summary>All with one home: the client keeps the schema there and builds its options from it.</summary>
    [Fact]
    public async Task An_image_lives_from_create_to_delete()
    {
        await using var site = await Site.StartedAsync();
        var glance = RealClient.Glance(site);
        var file = site["disk.raw"];
        await File.WriteAllBytesAsync(file, PatternContent.Start(300_000), TestContext.Current.CancellationToken);

        var created = await glance.TableAsync(
            "image-create", "--name", "first", "--disk-format", "raw", "--container-format", "bare", "--file", file, "--property", "a=b", "--visibility", "private");
        var id = created["id"];
        var listed = RealClient.Cells(await glance.RunAsync("image-list", "--property-filter", "a=b")).Skip(1).Single();
        await glance.RunAsync("image-download", "--file", site["saved.raw"], id);
        await glance.RunAsync("image-tag-update", id, "blue");
        await glance.RunAsync("image-update", "--name", "second", "--property", "c=d", "--remove-property", "a", "--min-ram", "64", id);
        var changed = await glance.TableAsync("image-show", id);
        await glance.RunAsync("image-tag-delete", id, "blue");
        var untagged = await glance.TableAsync("image-show", id);
        await glance.RunAsync("image-delete", id);

        Assert.Equal(("active", "300000", PatternContent.Md5(300_000)), (created["status"], created["size"], created["checksum"]));
        Assert.Equal(128, created["os_hash_value"].Length);
        Assert.Equal([id, "first"], listed);
        Assert.Equal(await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken), await File.ReadAllBytesAsync(site["saved.raw"], TestContext.Current.CancellationToken));
        Assert.Equal(("second", "d", "64", "[\"blue\"]"), (changed["name"], changed["c"], changed["min_ram"], changed["tags"]));
        Assert.False(changed.ContainsKey("a"));
        Assert.Equal("[]", untagged["tags"]);
        Assert.DoesNotContain(id, await glance.RunAsync("image-list"), StringComparison.Ordinal);
        Assert.Empty(site.StoredFiles);
    }

    /// <summary>This client leaves filters, order and pages to the server.</summary>
    [Fact]
    public async Task Lists_are_filtered_sorted_and_paged()
    {
        await using var site = await Site.StartedAsync();
        var glance = RealClient.Glance(site);
        foreach (var (name, visibility) in new[] { ("b", "public"), ("a", "private"), ("d", "public"), ("c", "shared") })
        {
            var id = await site.Images.CreateAsync(name, visibility: visibility);
            await site.Images.StatusAsync(HttpMethod.Put, $"v2/images/{id}/tags/{(visibility == "public" ? "blue" : "green")}");
        }

        Assert.Equal(["a", "b", "c", "d"], await NamesAsync("--sort", "name:asc", "--page-size", "1"));
        Assert.Equal(["d", "c", "b"], await NamesAsync("--sort-key", "name", "--sort-dir", "desc", "--limit", "3", "--page-size", "2"));
        Assert.Equal(["b", "d"], await NamesAsync("--sort", "name:asc", "--tag", "blue"));
        Assert.Equal(["c"], await NamesAsync("--visibility", "shared"));
        Assert.Equal(["a"], await NamesAsync("--property-filter", "name=a", "--property-filter", "status=queued"));

        async Task<IEnumerable<string>> NamesAsync(params string[] filters) =>
            RealClient.Cells(await glance.RunAsync(["image-list", .. filters])).Skip(1).Select(row => row[1]).ToList();
    }

    [Fact]
    public async Task Data_follows_a_queued_image_once()
    {
        await using var site = await Site.StartedAsync();
        var glance = RealClient.Glance(site);
        await File.WriteAllBytesAsync(site["disk.raw"], PatternContent.Start(300_000), TestContext.Current.CancellationToken);
        var id = await site.Images.CreateAsync("late");

        await glance.RunAsync("image-upload", "--file", site["disk.raw"], id);
        var again = await glance.TryAsync("image-upload", "--file", site["disk.raw"], id);

        Assert.Equal("active", await site.Images.StateAsync(id));
        Assert.Equal(1, again.ExitCode);
        Assert.Contains("409", again.Output + again.Error, StringComparison.Ordinal);
        Assert.Equal((300_000, PatternContent.Md5(300_000)), await site.Images.DownloadAsync(id));
    }

    [Fact]
    public async Task Members_come_accept_and_go()
    {
        await using var site = await Site.StartedAsync();
        var glance = RealClient.Glance(site);
        var id = await site.Images.CreateAsync("ours");

        await glance.RunAsync("member-create", id, Project);
        var pending = RealClient.Cells(await glance.RunAsync("member-list", "--image-id", id)).Skip(1).Single();
        await glance.RunAsync("member-update", id, Project, "accepted");
        var accepted = RealClient.Cells(await glance.RunAsync("member-list", "--image-id", id)).Skip(1).Single();
        await glance.RunAsync("member-delete", id, Project);

        Assert.Equal([id, Project, "pending"], pending);
        Assert.Equal([id, Project, "accepted"], accepted);
        Assert.DoesNotContain(Project, await glance.RunAsync("member-list", "--image-id", id), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_service_can_do_is_told()
    {
        await using var site = await Site.StartedAsync();
        var glance = RealClient.Glance(site);

        Assert.Equal("[{\"id\": \"default\", \"default\": \"true\"}]", (await glance.TableAsync("stores-info"))["stores"]);
        Assert.Contains("Import methods available", (await glance.TableAsync("import-info"))["import-methods"], StringComparison.Ordinal);
        Assert.Contains("disk_format", await glance.RunAsync("explain", "image"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_sdk_uploads_reads_changes_and_deletes()
    {
        Requires.FileOf("python3-openstacksdk", "/usr/lib/python3/dist-packages/openstack/__init__.py");
        await using var site = await Site.StartedAsync();
        await File.WriteAllBytesAsync(site["disk.raw"], PatternContent.Start(300_000), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(
            site["script.py"],
            """
            import sys, openstack
            url, source, target = sys.argv[1:]
            cloud = openstack.connect(auth_type='none', endpoint=url)
            image = cloud.create_image('sdk', filename=source, disk_format='raw', container_format='bare', wait=True, timeout=60, flavour='plain')
            assert image.status == 'active' and image.size == 300000, image
            cloud.image.download_image(image, output=target)
            cloud.image.add_tag(image, 'blue')
            cloud.image.update_image(image, name='renamed')
            found = cloud.image.find_image('renamed')
            assert found.id == image.id and found.tags == ['blue'] and found.properties['flavour'] == 'plain', found
            assert [store.id for store in cloud.image.stores()] == ['default']
            cloud.image.delete_image(image)
            assert list(cloud.image.images()) == []
            """,
            TestContext.Current.CancellationToken);

        (await Command.RunAsync("/usr/bin/python3", [site["script.py"], site.Url, site["disk.raw"], site["saved.raw"]], new Dictionary<string, string> { ["HOME"] = site.Root })).Succeeded();

        Assert.Equal(await File.ReadAllBytesAsync(site["disk.raw"], TestContext.Current.CancellationToken), await File.ReadAllBytesAsync(site["saved.raw"], TestContext.Current.CancellationToken));
    }
}
