using System.Text;
using GlanceGateway.Abstractions;
using GlanceGateway.Fuse;
using GlanceGateway.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.View.Tests;

/// <summary>The second server of a mount meets what the kernel has from the first. No device: the kernel's questions are asked here.</summary>
public sealed class SuccessionTests
{
    private static readonly CancellationToken s_token = TestContext.Current.CancellationToken;
    private static readonly byte[] s_content = ReadTests.Noise(300_000);

    private readonly FakeImageSource _source = new();

    [Fact]
    public async Task What_the_first_server_gave_out_reads_on_below_its_old_number_until_the_kernel_forgets_it()
    {
        MountedImage image = _source.AddMemory(s_content, FakeImageSource.Describe("x", 0));
        await using Server first = new(_source, new Succession(1, IsTakenOver: false, new Dictionary<ulong, int>()));
        first.Show(image);
        NodeEntry old = first.Lookup(image);
        await using Server second = new(_source, new Succession(2, IsTakenOver: true, new Dictionary<ulong, int>()));
        second.Show(image);

        NodeEntry now = second.Lookup(image);
        Assert.NotEqual(old.Node, now.Node);
        Assert.Equal(old.Attributes.Inode, now.Attributes.Inode);
        Assert.Equal(Errno.None, second.Files.GetAttributes(default, old.Node, out NodeAttributes attributes, out _));
        Assert.Equal((s_content.Length, old.Attributes.Inode), ((int)attributes.SizeBytes, attributes.Inode));
        Assert.Equal(Errno.None, second.Files.Seek(default, old.Node, 1, 5, SeekKind.Data, out long data));
        Assert.Equal(5, data);
        Assert.Equal(s_content[1000..5000], await second.ReadAsync(old.Node, handle: 1, 1000, 4000));
        Assert.Equal(1, second.Open.Count);

        // The handle of the first server was not counted here, so its release says nothing.
        second.Files.Release(old.Node, 1);
        Assert.Equal(s_content[..10], await second.ReadAsync(old.Node, handle: 1, 0, 10));

        // A new open of the old node counts beside it.
        Assert.Equal(Errno.None, (await second.Files.OpenAsync(default, old.Node, s_token)).Error);
        second.Files.Release(old.Node, 2);
        Assert.Equal(s_content[..10], await second.ReadAsync(old.Node, handle: 1, 0, 10));
        Assert.Equal(1, _source.Opens);

        second.Files.Forget(old.Node, 3);
        Assert.Equal(0, second.Open.Count);
    }

    [Fact]
    public async Task A_read_waits_for_the_catalogue_and_an_image_that_went_meanwhile_is_an_error()
    {
        MountedImage image = _source.AddMemory(s_content, FakeImageSource.Describe("x", 0));
        MountedImage gone = _source.AddMemory(s_content[..50], FakeImageSource.Describe("y", 0));
        await using Server first = new(_source, new Succession(1, IsTakenOver: false, new Dictionary<ulong, int>()));
        first.Show(image, gone);
        (ulong known, ulong lost) = (first.Lookup(image).Node, first.Lookup(gone).Node);
        await using Server second = new(_source, new Succession(2, IsTakenOver: true, new Dictionary<ulong, int>()));
        second.Files.IsComplete = () => false;

        Task<byte[]> reading = second.ReadAsync(known, handle: 1, 7, 70);
        Task<OpenOutcome> opening = second.Files.OpenAsync(default, known, s_token).AsTask();
        ReadRequest request = new(lost, 1, 0, 10, default);
        Assert.True(second.Files.TryRead(request, new byte[10]).IsPending);
        ValueTask<ReadOutcome> vain = second.Files.ReadAsync(request, new byte[10], s_token);
        Assert.False(reading.IsCompleted || opening.IsCompleted || vain.IsCompleted);
        second.Show(image);

        Assert.Equal(s_content[7..77], await reading);
        Assert.Equal(Errno.None, (await opening).Error);
        second.Files.IsComplete = () => true;
        Assert.Equal(Errno.EIO, (await vain).Error);
    }

