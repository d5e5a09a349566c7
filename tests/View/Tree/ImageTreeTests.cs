using System.Text;
using CsCheck;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.View.Tests;

/// <summary>The tree without a mount: what is where, and what the kernel is told.</summary>
public sealed class ImageTreeTests
{
    private const string A = "aaaaaaaa-0000-4000-8000-000000000001";
    private const string B = "bbbbbbbb-0000-4000-8000-000000000002";
    private const string C = "cccccccc-0000-4000-8000-000000000003";

    private readonly ImageTree _tree = new(TimeProvider.System, NullLogger.Instance);

    private static MountedImage Image(string id, string? name, string? owner = "p", params string[] tags) =>
        FakeImageSource.Describe(name, 1, id, owner, tags);

    private static CatalogueUpdate Snapshot(params MountedImage[] images) => new(true, images, []);

    private static CatalogueUpdate Shown(params MountedImage[] images) => new(false, images, []);

    private static CatalogueUpdate Gone(params string[] ids) => new(false, [], ids);

    /// <summary>Every path of a tree with what it leads to: the id of an image, or the target of a link.</summary>
    private static Dictionary<string, string> Paths(ImageTree tree)
    {
        Dictionary<string, string> paths = [];
        Walk(tree.Root, "");
        return paths;

        void Walk(DirectoryNode directory, string path)
        {
            ulong cookie = 0;
            foreach (DirectoryEntry entry in directory.ListAfter(0))
            {
                Assert.True(entry.Cookie > cookie, "cookies rise");
                cookie = entry.Cookie;
                Assert.True(directory.TryFind(entry.Name, out DirectoryEntry? found));
                Assert.Same(entry.Node, found.Node);
                Assert.True(tree.TryGet(entry.Node.Number, out Node? known), "a name leads to a node");
                Assert.Same(entry.Node, known);
                string name = path + "/" + Encoding.UTF8.GetString(entry.Name);
                switch (entry.Node)
                {
                    case DirectoryNode child:
                        Walk(child, name);
                        break;
                    case LinkNode link:
                        paths.Add(name, Encoding.UTF8.GetString(link.Target));
                        break;
                    case ImageNode image:
                        paths.Add(name, image.Image.Id);
                        break;
                }
            }
        }
    }

    private Dictionary<string, string> Names() => Paths(_tree).Where(pair => pair.Key.StartsWith("/by-name/p/", StringComparison.Ordinal)).ToDictionary(pair => pair.Key["/by-name/p/".Length..], pair => pair.Value[^36..]);

    [Fact]
    public void An_image_stands_under_its_id_its_format_its_name_and_its_tags()
    {
        _tree.Apply(Snapshot(Image(A, "cirros", "p", "base", "x/y") with { DiskFormat = "qcow2" }, Image(B, null, null), Image(C, "")));

        Assert.Equivalent(
            new Dictionary<string, string>
            {
                ["/by-id/" + A] = A,
                ["/by-id/" + A + ".qcow2"] = A,
                ["/by-name/p/cirros"] = "../../by-id/" + A,
                ["/by-tag/base/cirros.aaaaaaaa"] = "../../by-id/" + A,
                ["/by-tag/x%2Fy/cirros.aaaaaaaa"] = "../../by-id/" + A,
                ["/by-id/" + B] = B,
                ["/by-name/_/" + B] = "../../by-id/" + B,
                ["/by-id/" + C] = C,
                ["/by-name/p/" + C] = "../../by-id/" + C,
            },
            Paths(_tree), strict: true);
    }

    [Fact]
    public void Directories_come_and_go_with_their_images()
    {
        _tree.Apply(Snapshot(Image(A, "x", "p", "t"), Image(B, "y", "q")));
        uint links = _tree.Root.Links;
        _tree.Apply(Gone(A));

        Assert.Equal(8u, links);
        Assert.DoesNotContain(Paths(_tree).Keys, path => path.Contains("/p/") || path.StartsWith("/by-tag/", StringComparison.Ordinal));
        Assert.Equal(7 + 1 + 3, _tree.NodeCount); // root and six, one project, file, link and metadata
    }

