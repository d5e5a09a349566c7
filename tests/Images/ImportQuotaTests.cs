using System.IO.Compression;
using System.Net;
using System.Security.Cryptography;
using GlanceGateway.Registry;
using GlanceGateway.Stores;

namespace GlanceGateway.Images.Tests;

/// <summary>Quotas of what is staged and imported: what does not fit ends with a reason and leaves nothing behind.</summary>
public sealed class ImportQuotaTests
{
    private const int Mebibyte = 1 << 20;

    private static readonly byte[] data = RandomNumberGenerator.GetBytes(3 * Mebibyte);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_stage_that_does_not_fit_is_refused_and_leaves_neither_bytes_nor_a_reservation(bool known)
    {
        await using var world = await OpenAsync(new ProjectLimits { StagedBytes = (2 * Mebibyte) + 5, Transfers = 1 });
        var image = await world.CreateAsync();
        var refusal = await Assert.ThrowsAsync<ImageException>(() => world.StageAsync(image, data, known ? data.Length : null));
        Assert.Equal(ImageError.TooLarge, refusal.Error);
        Assert.Equal("Project p-owner is over a limit for [Resource image_stage_total is over limit of 2 due to current usage 0 and delta 3]", refusal.Message);
        Assert.Equal((ImageStatus.Queued, null), ((await world.FindAsync(image)).Status, (await world.FindAsync(image)).Size));
        await NothingIsLeftAsync(world);

        await world.StageAsync(image, data[..(2 * Mebibyte)]);
        Assert.Equal(2 * Mebibyte, await UsedAsync(world, UsageKind.StagedBytes));
    }

    [Fact]
    public async Task What_is_staged_counts_until_it_is_imported_and_what_is_stored_from_then_on()
    {
        await using var world = await OpenAsync(new ProjectLimits { StagedBytes = 4 * Mebibyte, StoredBytes = 7 * Mebibyte });
        var (first, second) = (await world.CreateAsync(), await world.CreateAsync());
        await world.StageAsync(first, data);
        Assert.Equal(ImageError.TooLarge, await ImageWorld.RefusalAsync(world.StageAsync(second, data)));
        Assert.Equal(ImageError.TooLarge, await ImageWorld.RefusalAsync(world.ImportAsync(first, """{"method":{"name":"glance-direct"},"all_stores":true}""")));
        Assert.Equal((data.Length, 0), (await UsedAsync(world, UsageKind.StagedBytes), await UsedAsync(world, UsageKind.StoredBytes)));

        await world.ImportAsync(first, """{"method":{"name":"glance-direct"},"stores":["disk","deep"]}""");
        Assert.Equal(WorkStatus.Success, (await world.EndOfTaskAsync(first)).Status);
        Assert.Equal((0, 2 * data.Length), (await UsedAsync(world, UsageKind.StagedBytes), await UsedAsync(world, UsageKind.StoredBytes)));
        await world.StageAsync(second, data);
        Assert.Equal(ImageError.TooLarge, await ImageWorld.RefusalAsync(world.ImportAsync(second, """{"method":{"name":"glance-direct"}}""")));
        Assert.Equal(ImageStatus.Uploading, (await world.FindAsync(second)).Status);
        await world.Images.Catalog.DeleteAsync(ImageWorld.Owner, first.Id, Token);
        await world.ImportAsync(second, """{"method":{"name":"glance-direct"}}""");
        Assert.Equal(WorkStatus.Success, (await world.EndOfTaskAsync(second)).Status);
    }

