using System.Diagnostics;
using System.Globalization;
using GlanceGateway.Fuse;

namespace GlanceGateway.View.Tests;

/// <summary>Directories, links and attributes as programs see them.</summary>
public sealed class TreeTests
{
    [Fact]
    public async Task Images_are_found_by_id_by_name_and_by_tag()
    {
        byte[] content = ReadTests.Noise(100_000);
        FakeImageSource source = new();
        MountedImage image = source.AddMemory(content, FakeImageSource.Describe("cirros 0.6", 0, owner: "p1", tags: "base") with { DiskFormat = "qcow2" });
        MountedImage nameless = source.AddMemory([1], FakeImageSource.Describe(null, 0, owner: null));
        await using TestMount mount = await TestMount.StartAsync(source);

        Assert.Equal([".status", "by-hash", "by-id", "by-name", "by-tag", "metadata", "raw"], mount.List());
        Assert.Equal(new[] { image.Id, image.Id + ".qcow2", nameless.Id }.Order(StringComparer.Ordinal), mount.List("by-id"));
        Assert.Equal(["_", "p1"], mount.List("by-name"));
        Assert.Equal(["cirros 0.6"], mount.List("by-name", "p1"));
        Assert.Equal([nameless.Id], mount.List("by-name", "_"));
        Assert.Equal(["cirros 0.6." + image.Id[..8]], mount.List("by-tag", "base"));
        Assert.Equal("../../by-id/" + image.Id, Client.Run(() => new FileInfo(mount.At("by-name", "p1", "cirros 0.6")).LinkTarget));
        foreach (string path in (string[])[mount.At("by-name", "p1", "cirros 0.6"), mount.At("by-tag", "base", "cirros 0.6." + image.Id[..8]), mount.At("by-id", image.Id + ".qcow2")])
        {
            Assert.True(content.AsSpan().SequenceEqual(Client.Run(() => File.ReadAllBytes(path))), path);
        }
    }

