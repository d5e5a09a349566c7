using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>The same image in a store of every driver: what went in comes out, whole, in parts, and through the mount.</summary>
public sealed class EveryStoreTests
{
    private const int MiB = 1 << 20;

    // Data that is nowhere zero, a hole that begins and ends within a block, data, and a hole to an end that is no multiple of anything.
    private static readonly byte[] image = Make((Requires.FullCounts ? 512 : 48) * MiB + 511);

    public static TheoryData<string> Drivers => [.. Writing, "http"];

    public static TheoryData<string> WritingDrivers => [.. Writing];

    private static string[] Writing { get; } = ["filesystem", "memory", "sftp", "s3", "swift", "rbd", "sheepdog", "gridfs"];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Drivers))]
    public async Task Image_comes_back_equal_whole_in_ranges_and_through_the_mount(string store)
    {
        var everything = await EveryStore.GetAsync();
        var (site, images) = (everything.Site, everything.Site.Images);
        var id = await images.CreateAsync($"in {store}");
        if (store == "http")
        {
            var url = await everything.PublishAsync(id, image);
            var proof = new { os_hash_algo = "sha512", os_hash_value = Convert.ToHexStringLower(SHA512.HashData(image)) };
            Assert.Equal(HttpStatusCode.Accepted, await images.StatusAsync(HttpMethod.Post, $"v2/images/{id}/locations", new { url, validation_data = proof }));
            await Eventually.TrueAsync("the image is active", TimeSpan.FromMinutes(1), async () => await images.StateAsync(id) == "active");
        }
        else
        {
            Assert.Equal(HttpStatusCode.NoContent, await images.UploadAsync(id, new ByteArrayContent(image), store));
        }

        var shown = await images.ShowAsync(id);
        Assert.Equal((store, (long)image.Length), (shown.GetProperty("stores").GetString(), shown.GetProperty("size").GetInt64()));
        Assert.Equal(Convert.ToHexStringLower(SHA512.HashData(image)), shown.GetProperty("os_hash_value").GetString());
        await RangesAreEqualAsync(images, id);
        Assert.Equal((image.Length, Convert.ToHexStringLower(MD5.HashData(image))), await WholeAsync(images, id));
        await FileIsEqualAsync(site, id);
        Assert.Equal(HttpStatusCode.NoContent, await images.StatusAsync(HttpMethod.Delete, $"v2/images/{id}"));
        Assert.Equal(HttpStatusCode.NotFound, await images.StatusAsync(HttpMethod.Get, $"v2/images/{id}/file"));
    }

    [Theory]
    [MemberData(nameof(WritingDrivers))]
    public async Task Image_of_unknown_length_comes_back_equal(string store)
    {
        const int Size = (9 * MiB) + 3;
        var images = (await EveryStore.GetAsync()).Site.Images;
        var id = await images.CreateAsync($"streamed to {store}");

        Assert.Equal(HttpStatusCode.NoContent, await images.UploadAsync(id, new PatternContent(Size, lengthKnown: false), store));

        Assert.Equal((Size, PatternContent.Md5(Size)), await images.DownloadAsync(id));
        Assert.Equal(HttpStatusCode.NoContent, await images.StatusAsync(HttpMethod.Delete, $"v2/images/{id}"));
    }

    [Fact]
    public async Task Image_is_copied_to_every_store_and_deleted_from_all()
    {
        const int Size = (5 * MiB) + 1;
        var images = (await EveryStore.GetAsync()).Site.Images;
        var id = await images.CreateAsync("everywhere");
        Assert.Equal(HttpStatusCode.NoContent, await images.UploadAsync(id, new PatternContent(Size), "filesystem"));

        Assert.Equal(HttpStatusCode.Accepted, await images.StatusAsync(
            HttpMethod.Post, $"v2/images/{id}/import", new { method = new { name = "copy-image" }, stores = Writing.Except(["filesystem"]).ToArray() }));

        await Eventually.TrueAsync("the image is in every store", TimeSpan.FromMinutes(2), async () =>
            (await images.ShowAsync(id)).GetProperty("stores").GetString()!.Split(',').ToHashSet().SetEquals(Writing));
        Assert.Equal((Size, PatternContent.Md5(Size)), await images.DownloadAsync(id));
        Assert.Equal(HttpStatusCode.NoContent, await images.StatusAsync(HttpMethod.Delete, $"v2/images/{id}"));
    }

    private static async Task<(int Size, string Md5)> WholeAsync(ImagesClient images, string id)
    {
        using var answer = await images.SendAsync(HttpMethod.Get, $"v2/images/{id}/file");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        await using var body = await answer.Content.ReadAsStreamAsync(Token);
        var (size, md5) = await ImagesClient.HashAsync(body);
        return ((int)size, md5);
    }

    private static async Task RangesAreEqualAsync(ImagesClient images, string id) =>
        await Parallel.ForEachAsync(Ranges(), new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = Token }, async (range, token) =>
        {
            using var answer = await images.SendRangeAsync($"v2/images/{id}/file", new RangeHeaderValue(range.From, range.From + range.Count - 1));
            Assert.Equal(HttpStatusCode.PartialContent, answer.StatusCode);
            var bytes = await answer.Content.ReadAsByteArrayAsync(token);
            Assert.True(image.AsSpan(range.From, range.Count).SequenceEqual(bytes), $"bytes {range.From}+{range.Count} differ");
        });

    private static async Task FileIsEqualAsync(Site site, string id)
    {
        await Eventually.TrueAsync("the image is in the mount", TimeSpan.FromSeconds(30), () => File.Exists(site.FileOf(id)));
        using var file = File.OpenHandle(site.FileOf(id));
        Assert.Equal(image.Length, RandomAccess.GetLength(file));
        var buffer = new byte[MiB];

        // Parts first: after the whole the kernel has everything.
        var whole = Enumerable.Range(0, (image.Length + MiB - 1) / MiB).Select(block => (From: block * MiB, Count: Math.Min(MiB, image.Length - (block * MiB))));
        foreach (var (from, count) in Ranges().Concat(whole))
        {
            for (var at = 0; at < count;)
            {
                var read = await RandomAccess.ReadAsync(file, buffer.AsMemory(at, count - at), from + at, Token);
                Assert.NotEqual(0, read);
                at += read;
            }

            Assert.True(image.AsSpan(from, count).SequenceEqual(buffer.AsSpan(0, count)), $"bytes {from}+{count} of the mounted file differ");
        }
    }

    // The ends, the borders of the holes, and others.
    private static IEnumerable<(int From, int Count)> Ranges()
    {
        var random = new Random(27);
        yield return (0, 1);
        yield return (image.Length - 1, 1);
        yield return (image.Length - 600, 600);
        yield return (FirstHole(image.Length).From - 100, 200);
        yield return (FirstHole(image.Length).To - 4096, 8192);
        for (var i = 0; i < 20; i++)
        {
            var count = random.Next(1, MiB);
            yield return (random.Next(0, image.Length - count), count);
        }
    }

    private static (int From, int To) FirstHole(int length) => ((length / 6) + 12_345, (length / 2) + 777);

    private static byte[] Make(int length)
    {
        var bytes = new byte[length];
        new Random(20261122).NextBytes(bytes);
        var (from, to) = FirstHole(length);
        bytes.AsSpan(from..to).Clear();
        bytes.AsSpan(length - (length / 8)).Clear();
        return bytes;
    }
}