    [Theory]
    [InlineData(true, UsageKind.StoredBytes, "image_size_total is over limit of 2 due to current usage 0 and delta 3")]
    [InlineData(false, UsageKind.StoredBytes, "image_size_total is over limit of 2 due to current usage 0 and delta 3")]
    [InlineData(true, UsageKind.StagedBytes, "image_stage_total is over limit of 2 due to current usage 0 and delta 3")]
    [InlineData(false, UsageKind.StagedBytes, "image_stage_total is over limit of 2 due to current usage 0 and delta 3")]
    public async Task An_import_from_the_web_that_does_not_fit_fails_with_the_reason_and_leaves_nothing(bool known, UsageKind kind, string reason)
    {
        await using var web = new PlainWeb(data, known);
        await using var world = await OpenAsync(
            kind == UsageKind.StoredBytes ? new ProjectLimits { StoredBytes = 2 * Mebibyte } : new ProjectLimits { StagedBytes = 2 * Mebibyte });
        var image = await world.CreateAsync();
        await world.ImportAsync(image, web.Request);
        var task = await world.EndOfTaskAsync(image);
        Assert.Equal((WorkStatus.Failure, $"Project p-owner is over a limit for [Resource {reason}]"), (task.Status, task.Message));
        var queued = await world.FindAsync(image);
        Assert.Equal((ImageStatus.Queued, null), (queued.Status, queued.Size));
        Assert.Empty(queued.Locations);
        await NothingIsLeftAsync(world);

        await world.UploadAsync(image, data[..Mebibyte]);
    }

    /// <summary>The room for staged data is exactly that of the image, so whatever counts the same bytes twice fails it.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_import_from_the_web_that_just_fits_succeeds(bool known)
    {
        await using var web = new PlainWeb(data, known);
        await using var world = await OpenAsync(new ProjectLimits { StagedBytes = data.Length, StoredBytes = 2 * data.Length, Transfers = 1 });
        var image = await world.CreateAsync();
        await world.ImportAsync(image, web.Request.Replace("}}", """},"stores":["disk","deep"]}""", StringComparison.Ordinal));
        var task = await world.EndOfTaskAsync(image);
        Assert.True(task.Status == WorkStatus.Success, task.Message);
        Assert.Equal((0, 2 * data.Length), (await UsedAsync(world, UsageKind.StagedBytes), await UsedAsync(world, UsageKind.StoredBytes)));
    }

    /// <summary>A bomb of 64 KiB: what is unpacked counts while it is written, not only what was sent.</summary>
    [Theory]
    [InlineData(true, "stage", "image_stage_total is over limit of 2 due to current usage 0 and delta")]
    [InlineData(false, "stage", "image_stage_total is over limit of 2 due to current usage 0 and delta")]
    [InlineData(true, "store", "image_size_total is over limit of 2 due to current usage 0 and delta 64")]
    [InlineData(false, "store", "image_size_total is over limit of 2 due to current usage 0 and delta 64")]
    [InlineData(true, "cap", "exceeds the maximum allowed size of 3145728 bytes")]
    [InlineData(false, "cap", "exceeds the maximum allowed size of 3145728 bytes")]
    public async Task What_unpacks_to_more_than_there_is_room_for_fails_with_the_reason_and_leaves_nothing(bool fromWeb, string limit, string reason)
    {
        var packed = new MemoryStream();
        await using (var gzip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            await gzip.WriteAsync(new byte[64 * Mebibyte], Token);
        }

        var bomb = packed.ToArray();
        await using var web = new PlainWeb(bomb, tellsLength: true);
        await using var world = await OpenAsync(
            limit switch
            {
                "stage" => new ProjectLimits { StagedBytes = 2 * Mebibyte },
                "store" => new ProjectLimits { StoredBytes = 2 * Mebibyte },
                _ => new ProjectLimits(),
            },
            limit == "cap" ? new ImageOptions { SizeCap = 3 * Mebibyte } : null,
            ImportStepNames.Decompression);
        var image = await world.CreateAsync();
        if (!fromWeb)
        {
            await world.StageAsync(image, bomb);
        }

        await world.ImportAsync(image, fromWeb ? web.Request : """{"method":{"name":"glance-direct"}}""");
        var task = await world.EndOfTaskAsync(image);
        Assert.Equal(WorkStatus.Failure, task.Status);
        Assert.Contains(reason, task.Message, StringComparison.Ordinal);
        var queued = await world.FindAsync(image);
        Assert.Equal((ImageStatus.Queued, null), (queued.Status, queued.Size));
        Assert.Empty(queued.Locations);
        await NothingIsLeftAsync(world);
    }