    [Fact]
    public void Clashing_images_all_carry_their_id_and_the_plain_name_is_gone()
    {
        _tree.Apply(Snapshot(Image(A, "same")));
        Assert.Equal(A, Names()["same"]);

        TreeChange change = _tree.Apply(Shown(Image(B, "same")));

        Assert.Equivalent(new Dictionary<string, string> { ["same~aaaaaaaa"] = A, ["same~bbbbbbbb"] = B }, Names(), strict: true);
        Assert.Contains(change.Invalidations, invalidation => invalidation.Name is { } name && Encoding.UTF8.GetString(name) == "same");
    }

    [Fact]
    public void The_plain_name_comes_back_when_one_is_left()
    {
        _tree.Apply(Snapshot(Image(A, "same"), Image(B, "same"), Image(C, "same")));
        _tree.Apply(Gone(A));
        Assert.DoesNotContain("same", Names().Keys);

        _tree.Apply(Shown(Image(B, "other")));

        Assert.Equivalent(new Dictionary<string, string> { ["same"] = C, ["other"] = B }, Names(), strict: true);
    }

    [Fact]
    public void Images_of_other_projects_do_not_clash()
    {
        _tree.Apply(Snapshot(Image(A, "same", "p"), Image(B, "same", "q")));

        Assert.Equal(["/by-name/p/same", "/by-name/q/same"], Paths(_tree).Keys.Where(path => path.StartsWith("/by-name", StringComparison.Ordinal)).Order());
    }

    [Fact]
    public void Ids_that_begin_alike_are_told_apart_by_the_whole_id()
    {
        string twin = "aaaaaaaa-ffff-4000-8000-000000000001";
        _tree.Apply(Snapshot(Image(A, "same", "p", "t"), Image(twin, "same", "p", "t"), Image(B, "same", "p", "t")));

        Assert.Equivalent(new Dictionary<string, string> { ["same~" + A] = A, ["same~" + twin] = twin, ["same~bbbbbbbb"] = B }, Names(), strict: true);
        Assert.Contains("/by-tag/t/same." + twin, Paths(_tree).Keys);
        Assert.Contains("/by-tag/t/same.bbbbbbbb", Paths(_tree).Keys);
    }

    [Fact]
    public void A_name_made_to_look_like_anothers_suffix_takes_nothing_from_it()
    {
        _tree.Apply(Snapshot(Image(A, "same"), Image(B, "same"), Image(C, "same~aaaaaaaa")));

        Assert.Equivalent(new Dictionary<string, string> { ["same~aaaaaaaa"] = A, ["same~bbbbbbbb"] = B, ["same%7Eaaaaaaaa"] = C }, Names(), strict: true);
    }

    [Fact]
    public void A_name_that_changes_hands_within_one_update_is_dropped_from_the_kernel_and_gets_another_node()
    {
        _tree.Apply(Snapshot(Image(A, "nightly")));
        DirectoryNode project = Project("p");
        Assert.True(project.TryFind("nightly"u8, out DirectoryEntry? before));

        TreeChange change = _tree.Apply(new CatalogueUpdate(false, [Image(B, "nightly")], [A]));

        Assert.True(project.TryFind("nightly"u8, out DirectoryEntry? after));
        Assert.Equal(B, Names()["nightly"]);
        Assert.NotEqual(before.Node.Number, after.Node.Number);
        Assert.Equal(before.Cookie, after.Cookie);
        Assert.Contains(change.Invalidations, invalidation => invalidation.Node == project.Number && invalidation.Name.AsSpan().SequenceEqual("nightly"u8));
    }