    [Fact]
    public async Task Once_opened_an_inherited_file_outlives_its_image()
    {
        MountedImage image = _source.AddMemory(s_content, FakeImageSource.Describe("x", 0));
        await using Server first = new(_source, new Succession(1, IsTakenOver: false, new Dictionary<ulong, int>()));
        first.Show(image);
        ulong old = first.Lookup(image).Node;
        await using Server second = new(_source, new Succession(2, IsTakenOver: true, new Dictionary<ulong, int>()));
        second.Show(image);
        Assert.Equal(s_content[..10], await second.ReadAsync(old, handle: 1, 0, 10));

        second.Remove(image);

        Assert.Equal(s_content[20..30], await second.ReadAsync(old, handle: 1, 20, 10));
        Assert.Equal(Errno.None, second.Files.GetAttributes(default, old, out NodeAttributes attributes, out _));
        Assert.Equal(0u, attributes.Links);
    }

    [Fact]
    public async Task What_was_deleted_between_two_servers_reads_on_below_its_old_number_and_nothing_else_leads_there()
    {
        MountedImage image = _source.AddMemory(s_content, FakeImageSource.Describe("x", 0));
        await using Server first = new(_source, new Succession(1, IsTakenOver: false, new Dictionary<ulong, int>()));
        first.Show(image);
        NodeEntry old = first.Lookup(image);
        _source.Delete(image);
        await using Server second = new(_source, new Succession(2, IsTakenOver: true, new Dictionary<ulong, int>()));
        second.Show();
        second.Files.IsComplete = static () => true;

        await second.Deleted.LoadAsync(s_token);

        Assert.Equal(Errno.None, second.Files.GetAttributes(default, old.Node, out NodeAttributes attributes, out _));
        Assert.Equal((s_content.Length, old.Attributes.Inode, 0u), ((int)attributes.SizeBytes, attributes.Inode, attributes.Links));
        Assert.Equal(s_content[1000..5000], await second.ReadAsync(old.Node, handle: 1, 1000, 4000));
        Assert.False(second.Has(image));
        Assert.Equal(Errno.ENOENT, second.Files.Open(default, old.Node, out _));
        Assert.Equal(Errno.ENOENT, (await second.Files.OpenAsync(default, old.Node, s_token)).Error);

        _source.EndGrace();
        Assert.Equal(s_content[..10], await second.ReadAsync(old.Node, handle: 1, 0, 10));
        second.Files.Forget(old.Node, 1);
        Assert.Equal(0, second.Open.Count);
        Assert.Equal(Errno.EIO, await second.FailAsync(old.Node));
    }

    [Fact]
    public async Task What_the_second_server_sees_deleted_before_anybody_read_it_there_reads_on()
    {
        MountedImage image = _source.AddMemory(s_content, FakeImageSource.Describe("x", 0));
        MountedImage late = _source.AddMemory(s_content[..500], FakeImageSource.Describe("y", 0));
        MountedImage hidden = _source.AddMemory(s_content[..600], FakeImageSource.Describe("z", 0));
        await using Server first = new(_source, new Succession(1, IsTakenOver: false, new Dictionary<ulong, int>()));
        first.Show(image, late, hidden);
        (ulong old, ulong unknown, ulong refused) = (first.Lookup(image).Node, first.Lookup(late).Node, first.Lookup(hidden).Node);
        await using Server second = new(_source, new Succession(2, IsTakenOver: true, new Dictionary<ulong, int>()));
        second.Show(image, hidden);
        second.Files.IsComplete = static () => true;
        second.Remove(hidden);
        second.Remove(image);
        _source.Delete(image);
        _source.Show(hidden, static () => null);

        Assert.Equal(Errno.None, second.Files.GetAttributes(default, old, out _, out _));
        Assert.Equal(s_content[5..50], await second.ReadAsync(old, handle: 1, 5, 45));
        Assert.Equal(Errno.EIO, await second.FailAsync(refused));

        // This one it has never heard of: it asks once more.
        _source.DeletedFailure = new StoreException(StoreError.Unavailable, "no answer");
        _source.Delete(late);
        Assert.Equal(Errno.EIO, await second.FailAsync(unknown));
        _source.DeletedFailure = null;
        Assert.Equal(s_content[5..50], await second.ReadAsync(unknown, handle: 1, 5, 45));
    }