    [Fact]
    public async Task Each_copy_of_an_image_counts()
    {
        await using var world = await OpenAsync(new ProjectLimits { StoredBytes = 5 * Mebibyte });
        var image = await world.CreateAsync();
        await world.UploadAsync(image, data[..(2 * Mebibyte)]);
        await world.ImportAsync(image, """{"method":{"name":"copy-image"},"stores":["deep"]}""", caller: ImageWorld.Admin);
        Assert.Equal(WorkStatus.Success, (await world.EndOfTaskAsync(image)).Status);
        Assert.Equal(4 * Mebibyte, await UsedAsync(world, UsageKind.StoredBytes));

        var refusal = await Assert.ThrowsAsync<ImageException>(() => world.ImportAsync(image, """{"method":{"name":"copy-image"},"stores":["small"]}""", caller: ImageWorld.Admin));
        Assert.Equal((ImageError.TooLarge, "Project p-owner is over a limit for [Resource image_size_total is over limit of 5 due to current usage 4 and delta 2]"), (refusal.Error, refusal.Message));
        Assert.Equal((ImageStatus.Active, 4 * Mebibyte), ((await world.FindAsync(image)).Status, await UsedAsync(world, UsageKind.StoredBytes)));
        Assert.Equal(ImageError.TooLarge, await ImageWorld.RefusalAsync(world.UploadAsync(await world.CreateAsync(), data[..(Mebibyte + 1)])));
    }

    private static Task<ImageWorld> OpenAsync(ProjectLimits limits, ImageOptions? options = null, params IReadOnlyList<string> plugins) => ImageWorld.OpenAsync(
        options,
        limits: new ConfiguredLimits(limits, new Dictionary<string, ProjectLimits>()),
        import: new ImportOptions
        {
            Outbound = new OutboundRules { AllowedNetworks = [IPNetwork.Parse("127.0.0.1/32")], Urls = new UrlRules { AllowedPorts = [] } },
            Plugins = plugins,
            Decompression = new DecompressionOptions { MaxRatio = 2000 },
        });

    private static Task<long> UsedAsync(ImageWorld world, UsageKind kind) => world.Registry.SumUsageAsync("p-owner", kind, Token);

    private static async Task NothingIsLeftAsync(ImageWorld world)
    {
        await world.NothingStagedAsync();
        Assert.Empty(world.Files);
        Assert.Empty(world.FilesOf("deep"));
        foreach (var kind in new[] { UsageKind.StagedBytes, UsageKind.StoredBytes, UsageKind.Transfers })
        {
            Assert.Equal(0, await UsedAsync(world, kind));
        }
    }

    /// <summary>A web server on loopback that answers everything with the same bytes, telling their number or not.</summary>
    private sealed class PlainWeb : IAsyncDisposable
    {
        private readonly System.Net.Sockets.TcpListener listener = new(IPAddress.Loopback, 0);
        private readonly CancellationTokenSource stopping = new();
        private readonly Task serving;

        public PlainWeb(byte[] body, bool tellsLength)
        {
            listener.Start();
            serving = ServeAsync(body, tellsLength);
        }

        public string Request => $$$"""{"method":{"name":"web-download","uri":"http://127.0.0.1:{{{((IPEndPoint)listener.LocalEndpoint).Port}}}/x"}}""";

        public async ValueTask DisposeAsync()
        {
            await stopping.CancelAsync();
            await serving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            listener.Stop();
            stopping.Dispose();
        }

        private async Task ServeAsync(byte[] body, bool tellsLength)
        {
            while (true)
            {
                using var client = await listener.AcceptTcpClientAsync(stopping.Token);
                try
                {
                    var stream = client.GetStream();
                    var head = "";
                    var buffer = new byte[1024];
                    while (!head.Contains("\r\n\r\n", StringComparison.Ordinal) && await stream.ReadAsync(buffer, stopping.Token) is var count and > 0)
                    {
                        head += System.Text.Encoding.ASCII.GetString(buffer, 0, count);
                    }

                    await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\n{(tellsLength ? $"Content-Length: {body.Length}\r\n" : "")}Connection: close\r\n\r\n"), stopping.Token);
                    await stream.WriteAsync(body, stopping.Token);
                }
                catch (IOException)
                {
                    // The gateway has had enough.
                }
            }
        }
    }
}