    [Fact]
    public void A_snapshot_without_differences_disturbs_nothing()
    {
        MountedImage[] images = [Image(A, "same", "p", "t"), Image(B, "same"), Image(C, null)];
        _tree.Apply(Snapshot(images));
        Dictionary<string, string> before = Paths(_tree);
        DirectoryEntry[] listing = Project("p").ListAfter(0).ToArray();

        TreeChange change = _tree.Apply(Snapshot(images));

        Assert.Empty(change.Invalidations);
        Assert.Empty(change.Gone);
        Assert.Equivalent(before, Paths(_tree), strict: true);
        Assert.True(listing.AsSpan().SequenceEqual(Project("p").ListAfter(0)));
    }

    [Fact]
    public void A_new_tag_leaves_the_name_alone()
    {
        _tree.Apply(Snapshot(Image(A, "x")));
        Assert.True(Project("p").TryFind("x"u8, out DirectoryEntry? before));

        _tree.Apply(Shown(Image(A, "x", "p", "new")));

        Assert.True(Project("p").TryFind("x"u8, out DirectoryEntry? after));
        Assert.Same(before, after);
        Assert.Contains("/by-tag/new/x.aaaaaaaa", Paths(_tree).Keys);
    }

    [Fact]
    public void Other_bytes_under_the_same_id_are_another_node()
    {
        _tree.Apply(Snapshot(Image(A, "x")));
        Assert.True(ById().TryFind(Encoding.UTF8.GetBytes(A), out DirectoryEntry? before));

        TreeChange change = _tree.Apply(Shown(Image(A, "x") with { Size = 2 }));

        Assert.True(ById().TryFind(Encoding.UTF8.GetBytes(A), out DirectoryEntry? after));
        Assert.NotEqual(before.Node.Number, after.Node.Number);
        Assert.Same(before.Node, Assert.Single(change.Gone));
        Assert.False(_tree.TryGet(before.Node.Number, out _));
        Assert.Equal(2, _tree.TotalBytes);
    }

    [Fact]
    public void What_is_no_image_is_left_out_and_the_rest_is_shown()
    {
        _tree.Apply(Snapshot(Image(A, "x"), Image(B, "y") with { Id = "../../etc/passwd" }, Image(C, "z") with { Size = -1 }));

        Assert.Equal(["/by-id/" + A, "/by-name/p/x"], Paths(_tree).Keys.Order());
    }

    [Fact]
    public void Numbers_are_the_same_in_another_process()
    {
        // Written down from a first run: a server that takes over a mount must mean the same by them.
        _tree.Apply(Snapshot(Image(A, "x")));

        Assert.True(ById().TryFind(Encoding.UTF8.GetBytes(A), out DirectoryEntry? file));
        Assert.Equal((4045010719940923392ul, 3907118739865595480ul, 2111644741056423852ul), (file.Node.Number, file.Node.Inode, file.Cookie));
        Assert.NotEqual(file.Node.Number, file.Node.Inode);
    }

    [Fact]
    public void A_walk_meets_every_name_that_stays_exactly_once_whatever_comes_and_goes()
    {
        MountedImage[] staying = [.. Enumerable.Range(0, 500).Select(i => Image(FakeImageSource.NewId(), "stays" + i))];
        _tree.Apply(Snapshot(staying));
        DirectoryNode project = Project("p");
        List<string> met = [];
        List<MountedImage> passing = [];
        ulong cookie = 0;
        while (project.ListAfter(cookie) is { Length: > 0 } rest)
        {
            foreach (DirectoryEntry entry in rest[..Math.Min(7, rest.Length)])
            {
                met.Add(Encoding.UTF8.GetString(entry.Name));
                cookie = entry.Cookie;
            }

            MountedImage[] come = [.. Enumerable.Range(0, 5).Select(i => Image(FakeImageSource.NewId(), $"comes{passing.Count + i}"))];
            string[] go = [.. passing.Take(3).Select(image => image.Id)];
            passing.RemoveRange(0, go.Length);
            passing.AddRange(come);
            _tree.Apply(new CatalogueUpdate(false, come, go));
        }

        Assert.Equal(staying.Select(image => image.Name!).Order(), met.Where(name => name.StartsWith("stays", StringComparison.Ordinal)).Order());
        Assert.Equal(met.Count, met.Distinct().Count());
    }