    [Fact]
    public async Task Hostile_names_lead_nowhere_else()
    {
        FakeImageSource source = new();
        string[] names = ["../../../etc/passwd", "..", ".", "a/b", "nul\0byte", "esc\u001b[2J", new string('x', 300), string.Concat(Enumerable.Repeat("💿", 200)), "lone \ud800", "-rf", " ", "100%"];
        Dictionary<string, MountedImage> images = names.ToDictionary(name => name, name => source.AddMemory([1, 2, 3], FakeImageSource.Describe(name, 0, owner: "../..", tags: ["..", name])));
        await using TestMount mount = await TestMount.StartAsync(source);

        Assert.Equal(["..%2F.."], mount.List("by-name"));
        string[] shown = mount.List("by-name", "..%2F..");
        Assert.Equal(names.Length, shown.Length);
        Assert.Equal(images.Values.Select(image => "../../by-id/" + image.Id).Order(), Client.Run(() => shown.Select(name => new FileInfo(mount.At("by-name", "..%2F..", name)).LinkTarget!).Order().ToArray()));
        string found = Client.Succeed("find", mount.At("by-id"), "-type", "f", "-size", "3c");
        Assert.Equal(names.Length, found.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        // -L follows every link: a broken one would be left over as a link.
        Assert.Equal("", Client.Succeed("find", "-L", mount.Directory, "-type", "l"));
    }

    [Fact]
    public async Task Attributes_are_those_of_the_options_and_the_image()
    {
        FakeImageSource source = new();
        MountedImage image = source.AddMemory(new byte[10_001], FakeImageSource.Describe("a", 0));
        await using TestMount mount = await TestMount.StartAsync(source, options => options with { Uid = 0, Gid = 4242 });

        string file = Client.Succeed("stat", "-c", "%a %u %g %h %s %b %B %F %Y", mount.ById(image));
        string directory = Client.Succeed("stat", "-c", "%a %u %g %h %F", mount.At("by-name"));
        string link = Client.Succeed("stat", "-c", "%a %s %F", mount.At("by-name", "p1", "a"));

        Assert.Equal($"440 0 4242 1 10001 20 512 regular file {image.UpdatedAt.ToUnixTimeSeconds()}\n", file);
        Assert.Equal("550 0 4242 3 directory\n", directory);
        Assert.Equal("777 48 symbolic link\n", link);
        Assert.Equal("8\n", Client.Succeed("stat", "-c", "%h", mount.Directory));
    }

    [Fact]
    public async Task The_filesystem_is_as_big_as_its_images_and_full()
    {
        FakeImageSource source = new();
        source.AddMemory(new byte[4096 * 3], FakeImageSource.Describe("a", 0));
        source.Show(FakeImageSource.Describe("b", 1L << 40), () => null);
        await using TestMount mount = await TestMount.StartAsync(source);

        string[] fields = Client.Succeed("stat", "-f", "-c", "%S %b %f %a %c %l", mount.Directory).Split();

        Assert.Equal(((1L << 40) + (4096 * 3)) / 4096, long.Parse(fields[1], CultureInfo.InvariantCulture));
        Assert.Equal(["4096", "0", "0", "255"], [fields[0], fields[2], fields[3], fields[5]]);
        // Root, six directories, one project, the status, and for each image a file, a link and its metadata.
        Assert.Equal("15", fields[4]);
    }

    [Fact]
    public async Task Extended_attributes_describe_the_image()
    {
        FakeImageSource source = new();
        MountedImage image = source.AddMemory([1], FakeImageSource.Describe("a", 0) with
        {
            Attributes = new Dictionary<string, string> { ["name"] = "ä", ["os_hash_value"] = new string('f', 128), ["long"] = new string('x', 70_000), [new string('n', 300)] = "x" },
        });
        await using TestMount mount = await TestMount.StartAsync(source);

        string dump = Client.Succeed("getfattr", "--absolute-names", "-d", mount.ById(image));

        Assert.Equal(["user.glance.id", "user.glance.name", "user.glance.os_hash_value"], dump.Split('\n').Where(line => line.Contains('=')).Select(line => line[..line.IndexOf('=')]).Order());
        Assert.Equal((Errno.None, image.Id), Client.Run(() => (Posix.TryGetXattr(mount.ById(image), "user.glance.id", out string value), value)));
        Assert.Equal((Errno.None, "ä"), Client.Run(() => (Posix.TryGetXattr(mount.ById(image), "user.glance.name", out string value), value)));
        foreach (string name in (string[])["user.glance.long", "user.glance.none", "user.other", "security.selinux", "system.posix_acl_access", "trusted.x"])
        {
            Assert.Equal(Errno.ENODATA, Client.Run(() => Posix.TryGetXattr(mount.ById(image), name, out _)) is var error && error == Errno.EOPNOTSUPP ? Errno.ENODATA : error);
        }

        Assert.Equal(Errno.ENODATA, Client.Run(() => Posix.TryGetXattr(mount.At("by-id"), "user.glance.id", out _)));
    }

    [Fact]
    public async Task Nothing_can_be_changed()
    {
        FakeImageSource source = new();
        MountedImage image = source.AddMemory([1], FakeImageSource.Describe("a", 0));
        await using TestMount mount = await TestMount.StartAsync(source);

        foreach (string[] command in (string[][])[["rm", "-f", mount.ById(image)], ["touch", mount.At("by-id", "x")], ["mkdir", mount.At("x")], ["mv", mount.ById(image), mount.At("y")], ["chmod", "777", mount.ById(image)], ["truncate", "-s0", mount.ById(image)]])
        {
            (int code, string output) = Client.Execute(command[0], command[1..]);
            Assert.NotEqual(0, code);
            Assert.Contains("Read-only file system", output);
        }
    }

    [Fact]
    public async Task Another_user_is_refused_unless_in_the_group()
    {
        FakeImageSource source = new();
        MountedImage image = source.AddMemory("secret"u8.ToArray(), FakeImageSource.Describe("a", 0));
        await using TestMount mount = await TestMount.StartAsync(source, options => options with { Gid = 65533 });
        Client.Succeed("chmod", "755", Path.GetDirectoryName(mount.Directory)!);

        (int code, string output) = Client.Execute("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "cat", mount.ById(image));
        string member = Client.Succeed("setpriv", "--reuid", "65534", "--regid", "65533", "--clear-groups", "cat", mount.ById(image));

        Assert.NotEqual(0, code);
        Assert.Contains("Permission denied", output);
        Assert.Equal("secret", member);
    }

    [Fact]
    public async Task World_readable_lets_everybody_read_and_says_so()
    {
        FakeImageSource source = new();
        MountedImage image = source.AddMemory("public"u8.ToArray(), FakeImageSource.Describe("a", 0));
        await using TestMount mount = await TestMount.StartAsync(source, options => options with { WorldReadable = true });
        Client.Succeed("chmod", "755", Path.GetDirectoryName(mount.Directory)!);

        Assert.Equal("public", Client.Succeed("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "cat", mount.At("by-name", "p1", "a")));
        Assert.Equal("444 555\n", Client.Succeed("stat", "-c", "%a", mount.ById(image)).TrimEnd() + " " + Client.Succeed("stat", "-c", "%a", mount.At("by-id")));
        Assert.Contains(mount.Log, line => line.StartsWith("Warning", StringComparison.Ordinal) && line.Contains("every user", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Ten_thousand_images_are_listed_and_found()
    {
        const int Count = 10_000;
        FakeImageSource source = new();
        MountedImage[] images = [.. Enumerable.Range(0, Count).Select(i => FakeImageSource.Describe($"image-{i:D5}", i))];
        source.Send(images, []);
        await using TestMount mount = await TestMount.StartAsync(source);

        long start = Stopwatch.GetTimestamp();
        string[] listed = mount.List("by-name", "p1");
        TimeSpan listing = Stopwatch.GetElapsedTime(start);
        start = Stopwatch.GetTimestamp();
        long total = Client.Run(() => images.Sum(image => new FileInfo(mount.ById(image)).Length));
        TimeSpan finding = Stopwatch.GetElapsedTime(start);

        Assert.Equal(images.Select(image => image.Name), listed);
        Assert.Equal((long)Count * (Count - 1) / 2, total);
        TestContext.Current.TestOutputHelper?.WriteLine($"listing {listing.TotalMilliseconds:F0} ms, {Count} lookups {finding.TotalMilliseconds:F0} ms");
    }

    [Fact]
    public async Task A_listing_under_way_shows_what_stays_exactly_once()
    {
        FakeImageSource source = new();
        MountedImage[] staying = [.. Enumerable.Range(0, 10_000).Select(i => FakeImageSource.Describe($"stays-{i}", 1))];
        source.Send(staying, []);
        await using TestMount mount = await TestMount.StartAsync(source);
        using CancellationTokenSource enough = new();
        Client.Running changing = Client.Begin(() =>
        {
            for (int i = 0; !enough.IsCancellationRequested; i++)
            {
                MountedImage passing = FakeImageSource.Describe($"passing-{i}", 1);
                source.Update(passing);
                Thread.Yield();
                source.Remove(passing);
            }
        });

        for (int round = 0; round < 3; round++)
        {
            List<string> names = Client.Run(() =>
            {
                int directory = Posix.OpenOrThrow(mount.At("by-name", "p1"));
                List<string> all = [];
                while (Posix.ReadEntries(directory, 4096) is { Count: > 0 } page)
                {
                    all.AddRange(page);
                }

                _ = Posix.Close(directory);
                return all;
            });
            Assert.Equal(staying.Select(image => image.Name!).Order(), names.Where(name => name.StartsWith("stays", StringComparison.Ordinal)).Order());
        }

        await enough.CancelAsync();
        changing.Join();
    }
}
