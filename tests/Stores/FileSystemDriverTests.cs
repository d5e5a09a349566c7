using System.Diagnostics;
using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.FileSystem;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests;

public sealed class FileSystemDriverTests : IAsyncDisposable
{
    private readonly TempDirectory root = new();
    private IStorageDriver? driver;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Images => root["images"];

    public async ValueTask DisposeAsync()
    {
        if (driver is not null)
            await driver.DisposeAsync();
        root.Dispose();
    }

    [Fact]
    public async Task Directory_is_made_and_probes_leave_nothing()
    {
        await OpenAsync(root["deep/images"]);

        var mode = File.GetUnixFileMode(root["deep/images"]);
        Assert.Equal(UnixFileMode.None, mode & (UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute | UnixFileMode.GroupWrite));
        Assert.Empty(Directory.EnumerateFileSystemEntries(root["deep/images"]));
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/srv/images?x")]
    [InlineData("/srv/images#x")]
    [InlineData("/proc/images")]
    [InlineData("/dev/null")]
    public async Task Directory_that_cannot_serve_is_refused_with_its_name(string directory)
    {
        var wrong = await Assert.ThrowsAsync<StoreException>(() => OpenAsync(directory));

        Assert.Equal(StoreError.Misconfigured, wrong.Error);
        Assert.StartsWith("directory ", wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_on_disk_follow_the_protocol()
    {
        await OpenAsync(Images);
        var attempt = NewAttempt();
        var part = $".glance-{attempt.ImageId}-{attempt.AttemptId}.part";

        var writer = await BeginAsync(attempt);
        Assert.Equal([part], Names());
        await writer.WriteAsync(new byte[100], Cancel);
        var stored = (await writer.CommitAsync(Cancel)).Value!;
        Assert.Equal([part, attempt.ImageId], Names());
        await writer.DisposeAsync();
        Assert.Equal([part, attempt.ImageId], Names());
        await driver!.SettleAsync(attempt, keepCommitted: true, Cancel);
        Assert.Equal([attempt.ImageId], Names());
        Assert.Equal($"file://{Images}/{attempt.ImageId}", stored.Location);
        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(Path.Combine(Images, attempt.ImageId)) & (UnixFileMode.OtherRead | UnixFileMode.GroupWrite));
    }

    [Fact]
    public async Task Settle_spares_a_foreign_file_under_the_images_name()
    {
        await OpenAsync(Images);
        var attempt = NewAttempt();
        var writer = await BeginAsync(attempt);
        var path = Path.Combine(Images, attempt.ImageId);
        await File.WriteAllTextAsync(path, "somebody else's", Cancel);

        Assert.Equal(StoreOutcome.Duplicate, (await writer.CommitAsync(Cancel)).Outcome);
        await driver!.SettleAsync(attempt, keepCommitted: false, Cancel);
        await writer.DisposeAsync();

        Assert.Equal("somebody else's", await File.ReadAllTextAsync(path, Cancel));
        Assert.Equal([attempt.ImageId], Names());
    }

    [Fact]
    public async Task Residue_is_parsed_to_the_letter()
    {
        await OpenAsync(Images);
        var attempt = NewAttempt();
        string[] others =
        [
            ".glance-x.part", $".glance-{attempt.ImageId}-{attempt.AttemptId}.part~", $".glance-{attempt.ImageId}-{attempt.AttemptId.ToUpperInvariant()}A.part",
            $".glance-{attempt.ImageId}-{attempt.AttemptId[..31]}G.part", $".glance-{attempt.ImageId}_{attempt.AttemptId}.part", ".glance-probe-abc",
        ];
        foreach (var name in others)
            await File.WriteAllTextAsync(Path.Combine(Images, name), "", Cancel);
        Directory.CreateDirectory(Path.Combine(Images, $".glance-{NewAttempt().ImageId}-{attempt.AttemptId}.part"));
        var writer = await BeginAsync(attempt);
        await writer.WriteAsync(new byte[8192], Cancel);

        var residue = new List<Residue>();
        await foreach (var left in driver!.ListResidueAsync(Cancel))
            residue.Add(left);

        var only = Assert.Single(residue);
        Assert.Equal(attempt, only.Attempt);
        Assert.Equal(Path.Combine(Images, $".glance-{attempt.ImageId}-{attempt.AttemptId}.part"), only.Name);
        Assert.InRange(DateTimeOffset.UtcNow - only.ModifiedAt!.Value, TimeSpan.FromMinutes(-1), TimeSpan.FromMinutes(1));
        await writer.DisposeAsync();
        Assert.All(others, name => Assert.True(File.Exists(Path.Combine(Images, name))));
    }

    [Theory]
    [InlineData("../" + "../etc/passwd", "00112233445566778899aabbccddeeff")]
    [InlineData("0b7ae7d2-7d2c-4b8f-9f5e-3a2d5c1e8f10", "../../../../etc/cron.d/x/aabbccdde")]
    [InlineData("0b7ae7d2-7d2c-4b8f-9f5e-3a2d5c1e8f10", "00112233445566778899AABBCCDDEEFF")]
    public async Task Malformed_ids_never_reach_the_directory(string imageId, string attemptId)
    {
        await OpenAsync(Images);
        var attempt = new WriteAttempt(imageId, attemptId);

        await Assert.ThrowsAsync<ArgumentException>(async () => await driver!.BeginWriteAsync(new WriteRequest(attempt, null, null), Cancel));
        await Assert.ThrowsAsync<ArgumentException>(async () => await driver!.SettleAsync(attempt, keepCommitted: false, Cancel));
        Assert.Empty(Names());
    }

    [Fact]
    public async Task Links_directories_and_pipes_are_not_images()
    {
        await OpenAsync(Images);
        await File.WriteAllTextAsync(root["outside"], "secret", Cancel);
        File.CreateSymbolicLink(Path.Combine(Images, "link"), root["outside"]);
        Directory.CreateDirectory(Path.Combine(Images, "folder"));
        using (var mkfifo = Process.Start("mkfifo", [Path.Combine(Images, "pipe")]))
            await mkfifo.WaitForExitAsync(Cancel);

        foreach (var name in (string[])["link", "folder", "pipe"])
        {
            var open = await Assert.ThrowsAsync<StoreException>(async () => await driver!.OpenAsync($"file://{Images}/{name}", Cancel));
            Assert.Equal(StoreError.InvalidLocation, open.Error);
            var delete = await Assert.ThrowsAsync<StoreException>(async () => await driver!.DeleteAsync($"file://{Images}/{name}", Cancel));
            Assert.Equal(StoreError.InvalidLocation, delete.Error);
        }

        Assert.Equal("secret", await File.ReadAllTextAsync(root["outside"], Cancel));
    }

    [Theory]
    [InlineData("file")]
    [InlineData("filesystem")]
    public async Task Images_of_an_older_deployment_are_read_in_place(string scheme)
    {
        await OpenAsync(Images);
        await File.WriteAllTextAsync(Path.Combine(Images, "Fedora 12 (old)%20"), "bytes", Cancel);

        var open = await driver!.OpenAsync($"{scheme}://{Images}/Fedora 12 (old)%20", Cancel);

        await using var source = open.Value!;
        Assert.Equal(5, source.Length);
    }

    [Fact]
    public async Task Zeros_occupy_nothing_and_are_known_as_holes()
    {
        await OpenAsync(Images);
        var attempt = NewAttempt();
        await using var writer = await BeginAsync(attempt);
        await writer.WriteAsync(new byte[1 << 20], Cancel);
        await writer.WriteZerosAsync(64 << 20, Cancel);
        var stored = (await writer.CommitAsync(Cancel)).Value!;

        var residue = new List<Residue>();
        await foreach (var left in driver!.ListResidueAsync(Cancel))
            residue.Add(left);
        Assert.InRange(Assert.Single(residue).Size!.Value, 1 << 20, 2 << 20);
        await using var source = (await driver!.OpenAsync(stored.Location, Cancel)).Value!;
        Assert.Equal(new Extent(0, 1 << 20, false), await ((IExtentMap)source).GetExtentAsync(0, Cancel));
        Assert.Equal(new Extent(2 << 20, 63 << 20, true), await ((IExtentMap)source).GetExtentAsync(2 << 20, Cancel));
    }

    [Fact]
    public async Task File_that_is_written_to_while_open_is_changed_not_read()
    {
        await OpenAsync(Images);
        var path = Path.Combine(Images, "image");
        await File.WriteAllTextAsync(path, "the original bytes", Cancel);
        await using var source = (await driver!.OpenAsync($"file://{path}", Cancel)).Value!;
        Assert.Equal(18, await source.ReadAsync(0, new byte[100], Cancel));

        await File.WriteAllTextAsync(path, "others", Cancel);

        Assert.Equal(StoreError.Changed, (await Assert.ThrowsAsync<StoreException>(async () => await source.ReadAsync(0, new byte[6], Cancel))).Error);
        Assert.Equal(StoreError.Changed, (await Assert.ThrowsAsync<StoreException>(async () => await source.OpenRangeAsync(0, null, Cancel))).Error);
    }

    [Fact]
    public async Task Image_larger_than_the_disk_is_full_at_once()
    {
        await OpenAsync(Images);

        var begin = await driver!.BeginWriteAsync(new WriteRequest(NewAttempt(), 1L << 60, null), Cancel);

        Assert.Equal(StoreOutcome.Full, begin.Outcome);
        Assert.Empty(Names());
    }

    [Fact]
    public async Task Disk_that_fills_up_in_the_middle_is_full_and_clean_afterwards()
    {
        Directory.CreateDirectory(Images);
        if (!await RunAsync("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", Images))
            Assert.Skip("A small filesystem cannot be mounted here.");
        try
        {
            await OpenAsync(Images);
            var writer = await BeginAsync(NewAttempt());
            var outcome = StoreOutcome.Ok;
            for (var i = 0; i < 64 && outcome == StoreOutcome.Ok; i++)
                outcome = await writer.WriteAsync(new byte[65_536], Cancel);

            Assert.Equal(StoreOutcome.Full, outcome);
            await writer.DisposeAsync();
            Assert.Empty(Names());
            await driver!.DisposeAsync();
        }
        finally
        {
            await RunAsync("umount", Images);
        }
    }

    [Fact]
    public async Task Forbidden_directory_is_denied_and_loses_nothing()
    {
        if (Environment.UserName == "root")
        {
            await OpenAsync(Images);
            await File.WriteAllTextAsync(Path.Combine(Images, "image"), "bytes", Cancel);
            if (!await RunAsync("chattr", "+i", Path.Combine(Images, "image")))
                Assert.Skip("Root is denied nothing here.");
            try
            {
                Assert.Equal(StoreOutcome.Denied, await driver!.DeleteAsync($"file://{Images}/image", Cancel));
            }
            finally
            {
                await RunAsync("chattr", "-i", Path.Combine(Images, "image"));
            }

            Assert.Equal(["image"], Names());
            return;
        }

        await OpenAsync(Images);
        await File.WriteAllTextAsync(Path.Combine(Images, "image"), "bytes", Cancel);
        File.SetUnixFileMode(Images, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        Assert.Equal(StoreOutcome.Denied, await driver!.DeleteAsync($"file://{Images}/image", Cancel));
        Assert.Equal(StoreOutcome.Denied, (await driver!.BeginWriteAsync(new WriteRequest(NewAttempt(), null, null), Cancel)).Outcome);
        File.SetUnixFileMode(Images, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Assert.Equal(["image"], Names());
    }

    private static WriteAttempt NewAttempt() => new(Guid.NewGuid().ToString("D"), Guid.NewGuid().ToString("N"));

    private static async Task<bool> RunAsync(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, UseShellExecute = false })!;
            await process.WaitForExitAsync(CancellationToken.None);
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    private async Task OpenAsync(string directory)
    {
        var factory = new FileSystemDriverFactory();
        driver = await factory.CreateAsync(
            OptionReader.Read(factory.Options, new Dictionary<string, object?> { ["directory"] = directory }),
            new StoreContext("tested", root.Path, TimeProvider.System, Quiet.Logger),
            Cancel);
    }

    private async Task<IStoreWriter> BeginAsync(WriteAttempt attempt) =>
        (await driver!.BeginWriteAsync(new WriteRequest(attempt, null, null), Cancel)).Value!;

    private List<string> Names() => [.. Directory.EnumerateFileSystemEntries(Images).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
}