    [Fact]
    public void Whatever_images_are_called_each_has_paths_of_its_own_that_depend_on_nothing_but_the_images()
    {
        Gen<MountedImage> one = Gen.Select(Gen.Int[0, 40], SafeNameTests.Nasty.Null(), Gen.OneOf("p", "q", "", "_", "..", "a/b").Null(), SafeNameTests.Nasty.Array[0, 3],
            static (seed, name, owner, tags) =>
            {
                // Few ids, of which many begin alike: users may choose them.
                Guid id = new(seed % 3, (short)seed, 1, 2, 3, 4, 5, 6, 7, 8, 9);
                return FakeImageSource.Describe(name, seed, id.ToString(), owner, tags);
            });
        Gen<CatalogueUpdate> update = Gen.Select(Gen.Bool, one.Array[0, 12], Gen.Int[0, 40].Array[0, 6], static (snapshot, shown, gone) =>
        {
            MountedImage[] unique = [.. shown.DistinctBy(image => image.Id)];
            string[] ids = [.. gone.Select(seed => new Guid(seed % 3, (short)seed, 1, 2, 3, 4, 5, 6, 7, 8, 9).ToString()).Except(unique.Select(image => image.Id))];
            return new CatalogueUpdate(snapshot, unique, snapshot ? [] : ids);
        });
        update.Array[1, 8].Sample(
            static updates =>
            {
                ImageTree tree = new(TimeProvider.System, NullLogger.Instance);
                Dictionary<string, MountedImage> images = [];
                foreach (CatalogueUpdate update in updates)
                {
                    tree.Apply(update);
                    if (update.IsSnapshot)
                    {
                        images.Clear();
                    }

                    foreach (string id in update.Gone)
                    {
                        images.Remove(id);
                    }

                    foreach (MountedImage image in update.Shown)
                    {
                        images[image.Id] = image;
                    }
                }

                // Each image exactly once by id and by name, and once per tag; the dictionary refuses a path that comes twice.
                Dictionary<string, string> paths = Paths(tree);
                foreach (MountedImage image in images.Values)
                {
                    Assert.Equal(image.Id, paths["/by-id/" + image.Id]);
                    Assert.Single(paths, pair => pair.Key.StartsWith("/by-name/", StringComparison.Ordinal) && pair.Value.EndsWith(image.Id, StringComparison.Ordinal));
                    Assert.Equal(
                        image.Tags.Select(SafeName.ForWord).Distinct().Count(),
                        paths.Count(pair => pair.Key.StartsWith("/by-tag/", StringComparison.Ordinal) && pair.Value.EndsWith(image.Id, StringComparison.Ordinal)));
                }

                Assert.Equal(images.Count, paths.Keys.Count(path => path.StartsWith("/by-id/", StringComparison.Ordinal)));
                Assert.Equal(images.Values.Sum(image => image.Size), tree.TotalBytes);

                // The history leaves no trace: a tree made from the end has the same names and numbers.
                ImageTree fresh = new(TimeProvider.System, NullLogger.Instance);
                fresh.Apply(new CatalogueUpdate(true, [.. images.Values.Reverse()], []));
                Assert.Equivalent(paths, Paths(fresh), strict: true);
                Assert.Equal(fresh.NodeCount, tree.NodeCount);
            },
            iter: 2_000);
    }

    private DirectoryNode ById() => Child(_tree.Root, "by-id");

    private DirectoryNode Project(string name) => Child(Child(_tree.Root, "by-name"), name);

    private static DirectoryNode Child(DirectoryNode directory, string name)
    {
        Assert.True(directory.TryFind(Encoding.UTF8.GetBytes(name), out DirectoryEntry? entry));
        return Assert.IsType<DirectoryNode>(entry.Node);
    }
}
