using GlanceGateway.Fuse;

namespace GlanceGateway.View.Tests;

/// <summary>Changes of the catalogue while the mount is in use, with an hour of validity in the kernel.</summary>
public sealed class LiveTests
{
    private static bool Exists(string path) => new FileInfo(path).Exists || Directory.Exists(path);

    [Fact]
    public async Task A_new_image_appears_where_nothing_was_before()
    {
        FakeImageSource source = new();
        await using TestMount mount = await TestMount.StartAsync(source);
        MountedImage image = FakeImageSource.Describe("late", 0);
        Assert.False(Client.Run(() => Exists(mount.ById(image))));
        Assert.Empty(mount.List("by-id"));
        Assert.Empty(mount.List("by-name"));

        source.AddMemory([1, 2, 3], image);

        TimeSpan took = Client.Eventually(() => Exists(mount.ById(image)) && Exists(mount.At("by-name", "p1", "late")), "the image is there");
        Assert.True(took < TimeSpan.FromSeconds(2), $"it took {took.TotalSeconds} s");
        Assert.Equal([image.Id], mount.List("by-id"));
        Assert.Equal([1, 2, 3], Client.Run(() => File.ReadAllBytes(mount.ById(image))));
    }

    [Fact]
    public async Task A_rename_moves_the_link_and_a_change_of_time_shows()
    {
        FakeImageSource source = new();
        MountedImage image = source.AddMemory([1], FakeImageSource.Describe("old", 0));
        await using TestMount mount = await TestMount.StartAsync(source);
        Client.Run(() => Assert.True(Exists(mount.At("by-name", "p1", "old"))));
        DateTimeOffset later = new(2025, 1, 2, 3, 4, 5, TimeSpan.Zero);

        source.Update(image with { Name = "new", UpdatedAt = later });

        Client.Eventually(() => Exists(mount.At("by-name", "p1", "new")) && !Exists(mount.At("by-name", "p1", "old")), "the link has the new name");
        Assert.Equal(["new"], mount.List("by-name", "p1"));
        Client.Eventually(() => new FileInfo(mount.ById(image)).LastWriteTimeUtc == later.UtcDateTime, "stat shows the new time");
    }

    [Fact]
    public async Task A_removed_image_goes_from_listings_and_stat()
    {
        FakeImageSource source = new();
        MountedImage image = source.AddMemory([1], FakeImageSource.Describe("x", 0, tags: "t"));
        await using TestMount mount = await TestMount.StartAsync(source);
        Client.Run(() => Assert.True(Exists(mount.ById(image)) && Exists(mount.At("by-name", "p1", "x")) && Exists(mount.At("by-tag", "t"))));

        source.Remove(image);

        TimeSpan took = Client.Eventually(() => !Exists(mount.ById(image)) && !Exists(mount.At("by-name", "p1")) && !Exists(mount.At("by-tag", "t")), "the image is gone");
        Assert.True(took < TimeSpan.FromSeconds(2), $"it took {took.TotalSeconds} s");
        Assert.Empty(mount.List("by-id"));
        Assert.Empty(mount.List("by-name"));
        Assert.Equal("2\n", Client.Succeed("stat", "-c", "%h", mount.At("by-name")));
    }

