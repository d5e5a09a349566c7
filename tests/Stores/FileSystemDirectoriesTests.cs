using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.FileSystem;
using GlanceGateway.Stores.Tests.Live;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests;

/// <summary>Stores over several directories, and on filesystems that are small, full, forbidden or gone.</summary>
public sealed class FileSystemDirectoriesTests : IAsyncDisposable
{
    private readonly TempDirectory _root = new();
    private readonly RecordedLog _log = new();
    private readonly ManualTime _time = new();
    private readonly List<IAsyncDisposable> _opened = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        foreach (var one in Enumerable.Reverse(_opened))
            await one.DisposeAsync();
        _log.Dispose();
        _root.Dispose();
    }

    [Theory]
    [InlineData("directory is required", "thin_provisioning", "true")]
    [InlineData("exclude each other", "directory", "/srv/a", "directories", "/srv/b")]
    [InlineData("names no directory", "directories", " , ")]
    [InlineData("not an absolute path", "directories", "srv/a:5")]
    [InlineData("does not end in a whole number", "directories", "/srv/a:high")]
    [InlineData("named twice", "directories", "/srv/a:1,/srv/a/:2")]
    [InlineData("root of the filesystem", "directories", "/:1")]
    [InlineData("chunk_size must be", "directory", "/srv/a", "chunk_size", "0")]
    [InlineData("local_files is 'maybe'", "directory", "/srv/a", "local_files", "maybe")]
    [InlineData("file_permissions is '648'", "directory", "/srv/a", "file_permissions", "648")]
    [InlineData("file_permissions is '1777'", "directory", "/srv/a", "file_permissions", "1777")]
    [InlineData("could not read its own", "directory", "/srv/a", "file_permissions", "044")]
    [InlineData("metadata_file '/nonexistent'", "directory", "/srv/a", "metadata_file", "/nonexistent")]
    public async Task Options_that_cannot_work_are_refused(string saying, params string[] options)
    {
        var wrong = await Assert.ThrowsAsync<StoreException>(() => OpenAsync([.. options.Chunk(2).Select(pair => (pair[0], pair[1]))]));

        Assert.Equal(StoreError.Misconfigured, wrong.Error);
        Assert.Contains(saying, wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_directory_under_two_names_is_refused()
    {
        Directory.CreateDirectory(_root["a"]);
        File.CreateSymbolicLink(_root["b"], _root["a"]);

        var wrong = await Assert.ThrowsAsync<StoreException>(() => OpenAsync(("directories", $"{_root["a"]},{_root["b"]}")));

        Assert.Contains($"'{_root["b"]}' is the same directory as '{_root["a"]}'", wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Priority_comes_first_then_room_and_a_full_directory_is_passed_over()
    {
        var first = await DiskAsync("first", 2);
        var wide = await DiskAsync("wide", 8);
        await DiskAsync("narrow", 6);
        var last = await DiskAsync("last", 16);
        var driver = await OpenAsync(("directories", $"{last.Path}:-5, {_root["narrow"]}, {wide.Path}, {first.Path}:10"));

        Assert.StartsWith($"file://{first.Path}/", await StoreAsync(driver, 1), StringComparison.Ordinal);
        Assert.StartsWith($"file://{wide.Path}/", await StoreAsync(driver, 3), StringComparison.Ordinal);
        Assert.StartsWith($"file://{_root["narrow"]}/", await StoreAsync(driver, 3), StringComparison.Ordinal);
        Assert.StartsWith($"file://{wide.Path}/", await StoreAsync(driver, 4), StringComparison.Ordinal);
        Assert.StartsWith($"file://{last.Path}/", await StoreAsync(driver, 12), StringComparison.Ordinal);
        var refused = await driver.BeginWriteAsync(new WriteRequest(NewAttempt(), 12 << 20, null), Cancel);
        Assert.Equal(StoreOutcome.Full, refused.Outcome);
        Assert.Contains($"'{last.Path}' has ", refused.Detail, StringComparison.Ordinal);

        await first.FillAsync("ballast", 1);
        Assert.StartsWith($"file://{_root["narrow"]}/", await StoreAsync(driver, 1, declare: false), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Directory_without_room_for_another_file_is_passed_over()
    {
        Requires.Need(Environment.IsPrivilegedProcess, "mounting takes root");
        var crowded = await DiskAsync("crowded", 4);
        (await Command.RunAsync("mount", ["-o", "remount,nr_inodes=2", crowded.Path])).Succeeded();
        await File.WriteAllTextAsync(Path.Combine(crowded.Path, "image"), "bytes", Cancel);
        var driver = await OpenAsync(("directories", $"{crowded.Path}:1,{_root["other"]}"));

        Assert.StartsWith($"file://{_root["other"]}/", await StoreAsync(driver, 1), StringComparison.Ordinal);
        Assert.Contains(_log.Lines, line => line.Contains($"directory '{crowded.Path}' takes no new images: it is full", StringComparison.Ordinal));
        await using var source = (await driver.OpenAsync($"file://{crowded.Path}/image", Cancel)).Value!;
        Assert.Equal(5, source.Length);
    }

    [Fact]
    public async Task Image_is_in_one_directory_only()
    {
        var wide = await DiskAsync("wide", 8);
        await DiskAsync("narrow", 6);
        var driver = await OpenAsync(("directories", $"{wide.Path},{_root["narrow"]}"));
        var (winner, loser) = (NewAttempt(), NewAttempt());
        loser = loser with { ImageId = winner.ImageId };
        await using var winning = await BeginAsync(driver, winner, null);
        await wide.FillAsync("ballast", 5);
        await using (var losing = await BeginAsync(driver, loser, null))
        {
            Assert.Equal(2, (await ResidueAsync(driver)).Select(residue => Path.GetDirectoryName(residue.Name)).Distinct().Count());
            Assert.Equal(StoreOutcome.Ok, (await winning.CommitAsync(Cancel)).Outcome);

            Assert.Equal(StoreOutcome.Duplicate, (await losing.CommitAsync(Cancel)).Outcome);
        }

        Assert.Empty(Directory.EnumerateFileSystemEntries(_root["narrow"]));
        Assert.Equal(StoreOutcome.Duplicate, (await driver.BeginWriteAsync(new WriteRequest(loser, null, null), Cancel)).Outcome);
        await driver.SettleAsync(winner, keepCommitted: true, Cancel);
        Assert.True(File.Exists(Path.Combine(wide.Path, winner.ImageId)));
    }

    [Fact]
    public async Task Residue_of_every_directory_is_listed_and_settled()
    {
        var attempts = new[] { NewAttempt(), NewAttempt() };
        var directories = new[] { _root["a"], _root["b"] };
        foreach (var (directory, attempt) in directories.Zip(attempts))
        {
            Directory.CreateDirectory(directory);
            await File.WriteAllTextAsync(Path.Combine(directory, $".glance-{attempt.ImageId}-{attempt.AttemptId}.part"), "unfinished", Cancel);
        }

        var driver = await OpenAsync(("directories", string.Join(',', directories)));

        Assert.Equal(attempts.ToHashSet(), (await ResidueAsync(driver)).Select(residue => residue.Attempt).ToHashSet());
        foreach (var attempt in attempts)
            await driver.SettleAsync(attempt, keepCommitted: false, Cancel);
        Assert.Empty(await ResidueAsync(driver));
        Assert.All(directories, directory => Assert.Empty(Directory.EnumerateFileSystemEntries(directory)));
    }

    [Fact]
    public async Task Directory_that_is_gone_is_missed_and_serves_when_it_is_back()
    {
        await File.WriteAllTextAsync(_root["disk"], "in the way", Cancel);
        var (gone, there) = (_root["disk/images"], _root["there"]);
        var driver = await OpenAsync(("directories", $"{gone}:1\n{there}"));

        Assert.Contains(_log.Lines, line => line.StartsWith("Error: ", StringComparison.Ordinal) && line.Contains($"directory '{gone}' cannot be made", StringComparison.Ordinal));
        Assert.StartsWith($"file://{there}/", await StoreAsync(driver, 1), StringComparison.Ordinal);
        // Not absent: what is absent counts as deleted.
        foreach (var act in (Func<Task>[])
            [
                async () => await driver.OpenAsync($"file://{gone}/image", Cancel),
                async () => await driver.DeleteAsync($"file://{gone}/image", Cancel),
                async () => await driver.SettleAsync(NewAttempt(), keepCommitted: false, Cancel),
                async () => await ResidueAsync(driver),
            ])
        {
            Assert.Equal(StoreError.Unavailable, (await Assert.ThrowsAsync<StoreException>(act)).Error);
        }

        Assert.True((await ((IStoreCapacity)driver).GetCapacityAsync(Cancel)).Free > 0);
        File.Delete(_root["disk"]);
        Directory.CreateDirectory(gone);
        await File.WriteAllTextAsync(Path.Combine(gone, "image"), "back again", Cancel);
        _time.Advance(TimeSpan.FromMinutes(1));
        await using var source = (await driver.OpenAsync($"file://{gone}/image", Cancel)).Value!;
        Assert.Equal(10, source.Length);
        Assert.StartsWith($"file://{gone}/", await StoreAsync(driver, 1), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_only_directory_is_served_and_the_others_are_written()
    {
        var old = await DiskAsync("old", 64);
        await File.WriteAllTextAsync(Path.Combine(old.Path, "image"), "bytes", Cancel);
        var current = await DiskAsync("current", 4);
        await old.MakeReadOnlyAsync();
        var driver = await OpenAsync(("directories", $"{old.Path}:1,{current.Path}"));

        Assert.Contains(_log.Lines, line => line.StartsWith("Warning: ", StringComparison.Ordinal) && line.Contains($"'{old.Path}' takes no new images", StringComparison.Ordinal));
        await using var source = (await driver.OpenAsync($"file://{old.Path}/image", Cancel)).Value!;
        Assert.Equal(5, source.Length);
        Assert.StartsWith($"file://{current.Path}/", await StoreAsync(driver, 1), StringComparison.Ordinal);
        Assert.Equal(StoreOutcome.Denied, await driver.DeleteAsync($"file://{old.Path}/image", Cancel));
        Assert.Equal(new StoreCapacity(68 << 20, 3 << 20), await ((IStoreCapacity)driver).GetCapacityAsync(Cancel));

        var alone = await OpenAsync(("directory", old.Path));
        Assert.Equal(StoreOutcome.Denied, (await alone.BeginWriteAsync(new WriteRequest(NewAttempt(), 1, null), Cancel)).Outcome);
    }

    [Fact]
    public async Task Room_of_a_filesystem_counts_once()
    {
        var disk = await DiskAsync("disk", 8);
        var driver = await OpenAsync(("directories", $"{disk.Path}/a,{disk.Path}/b"));

        Assert.Equal(new StoreCapacity(8 << 20, 8 << 20), await ((IStoreCapacity)driver).GetCapacityAsync(Cancel));
    }

    [Theory]
    [InlineData("666", UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite)]
    [InlineData("0400", UnixFileMode.UserRead)]
    public async Task Permissions_are_those_configured_whatever_the_umask(string permissions, UnixFileMode expected)
    {
        var driver = await OpenAsync(("directory", _root["images"]), ("file_permissions", permissions));

        var location = await StoreAsync(driver, 1);

        Assert.Equal(expected, File.GetUnixFileMode(location["file://".Length..]));
        var search = File.GetUnixFileMode(_root["images"]) & (UnixFileMode.UserExecute | UnixFileMode.OtherExecute);
        Assert.Equal(UnixFileMode.UserExecute | (expected.HasFlag(UnixFileMode.OtherRead) ? UnixFileMode.OtherExecute : UnixFileMode.None), search);
    }

    [Fact]
    public async Task Metadata_are_those_of_the_mount_point_that_holds_the_image()
    {
        await File.WriteAllTextAsync(
            _root["shares.json"],
            $$"""[{ "id": "near", "mountpoint": "{{_root["sha"]}}" }, { "id": "far", "mountpoint": "{{_root["share"]}}/", "type": "nfs", "port": 2049 }]""",
            Cancel);
        var driver = await OpenAsync(("directories", $"{_root["share"]}/images:1, {_root["elsewhere"]}"), ("metadata_file", _root["shares.json"]));
        await using var writer = await BeginAsync(driver, NewAttempt(), null);

        var stored = (await writer.CommitAsync(Cancel)).Value!;

        Assert.Equal(
            new Dictionary<string, string> { ["id"] = "far", ["mountpoint"] = _root["share"], ["type"] = "nfs", ["port"] = "2049" },
            stored.Metadata.ToDictionary(pair => pair.Key, pair => pair.Value));
    }

    [Theory]
    [InlineData("{", "is not JSON")]
    [InlineData("[1]", "holds something else than objects")]
    [InlineData("{ \"id\": \"x\" }", "lacks the text 'mountpoint'")]
    [InlineData("{ \"id\": 1, \"mountpoint\": \"/a\" }", "lacks the text 'id'")]
    [InlineData("{ \"id\": \"x\", \"mountpoint\": \"a\" }", "not an absolute path")]
    public async Task Metadata_file_that_says_nothing_is_refused(string json, string saying)
    {
        await File.WriteAllTextAsync(_root["shares.json"], json, Cancel);

        var wrong = await Assert.ThrowsAsync<StoreException>(() => OpenAsync(("directory", _root["images"]), ("metadata_file", _root["shares.json"])));

        Assert.Equal(StoreError.Misconfigured, wrong.Error);
        Assert.Contains(saying, wrong.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("true")]
    [InlineData("false")]
    public async Task Zeros_occupy_room_only_when_told(string thin)
    {
        var driver = await OpenAsync(("directory", (await DiskAsync("disk", 8)).Path), ("thin_provisioning", thin), ("chunk_size", "3MiB"));
        var attempt = NewAttempt();
        await using var writer = await BeginAsync(driver, attempt, null);
        await writer.WriteAsync(new byte[100], Cancel);

        Assert.Equal(StoreOutcome.Ok, await writer.WriteZerosAsync((2 << 20) + 1, Cancel));
        await writer.WriteAsync(new byte[] { 1 }, Cancel);
        var stored = (await writer.CommitAsync(Cancel)).Value!;

        Assert.Equal(4 << 20, writer.PreferredWriteSize);
        Assert.Equal(thin == "true", Assert.Single(await ResidueAsync(driver)).Size < 1 << 20);
        Assert.Equal((2 << 20) + 102, stored.Size);
        var bytes = await File.ReadAllBytesAsync(stored.Location["file://".Length..], Cancel);
        Assert.Equal((stored.Size, stored.Size - 1), (bytes.LongLength, bytes.AsSpan().IndexOf((byte)1)));
    }

    [Theory]
    [InlineData("auto", true)]
    [InlineData("always", true)]
    [InlineData("never", false)]
    public async Task Files_are_handed_out_on_a_local_filesystem_unless_told(string option, bool expected)
    {
        var driver = await OpenAsync(("directory", (await DiskAsync("disk", 2)).Path), ("local_files", option));
        var location = await StoreAsync(driver, 1);

        await using var source = (await driver.OpenAsync(location, Cancel)).Value!;

        Assert.Equal(expected, source is ILocalFile);
        Assert.Empty(_log.Lines);
    }

    [Theory]
    [InlineData("auto", false)]
    [InlineData("always", true)]
    public async Task Files_of_a_fuse_filesystem_are_not_handed_out_unless_told(string option, bool expected)
    {
        Requires.RootMount();
        Requires.Programs("bindfs");
        foreach (var name in (string[])["below", "mounted"])
            Directory.CreateDirectory(_root[name]);
        (await Command.RunAsync("bindfs", [_root["below"], _root["mounted"]])).Succeeded();
        try
        {
            var driver = await OpenAsync(("directory", _root["mounted"]), ("local_files", option));
            var location = await StoreAsync(driver, 1);
            await using var source = (await driver.OpenAsync(location, Cancel)).Value!;

            Assert.Equal(expected, source is ILocalFile);
            Assert.Equal(!expected, _log.Lines.Any(line => line.Contains("is on FUSE", StringComparison.Ordinal)));
        }
        finally
        {
            await Command.RunAsync("umount", ["-l", _root["mounted"]]);
        }
    }

    [Theory]
    [InlineData(0x6969u, "NFS")]
    [InlineData(0xff534d42u, "CIFS")]
    [InlineData(0xfe534d42u, "SMB2")]
    [InlineData(0x00c36400u, "CephFS")]
    [InlineData(0x01021997u, "9p")]
    [InlineData(0x0bd00bd0u, "Lustre")]
    [InlineData(0x7461636fu, "OCFS2")]
    [InlineData(0x01161970u, "GFS2")]
    [InlineData(0x12345678u, "an unknown filesystem (0x12345678)")]
    public void Filesystems_of_other_machines_are_not_local(uint magic, string name) =>
        Assert.Equal(new FileSystemKind(name, IsLocal: false), FileSystemKind.Of(magic));

    private static WriteAttempt NewAttempt() => new(Guid.NewGuid().ToString("D"), Guid.NewGuid().ToString("N"));

    private static async Task<IStoreWriter> BeginAsync(IStorageDriver driver, WriteAttempt attempt, long? declared)
    {
        var begin = await driver.BeginWriteAsync(new WriteRequest(attempt, declared, null), Cancel);
        Assert.True(begin.IsOk, $"{begin.Outcome}: {begin.Detail}");
        return begin.Value;
    }

    // Stored and recorded; bytes that are no zeros.
    private static async Task<string> StoreAsync(IStorageDriver driver, int mebibytes, bool declare = true)
    {
        var attempt = NewAttempt();
        await using var writer = await BeginAsync(driver, attempt, declare ? mebibytes << 20 : null);
        var block = new byte[1 << 20];
        Array.Fill(block, (byte)7);
        for (var i = 0; i < mebibytes; i++)
            Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(block, Cancel));
        var stored = (await writer.CommitAsync(Cancel)).Value!;
        await driver.SettleAsync(attempt, keepCommitted: true, Cancel);
        return stored.Location;
    }

    private static async Task<List<Residue>> ResidueAsync(IStorageDriver driver)
    {
        var all = new List<Residue>();
        await foreach (var residue in driver.ListResidueAsync(Cancel))
            all.Add(residue);
        return all;
    }

    private async Task<SmallDisk> DiskAsync(string name, int mebibytes)
    {
        var disk = await SmallDisk.MountAsync(_root[name], mebibytes);
        _opened.Add(disk);
        return disk;
    }

    private async Task<IStorageDriver> OpenAsync(params (string Name, string Value)[] options)
    {
        var factory = new FileSystemDriverFactory();
        var driver = await factory.CreateAsync(
            OptionReader.Read(factory.Options, options.ToDictionary(option => option.Name, option => (object?)option.Value)),
            new StoreContext("tested", _root.Path, _time, _log),
            Cancel);
        _opened.Add(driver);
        return driver;
    }
}
