using System.Text;
using GlanceGateway.Fuse;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.View.Tests;

/// <summary>The hot paths produce no garbage: a collection stops every reader thread.</summary>
public sealed class AllocationTests
{
    [Fact]
    public async Task Lookups_attributes_and_copied_reads_allocate_nothing()
    {
        byte[] content = ReadTests.Noise(1 << 20);
        string path = Path.GetTempFileName();
        await File.WriteAllBytesAsync(path, content, TestContext.Current.CancellationToken);
        FakeImageSource source = new();
        MountedImage image = source.AddFile(path, FakeImageSource.Describe("x", 0));
        ImageMountOptions options = new() { Directory = "/nowhere" };
        ImageTree tree = new(TimeProvider.System, NullLogger.Instance);
        tree.Apply(new CatalogueUpdate(true, [image], []));
        await using OpenImages open = new(source, options, TimeProvider.System, NullLogger.Instance);
        ImageFileSystem files = new(tree, open, options, NullLogger.Instance);
        FuseCaller caller = default;
        byte[] name = Encoding.UTF8.GetBytes(image.Id);
        Assert.Equal(Errno.None, files.Lookup(caller, 1, "by-id"u8, out NodeEntry directory));
        Assert.Equal(Errno.None, files.Lookup(caller, directory.Node, name, out NodeEntry file));
        Assert.Equal(Errno.None, (await files.OpenAsync(caller, file.Node, TestContext.Current.CancellationToken)).Error);
        byte[] buffer = new byte[128 * 1024];

        Work(100);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Work(1000);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.True(content.AsSpan(4096, buffer.Length).SequenceEqual(buffer));
        Assert.Equal(0, allocated);
        File.Delete(path);

        void Work(int rounds)
        {
            bool good = true;
            for (int i = 0; i < rounds; i++)
            {
                good &= files.Lookup(caller, directory.Node, name, out NodeEntry found) == Errno.None && found.Node == file.Node;
                good &= files.GetAttributes(caller, file.Node, out _, out _) == Errno.None;
                good &= files.Open(caller, file.Node, out OpenReply reply) == Errno.None;
                good &= files.TryRead(new ReadRequest(file.Node, reply.Handle, 4096, buffer.Length, caller), buffer) == ReadOutcome.Done(buffer.Length);
                good &= files.GetXattr(caller, file.Node, "security.selinux"u8, out _) == Errno.ENODATA;
                files.Release(file.Node, reply.Handle);
            }

            Assert.True(good);
        }
    }
}
