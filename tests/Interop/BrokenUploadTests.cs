using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>A client that breaks off leaves a queued image and nothing else, and may try again.</summary>
public sealed class BrokenUploadTests
{
    private static readonly TimeSpan limit = TimeSpan.FromSeconds(10);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Curl_is_killed(bool chunked)
    {
        Requires.Programs("curl");
        await using var site = await Site.StartedAsync();
        await using (var file = File.Create(site["disk.raw"]))
        {
            using var content = new PatternContent(64 << 20);
            await content.CopyToAsync(file, TestContext.Current.CancellationToken);
        }

        var id = await site.Images.CreateAsync("half");
        string[] chunks = chunked ? ["-H", "Transfer-Encoding: chunked"] : [];
        using var curl = Process.Start(new ProcessStartInfo(
            "curl",
            ["-s", "--limit-rate", "4M", "-H", "Content-Type: application/octet-stream", .. chunks, "-T", site["disk.raw"], $"{site.Url}/v2/images/{id}/file"]))!;
        try
        {
            await HalfwayAsync(site, id);
        }
        finally
        {
            curl.Kill();
            await curl.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        await NothingIsLeftAsync(site, id);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task A_socket_is_closed_in_the_middle(bool chunked, bool reset)
    {
        await using var site = await Site.StartedAsync();
        var id = await site.Images.CreateAsync("half");
        using (var client = new TcpClient())
        {
            await client.ConnectAsync(site.Gateway.Address.Host, site.Gateway.Address.Port, TestContext.Current.CancellationToken);
            var body = chunked ? "Transfer-Encoding: chunked\r\n\r\n800000\r\n" : "Content-Length: 8388608\r\n\r\n";
            var stream = client.GetStream();
            await stream.WriteAsync(
                Encoding.ASCII.GetBytes($"PUT /v2/images/{id}/file HTTP/1.1\r\nHost: here\r\nContent-Type: application/octet-stream\r\n{body}"), TestContext.Current.CancellationToken);
            for (var sent = 0; sent < 4; sent++)
            {
                await stream.WriteAsync(PatternContent.Start(1 << 20), TestContext.Current.CancellationToken);
            }

            await HalfwayAsync(site, id);
            // With a reset the server's next read fails; without, the body just ends too early.
            client.LingerState = new LingerOption(reset, 0);
        }

        await NothingIsLeftAsync(site, id);
    }

    private static async Task HalfwayAsync(Site site, string id)
    {
        await Eventually.TrueAsync("a part of the upload is stored", limit, () => site.StoredFiles.Any(file => new FileInfo(file).Length > 1 << 20));
        Assert.Equal("saving", await site.Images.StateAsync(id));
    }

    private static async Task NothingIsLeftAsync(Site site, string id)
    {
        await Eventually.TrueAsync("the image is queued again", limit, async () => await site.Images.StateAsync(id) == "queued");
        await site.HoldsOnlyAsync();
        var image = await site.Images.ShowAsync(id);
        Assert.Equal(System.Text.Json.JsonValueKind.Null, image.GetProperty("size").ValueKind);
        Assert.False(image.TryGetProperty("stores", out _));
        Assert.Equal(HttpStatusCode.NoContent, await site.Images.StatusAsync(HttpMethod.Get, $"v2/images/{id}/file"));

        Assert.Equal(HttpStatusCode.NoContent, await site.Images.UploadAsync(id, new PatternContent(3 << 20)));
        Assert.Equal((3 << 20, PatternContent.Md5(3 << 20)), await site.Images.DownloadAsync(id));
        await site.HoldsOnlyAsync(id);
    }
}
