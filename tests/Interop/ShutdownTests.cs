using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>The end of a gateway: asked for, with and without work, and not asked for.</summary>
public sealed class ShutdownTests
{
    private const long Size = 64 << 20;

    [Fact]
    public async Task Transfers_end_well_nothing_new_begins_and_the_mount_goes()
    {
        await using var site = await Site.StartedAsync(mounted: true);
        var whole = await site.Images.CreateAsync("whole", new PatternContent(Size));
        var half = await site.Images.CreateAsync("half");
        var asked = new TaskCompletionSource();
        using var download = await site.Images.SendAsync(HttpMethod.Get, $"v2/images/{whole}/file");
        var upload = site.Images.UploadAsync(half, new PatternContent(Size, lengthKnown: true, sent => sent < Size / 2 ? Task.CompletedTask : asked.Task));
        await Eventually.TrueAsync("the upload runs", TimeSpan.FromSeconds(10), () => site.StoredFiles.Length > 1);

        var ending = site.Gateway.TerminateAsync();
        await Eventually.TrueAsync("new connections are refused", TimeSpan.FromSeconds(10), () => IsRefusedAsync(site.Gateway.Address));
        Assert.False(ending.IsCompleted);
        asked.SetResult();
        await using var body = await download.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);

        Assert.Equal((Size, PatternContent.Md5(Size)), await ImagesClient.HashAsync(body));
        Assert.Equal(HttpStatusCode.NoContent, await upload);
        Assert.Equal(0, await ending);
        Assert.False(site.IsMounted);
        Assert.Empty(Directory.GetFileSystemEntries(site.Mount));
        await site.StartAsync();
        Assert.Equal((Size, PatternContent.Md5(Size)), await site.Images.DownloadAsync(half));
    }

    [Fact]
    public async Task A_busy_mount_does_not_keep_it()
    {
        await using var site = await Site.StartedAsync(mounted: true);
        var id = await site.Images.CreateAsync("busy", new PatternContent(Size));
        using var holder = Process.Start(new ProcessStartInfo("tail", ["-c", "1", "-f", site.FileOf(id)]) { UseShellExecute = false, RedirectStandardOutput = true })!;
        try
        {
            var byteOfIt = new char[1];
            Assert.Equal(1, await holder.StandardOutput.ReadAsync(byteOfIt, TestContext.Current.CancellationToken));

            var begun = Stopwatch.GetTimestamp();
            var code = await site.Gateway.TerminateAsync(TimeSpan.FromSeconds(40));

            Assert.Equal(0, code);
            Assert.InRange(Stopwatch.GetElapsedTime(begun), TimeSpan.Zero, TimeSpan.FromSeconds(20));
            Assert.False(site.IsMounted);
            Assert.False(holder.HasExited);
        }
        finally
        {
            holder.Kill();
            await holder.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task A_mount_whose_gateway_was_killed_is_healed()
    {
        await using var site = await Site.StartedAsync(mounted: true);
        var id = await site.Images.CreateAsync("back again", new PatternContent(Size));
        Assert.True(File.Exists(site.FileOf(id)));

        await site.Gateway.KillAsync();
        Assert.True(site.IsMounted, "the kernel keeps the mount of a dead server; without it nothing is tested");
        Assert.NotEqual(0, (await Command.RunAsync("ls", [site.Mount])).ExitCode);
        await site.StartAsync();

        var sum = (await Command.RunAsync("md5sum", [site.FileOf(id)])).Succeeded().Output;
        Assert.StartsWith(PatternContent.Md5(Size), sum, StringComparison.Ordinal);
        Assert.Single(File.ReadLines("/proc/self/mounts"), line => line.Split(' ')[1] == site.Mount);
    }

    private static async Task<bool> IsRefusedAsync(Uri address)
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(address.Host, address.Port, TestContext.Current.CancellationToken);
            return false;
        }
        catch (SocketException fault) when (fault.SocketErrorCode == SocketError.ConnectionRefused)
        {
            return true;
        }
    }
}
