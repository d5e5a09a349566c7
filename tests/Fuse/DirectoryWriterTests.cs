using System.Text;

namespace GlanceGateway.Fuse.Tests;

/// <summary>Pages of directories as the kernel parses them.</summary>
public sealed class DirectoryWriterTests
{
    [Theory]
    [InlineData(1, 32)]
    [InlineData(8, 32)]
    [InlineData(9, 40)]
    [InlineData(255, 280)]
    public void An_entry_is_padded_to_eight_bytes(int nameLength, int expected)
    {
        DirectoryWriter page = new(new byte[4096], withNodes: false);

        Assert.True(page.TryAdd(Name(nameLength), 1, 1, FileKind.Regular));
        Assert.Equal(expected, page.Written);
    }

    [Fact]
    public void An_entry_with_its_node_is_128_bytes_longer()
    {
        DirectoryWriter page = new(new byte[4096], withNodes: true);

        Assert.True(page.TryAdd(Name(3), 1, new NodeEntry { Node = 5, Attributes = new NodeAttributes { Inode = 5, Kind = FileKind.Regular } }));
        Assert.Equal(160, page.Written);
    }

    [Fact]
    public void Nothing_follows_the_first_entry_that_did_not_fit()
    {
        DirectoryWriter page = new(new byte[72], withNodes: false);

        Assert.True(page.TryAdd(Name(1), 1, 1, FileKind.Regular));
        Assert.False(page.TryAdd(Name(200), 2, 2, FileKind.Regular));
        Assert.False(page.TryAdd(Name(1), 3, 3, FileKind.Regular));
        Assert.Equal(32, page.Written);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(256)]
    public void A_name_that_no_directory_can_hold_is_refused(int length) =>
        Assert.Throws<ArgumentException>(() =>
        {
            DirectoryWriter page = new(new byte[4096], withNodes: false);
            page.TryAdd(Name(length), 1, 1, FileKind.Regular);
        });

    private static byte[] Name(int length) => Encoding.ASCII.GetBytes(new string('n', length));
}
