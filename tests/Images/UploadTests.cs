using System.IO.Pipelines;
using System.Security.Cryptography;
using GlanceGateway.Registry;
using GlanceGateway.Testing;

namespace GlanceGateway.Images.Tests;

public sealed class UploadTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(65535)]
    [InlineData(65536)]
    [InlineData((1 << 20) - 1)]
    [InlineData(1 << 20)]
    [InlineData((1 << 20) + 1)]
    [InlineData((5 << 20) + 12345)]
    public async Task Data_comes_back_equal_with_its_hashes_and_size(int length)
    {
        await using var world = await ImageWorld.OpenAsync();
        foreach (var declared in new long?[] { length, null })
        {
            var data = RandomNumberGenerator.GetBytes(length);
            var image = await world.CreateAsync();
            await world.UploadAsync(image, data, declared);

            var active = await world.FindAsync(image);
            Assert.Equal(ImageStatus.Active, active.Status);
            Assert.Equal(length, active.Size);
            Assert.Equal(length == 0 ? null : length, active.VirtualSize);
            Assert.Equal("sha512", active.HashAlgorithm);
            Assert.Equal(Convert.ToHexStringLower(SHA512.HashData(data)), active.HashValue);
            Assert.Equal(Convert.ToHexStringLower(MD5.HashData(data)), active.Checksum);
            Assert.Equal("disk", Assert.Single(active.Locations).Store);
            Assert.Equal(data, await world.ReadAsync(image));
        }
    }

    [Fact]
    public async Task Runs_of_zeros_become_holes_and_read_as_zeros()
    {
        await using var world = await ImageWorld.OpenAsync();
        var data = new byte[16 << 20];
        RandomNumberGenerator.Fill(data.AsSpan(9 << 20, 100));
        var image = await world.CreateAsync();
        await world.UploadAsync(image, data);
        Assert.Equal(data, await world.ReadAsync(image));
        var blocks = (await Command.RunAsync("stat", ["-c", "%b", Path.Combine(world.Path, "disk", image.Id)])).Succeeded().Output;
        Assert.InRange(long.Parse(blocks.Trim()) * 512, 1, 8 << 20);
    }

    [Fact]
    public async Task No_trace_of_an_attempt_stays_after_it_is_registered()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        await world.UploadAsync(image, new byte[100]);
        // The client is answered first: first the file's second name goes, then the intent.
        for (var tries = 0; tries < 400 && (await world.Registry.ListDeadIntentsAsync(ownToo: true, Token)).Count > 0; tries++)
        {
            await Task.Delay(25, Token);
        }

        Assert.Equal([Path.Combine(world.Path, "disk", image.Id)], world.Files);
        Assert.Empty(await world.Registry.ListDeadIntentsAsync(ownToo: true, Token));
    }

    [Theory]
    [InlineData(99, ImageError.Invalid)]
    [InlineData(101, ImageError.Invalid)]
    [InlineData(0, ImageError.Invalid)]
    public async Task A_size_that_differs_from_the_declared_one_leaves_nothing(long declared, ImageError expected)
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        Assert.Equal(expected, await ImageWorld.RefusalAsync(world.UploadAsync(image, RandomNumberGenerator.GetBytes(100), declared)));
        await AssertUntouchedAsync(world, image);
    }

    [Fact]
    public async Task The_size_cap_holds_with_and_without_a_declared_size()
    {
        await using var world = await ImageWorld.OpenAsync(new ImageOptions { SizeCap = 1000 });
        var image = await world.CreateAsync();
        Assert.Equal(ImageError.TooLarge, await ImageWorld.RefusalAsync(world.UploadAsync(image, new byte[1001], 1001)));
        Assert.Equal(ImageError.TooLarge, await ImageWorld.RefusalAsync(world.UploadAsync(image, new byte[1001])));
        await AssertUntouchedAsync(world, image);
        await world.UploadAsync(image, new byte[1000]);
        Assert.Equal(1000, (await world.FindAsync(image)).Size);
    }

    [Fact]
    public async Task A_store_that_runs_full_leaves_nothing_and_says_so()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        var data = RandomNumberGenerator.GetBytes(3 << 20);
        Assert.Equal(ImageError.TooLarge, await ImageWorld.RefusalAsync(world.UploadAsync(image, data, store: "small")));
        Assert.Equal(ImageError.TooLarge, await ImageWorld.RefusalAsync(world.UploadAsync(image, data, data.Length, store: "small")));
        await AssertUntouchedAsync(world, image);
        await world.UploadAsync(image, data[..1000], store: "small");
        Assert.Equal("small", Assert.Single((await world.FindAsync(image)).Locations).Store);
    }

    [Fact]
    public async Task A_body_that_breaks_off_leaves_the_image_queued_and_no_file()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        var body = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        await body.Writer.WriteAsync(RandomNumberGenerator.GetBytes(3 << 20), Token);
        await body.Writer.CompleteAsync(new IOException("The client went away."));
        await Assert.ThrowsAsync<IOException>(() => world.Images.Uploads.UploadAsync(ImageWorld.Owner, image.Id, new UploadRequest(body.Reader, null, null), Token));
        await AssertUntouchedAsync(world, image);
    }

    [Fact]
    public async Task A_cancelled_upload_leaves_the_image_queued_and_no_file()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        using var cancelled = new CancellationTokenSource();
        var body = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        await body.Writer.WriteAsync(RandomNumberGenerator.GetBytes(3 << 20), Token);
        var upload = world.Images.Uploads.UploadAsync(ImageWorld.Owner, image.Id, new UploadRequest(body.Reader, null, null), cancelled.Token);
        while (world.Files.Length == 0)
        {
            await Task.Delay(10, Token);
        }

        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => upload);
        await AssertUntouchedAsync(world, image);
    }

    [Fact]
    public async Task A_silent_sender_is_ended_by_the_stall_timer()
    {
        await using var world = await ImageWorld.OpenAsync(new ImageOptions { StallTimeout = TimeSpan.FromMilliseconds(100) });
        var image = await world.CreateAsync();
        var silent = new UploadRequest(new Pipe().Reader, null, null);
        Assert.Equal(ImageError.Stalled, await ImageWorld.RefusalAsync(world.Images.Uploads.UploadAsync(ImageWorld.Owner, image.Id, silent, Token)));
        await AssertUntouchedAsync(world, image);
    }

    [Fact]
    public async Task Deleting_the_image_during_its_upload_ends_the_upload_and_removes_its_bytes()
    {
        await using var world = await ImageWorld.OpenAsync(new ImageOptions { LeaseDuration = TimeSpan.FromSeconds(1) });
        var image = await world.CreateAsync();
        var body = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        await body.Writer.WriteAsync(new byte[] { 1 }, Token);
        var upload = world.Images.Uploads.UploadAsync(ImageWorld.Owner, image.Id, new UploadRequest(body.Reader, null, null), Token);
        while ((await world.FindAsync(image)).Status != ImageStatus.Saving)
        {
            await Task.Delay(10, Token);
        }

        await world.Images.Catalog.DeleteAsync(ImageWorld.Owner, image.Id, Token);
        Assert.Equal(ImageError.Gone, await ImageWorld.RefusalAsync(upload));
        Assert.Empty(world.Files);
        Assert.Empty(await world.Registry.ListDeadIntentsAsync(ownToo: true, Token));
    }

    [Fact]
    public async Task Of_many_uploads_to_one_image_exactly_one_wins()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        var contents = Enumerable.Range(0, 8).Select(_ => RandomNumberGenerator.GetBytes(1 << 20)).ToArray();
        var results = await Task.WhenAll(contents.Select(async data =>
        {
            try
            {
                await world.UploadAsync(image, data);
                return data;
            }
            catch (ImageException refusal) when (refusal.Error == ImageError.Conflict)
            {
                return null;
            }
        }));
        var winner = Assert.Single(results, r => r is not null);
        Assert.Equal(winner, await world.ReadAsync(image));
    }

    [Fact]
    public async Task Formats_must_be_set_first()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync(null, ("disk_format", null), ("container_format", null));
        var refusal = await Assert.ThrowsAsync<ImageException>(() => world.UploadAsync(image, [1]));
        Assert.Equal("Properties disk_format, container_format must be set prior to saving data.", refusal.Message);
        Assert.Equal(ImageStatus.Queued, (await world.FindAsync(image)).Status);
    }

    [Fact]
    public async Task Only_the_owner_and_administrators_upload()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(world.UploadAsync(image, [1], caller: ImageWorld.Stranger)));
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(world.UploadAsync(image, [1], caller: ImageWorld.Reader)));
        Assert.Equal(ImageError.Invalid, await ImageWorld.RefusalAsync(world.UploadAsync(image, [1], store: "nosuch")));
        await world.UploadAsync(image, [1], caller: ImageWorld.Admin);
        Assert.Equal(ImageError.Conflict, await ImageWorld.RefusalAsync(world.UploadAsync(image, [1])));
    }

    private static async Task AssertUntouchedAsync(ImageWorld world, Image image)
    {
        var now = await world.FindAsync(image);
        Assert.Equal(ImageStatus.Queued, now.Status);
        Assert.Null(now.Size);
        Assert.Null(now.Checksum);
        Assert.Empty(now.Locations);
        Assert.Empty(world.Files);
        Assert.Empty(await world.Registry.ListDeadIntentsAsync(ownToo: true, Token));
    }
}
