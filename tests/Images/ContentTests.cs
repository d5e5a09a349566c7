using System.Buffers.Binary;
using GlanceGateway.Registry;

namespace GlanceGateway.Images.Tests;

/// <summary>Uploads whose content is judged before the store commits it.</summary>
public sealed class ContentTests
{
    [Fact]
    public async Task The_virtual_size_comes_from_the_header()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync(null, ("disk_format", "qcow2"));
        await world.UploadAsync(image, Qcow2(virtualSize: 10L << 30));
        Assert.Equal(10L << 30, (await world.FindAsync(image)).VirtualSize);
    }

    [Fact]
    public async Task Content_in_a_container_is_not_judged()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync(null, ("disk_format", "qcow2"), ("container_format", "ova"));
        await world.UploadAsync(image, [1, 2, 3]);
        Assert.Equal(ImageStatus.Active, (await world.FindAsync(image)).Status);
    }

    [Theory]
    [InlineData("qcow2", false)]
    [InlineData("vmdk", true)]
    [InlineData("iso", true)]
    public async Task Content_that_is_not_what_the_image_is_said_to_be_is_refused(string diskFormat, bool isQcow2) =>
        await AssertRefusedAsync(diskFormat, isQcow2 ? Qcow2(1 << 20) : new byte[100_000], "disk_format");

    [Theory]
    [InlineData("qcow2")]
    [InlineData("raw")]
    public async Task A_file_that_points_to_others_is_refused_whatever_it_is_called(string diskFormat) =>
        await AssertRefusedAsync(diskFormat, Qcow2(1 << 20, backingFile: 512), "safety checks");

    private static async Task AssertRefusedAsync(string diskFormat, byte[] data, string words)
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync(null, ("disk_format", diskFormat));
        var refusal = await Assert.ThrowsAsync<ImageException>(() => world.UploadAsync(image, data));
        Assert.Equal(ImageError.UnsupportedContent, refusal.Error);
        Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
        var now = await world.FindAsync(image);
        Assert.Equal((ImageStatus.Queued, null, 0), (now.Status, now.Size, now.Locations.Count));
        Assert.Empty(world.Files);
    }

    /// <summary>The header of an empty QCOW2 of version 3, as its specification lays it out, and nothing else.</summary>
    private static byte[] Qcow2(long virtualSize, long backingFile = 0)
    {
        var file = new byte[256 * 1024];
        BinaryPrimitives.WriteUInt32BigEndian(file, 0x514649FB);
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(4), 3);
        BinaryPrimitives.WriteInt64BigEndian(file.AsSpan(8), backingFile);
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(16), backingFile == 0 ? 0 : 8);
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(20), 16);
        BinaryPrimitives.WriteInt64BigEndian(file.AsSpan(24), virtualSize);
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(36), 20);
        BinaryPrimitives.WriteInt64BigEndian(file.AsSpan(40), 0x30000);
        BinaryPrimitives.WriteInt64BigEndian(file.AsSpan(48), 0x10000);
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(56), 1);
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(96), 4);
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(100), 104);
        return file;
    }
}