    [Fact]
    public async Task The_disk_inside_a_deleted_image_reads_on_too()
    {
        byte[] disk = new byte[2 << 20];
        s_content.CopyTo(disk, 100_000);
        using TempDirectory scratch = new();
        await File.WriteAllBytesAsync(scratch["disk.raw"], disk, s_token);
        Client.Succeed("qemu-img", "convert", "-f", "raw", "-O", "qcow2", scratch["disk.raw"], scratch["disk.img"]);
        byte[] qcow2 = await File.ReadAllBytesAsync(scratch["disk.img"], s_token);
        MountedImage image = _source.AddMemory(qcow2, FakeImageSource.Describe("x", 0) with { DiskFormat = "qcow2" });
        MountedImage plain = _source.AddMemory(s_content, FakeImageSource.Describe("y", 0) with { DiskFormat = "raw" });
        await using Server first = new(_source, new Succession(1, IsTakenOver: false, new Dictionary<ulong, int>()));
        first.Show(image with { RawSize = disk.Length }, plain with { RawSize = s_content.Length });
        (ulong inside, ulong same) = (first.Lookup(image, "raw", ".raw").Node, first.Lookup(plain, "raw", ".raw").Node);
        _source.Delete(image);
        _source.Delete(plain);
        await using Server second = new(_source, new Succession(2, IsTakenOver: true, new Dictionary<ulong, int>()));
        second.Show();
        await second.Deleted.LoadAsync(s_token);

        Assert.Equal(disk[100_000..105_000], await second.ReadAsync(inside, handle: 1, 100_000, 5000));
        Assert.Equal(s_content[..5000], await second.ReadAsync(same, handle: 1, 0, 5000));
    }

    [Fact]
    public void Every_generation_has_its_own_number_for_the_same_bytes()
    {
        ulong number = NodeNumber.OfImage("content", 1, static _ => false);

        Assert.Equal(number, NodeNumber.OfImage("content", 1, static _ => false));
        Assert.Equal(number, NodeNumber.WithGeneration(NodeNumber.OfImage("content", 5000, static _ => false), 1));
        Assert.NotEqual(number, NodeNumber.OfImage("content", 2, static _ => false));
        Assert.NotEqual(number, NodeNumber.OfImage("content", 1, taken => taken == number));
    }

    /// <summary>One server of the mount.</summary>
    private sealed class Server : IAsyncDisposable
    {
        private readonly ImageTree _tree;

        internal Server(FakeImageSource source, Succession succession)
        {
            ImageMountOptions options = new() { Directory = "/nowhere" };
            _tree = new ImageTree(TimeProvider.System, NullLogger.Instance, succession);
            Open = new OpenImages(source, options, TimeProvider.System, NullLogger.Instance, succession);
            Deleted = new DeletedImages(source, _tree, options.SourceTimeout, NullLogger.Instance);
            Files = new ImageFileSystem(_tree, Open, options, NullLogger.Instance, succession) { LoadDeletedAsync = Deleted.LoadAsync };
        }

        internal DeletedImages Deleted { get; }

        internal OpenImages Open { get; }

        internal ImageFileSystem Files { get; }

        public ValueTask DisposeAsync() => Open.DisposeAsync();

        internal void Show(params MountedImage[] images) => _tree.Apply(new CatalogueUpdate(true, images, []));

        internal void Remove(MountedImage image)
        {
            foreach (ImageNode node in _tree.Apply(new CatalogueUpdate(false, [], [image.Id])).Gone)
            {
                Open.Abandon(node);
            }
        }

        internal bool Has(MountedImage image) =>
            Files.Lookup(default, 1, "by-id"u8, out NodeEntry directory) == Errno.None
            && Files.Lookup(default, directory.Node, Encoding.UTF8.GetBytes(image.Id), out _) == Errno.None;

        internal NodeEntry Lookup(MountedImage image, string parent = "by-id", string suffix = "")
        {
            Assert.Equal(Errno.None, Files.Lookup(default, 1, Encoding.UTF8.GetBytes(parent), out NodeEntry directory));
            Assert.Equal(Errno.None, Files.Lookup(default, directory.Node, Encoding.UTF8.GetBytes(image.Id + suffix), out NodeEntry file));
            return file;
        }

        /// <summary>The error of a read that fails.</summary>
        internal async Task<Errno> FailAsync(ulong node)
        {
            ReadRequest request = new(node, 1, 0, 10, default);
            byte[] bytes = new byte[10];
            ReadOutcome outcome = Files.TryRead(request, bytes);
            return (outcome.IsPending ? await Files.ReadAsync(request, bytes, s_token) : outcome).Error;
        }

        internal async Task<byte[]> ReadAsync(ulong node, ulong handle, long offset, int count)
        {
            ReadRequest request = new(node, handle, offset, count, default);
            byte[] bytes = new byte[count];
            ReadOutcome outcome = Files.TryRead(request, bytes);
            if (outcome.IsPending)
            {
                outcome = await Files.ReadAsync(request, bytes, s_token);
            }

            Assert.Equal(ReadOutcome.Done(count), outcome);
            return bytes;
        }
    }
}