    [Fact]
    public async Task A_link_whose_name_passes_to_another_image_leads_there_at_once()
    {
        FakeImageSource source = new();
        MountedImage first = source.AddMemory([1], FakeImageSource.Describe("nightly", 0));
        await using TestMount mount = await TestMount.StartAsync(source);
        string link = mount.At("by-name", "p1", "nightly");
        Assert.Equal([1], Client.Run(() => File.ReadAllBytes(link)));
        MountedImage second = FakeImageSource.Describe("nightly", 0);
        source.Show(second with { Size = 1 }, () => new MemoryBytes([2]));
        Client.Eventually(() => !new FileInfo(link).Exists, "while two have the name, nobody does");

        source.Remove(first);

        Client.Eventually(() => new FileInfo(link).Exists, "the name is back");
        Assert.Equal([2], Client.Run(() => File.ReadAllBytes(link)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_image_deleted_in_use_is_read_to_the_end(bool passthrough)
    {
        byte[] content = ReadTests.Noise(3 << 20);
        FakeImageSource source = new();
        await using TestMount mount = await TestMount.StartAsync(source, options => options with { Passthrough = passthrough });
        string file = mount.Scratch("disk");
        await File.WriteAllBytesAsync(file, content, TestContext.Current.CancellationToken);
        MountedImage image = source.AddFile(file, FakeImageSource.Describe("x", 0));
        Client.Eventually(() => Exists(mount.ById(image)), "the image is there");
        int before = FileBytes.Open;
        int descriptor = Client.Run(() => Posix.OpenOrThrow(mount.ById(image)));
        Client.Run(() => Posix.ReadAt(descriptor, 0, 1000));

        source.Remove(image);
        File.Delete(file);
        Client.Eventually(() => !Exists(mount.ById(image)), "the name is gone");

        Assert.Equal(Errno.ENOENT, Client.Run(() => Posix.TryOpen(mount.ById(image))));
        Assert.Equal(Errno.ENOENT, Client.Run(() => Posix.TryOpen($"/proc/self/fd/{descriptor}")));
        Assert.Equal("0 3145728\n", Client.Run(() => Client.Succeed("stat", "-L", "-c", "%h %s", $"/proc/{Environment.ProcessId}/fd/{descriptor}")));
        Assert.True(content.AsSpan().SequenceEqual(Client.Run(() => Posix.ReadAt(descriptor, 0, content.Length))));
        Assert.Equal(before + 1, FileBytes.Open);
        Client.Run(() => Posix.Close(descriptor));
        Client.Eventually(() => FileBytes.Open == before, "the source is closed after the last client");
    }

    [Fact]
    public async Task A_read_that_waits_does_not_hold_up_news()
    {
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        FakeImageSource source = new();
        MountedImage image = source.AddMemory(new byte[1 << 20], FakeImageSource.Describe("slow", 0), bytes => bytes.Gate = () => gate.Task);
        await using TestMount mount = await TestMount.StartAsync(source);
        Client.Running reading = Client.Begin(() => Assert.Equal(1 << 20, File.ReadAllBytes(mount.ById(image)).Length));
        Client.Eventually(() => mount.Mount.Counters.AsynchronousReads > 0, "the read waits");

        source.Update(image with { Size = 1 << 20, UpdatedAt = image.UpdatedAt.AddDays(1) });
        source.Remove(image);
        MountedImage next = source.AddMemory([1], FakeImageSource.Describe("next", 0));

        Client.Eventually(() => !Exists(mount.ById(image)) && Exists(mount.ById(next)), "the changes show");
        Assert.False(reading.Ended);
        gate.SetResult();
        reading.Join();
    }

    [Fact]
    public async Task A_lost_catalogue_stays_visible_and_is_followed_again()
    {
        FakeImageSource source = new();
        MountedImage stays = source.AddMemory([1], FakeImageSource.Describe("stays", 0));
        MountedImage goes = source.AddMemory([2], FakeImageSource.Describe("goes", 0));
        await using TestMount mount = await TestMount.StartAsync(source, options => options with { FollowRetry = (TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(100)) });
        Assert.Equal(["goes", "stays"], mount.List("by-name", "p1"));

        source.IsUnreachable = true;
        source.BreakOff();
        Client.Eventually(() => source.Follows >= 4, "it tries again and again");
        Assert.Equal(["goes", "stays"], mount.List("by-name", "p1"));
        Assert.Equal([1], Client.Run(() => File.ReadAllBytes(mount.ById(stays))));

        MountedImage comes = FakeImageSource.Describe("comes", 1);
        source.Send([comes], [goes.Id], silently: true);
        source.IsUnreachable = false;
        Client.Eventually(() => Exists(mount.ById(comes)) && !Exists(mount.ById(goes)), "the next snapshot is shown");
        Assert.Equal(["comes", "stays"], mount.List("by-name", "p1"));
        Assert.Contains(mount.Log, line => line.Contains("the catalogue is away", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_mount_whose_catalogue_is_late_starts_empty_and_fills()
    {
        FakeImageSource source = new() { IsUnreachable = true };
        MountedImage image = source.AddMemory([1], FakeImageSource.Describe("x", 0));
        await using TestMount mount = await TestMount.StartAsync(source, options => options with
        {
            CatalogueTimeout = TimeSpan.FromMilliseconds(200),
            FollowRetry = (TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(100)),
        });
        Assert.Empty(mount.List("by-id"));

        source.IsUnreachable = false;

        Client.Eventually(() => Exists(mount.ById(image)), "the image is there");
        Assert.Equal(1, mount.Mount.Images);
    }
}
