using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.Sftp;
using GlanceGateway.Stores.Tests.Conformance;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests;

/// <summary>What only the SFTP driver promises, over a real sshd.</summary>
public sealed class SftpDriverTests : IAsyncLifetime
{
    private readonly TempDirectory root = new();
    private readonly ConcurrentQueue<string> log = new();
    private readonly string folder = Guid.NewGuid().ToString("N");
    private SftpServer server = null!;
    private IStorageDriver? driver;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => server = await SharedSftpServer.GetAsync();

    public async ValueTask DisposeAsync()
    {
        if (driver is not null)
            await driver.DisposeAsync();
        root.Dispose();
        Assert.DoesNotContain(log, line => server is not null && line.Contains(server.Password, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Unknown_host_key_is_refused_with_the_remedy()
    {
        var fault = await RefusalAsync(("host_key_fingerprint", "SHA256:" + new string('A', 43)));

        Assert.Contains("is not the one in host_key_fingerprint", fault.Message, StringComparison.Ordinal);
        Assert.Contains(server.Fingerprint, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Key_of_known_hosts_that_differs_is_refused()
    {
        var other = server.HostKey[..^8] + "AAAAAAA=";

        var fault = await RefusalAsync(KnownHosts($"[127.0.0.1]:{server.Port} {other}"));

        Assert.Contains("poses as the server", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Revoked_key_is_refused_though_it_is_listed()
    {
        var fault = await RefusalAsync(KnownHosts($"[127.0.0.1]:{server.Port} {server.HostKey}\n@revoked * {server.HostKey}"));

        Assert.Contains("@revoked", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("other.example {0}")]
    [InlineData("127.0.0.1 {0}")]
    [InlineData("!*.0.0.1]:*,* {0}")]
    [InlineData("@cert-authority * {0}")]
    [InlineData("# nothing")]
    public async Task Server_that_known_hosts_does_not_name_is_refused(string line)
    {
        var fault = await RefusalAsync(KnownHosts(line.Replace("{0}", server.HostKey, StringComparison.Ordinal)));

        Assert.Contains("ssh-keyscan", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("wildcard")]
    [InlineData("hashed")]
    [InlineData("second type")]
    public async Task Known_hosts_lines_of_every_form_are_understood(string form)
    {
        var name = $"[127.0.0.1]:{server.Port}";
        var line = form switch
        {
            "plain" => $"example.org,{name} {server.HostKey} comment",
            "wildcard" => $"[127.0.0.*]:{server.Port} {server.HostKey}",
            "second type" => $"{name} {server.EcdsaHostKey}",
            _ => $"{name} {server.HostKey}",
        };
        var option = KnownHosts($"# keys\n\n{line}\n");
        if (form == "hashed")
            (await Command.RunAsync("ssh-keygen", ["-H", "-f", root["known_hosts"]])).Succeeded();

        await OpenAsync(option);

        Assert.Equal(StoreOutcome.Absent, await driver!.DeleteAsync(LocationOf(Guid.NewGuid().ToString()), Cancel));
    }

    [Fact]
    public async Task Wrong_password_is_refused_without_being_told()
    {
        var fault = await RefusalAsync(("password", "wrong-secret-4711"));

        Assert.Contains($"refuses the log-in of '{server.User}'", fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("4711", fault.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Key_logs_in_and_its_passphrase_is_never_told()
    {
        await OpenAsync(("password", null), ("private_key_file", server.KeyFile));
        await StoreAsync([1, 2, 3]);

        var locked = root["locked"];
        File.Copy(server.KeyFile, locked);
        (await Command.RunAsync("ssh-keygen", ["-q", "-p", "-P", "", "-N", "open-sesame-4711", "-f", locked])).Succeeded();
        var wrong = await RefusalAsync(("password", null), ("private_key_file", locked), ("private_key_passphrase", "bad-sesame-4711"));
        Assert.DoesNotContain("4711", wrong.ToString(), StringComparison.Ordinal);
        Assert.Contains("set private_key_passphrase", (await RefusalAsync(("password", null), ("private_key_file", locked))).Message, StringComparison.Ordinal);
        await driver!.DisposeAsync();
        await OpenAsync(("password", null), ("private_key_file", locked), ("private_key_passphrase", "open-sesame-4711"));
    }

    [Fact]
    public async Task Password_may_come_from_a_file()
    {
        await File.WriteAllTextAsync(root["password"], server.Password + "\n", Cancel);

        await OpenAsync(("password", null), ("password_file", root["password"]));

        await StoreAsync([1]);
    }

    [Theory]
    [InlineData("directory", "images")]
    [InlineData("directory", "/")]
    [InlineData("directory", "/images/../etc")]
    [InlineData("directory", "/images/a?b")]
    [InlineData("directory", "/etc/not/there")]
    [InlineData("directory", "/forbidden")]
    [InlineData("host", "not a host")]
    [InlineData("connections", 0L)]
    [InlineData("password", null)]
    [InlineData("host_key_fingerprint", null)]
    [InlineData("host_key_fingerprint", "MD5:aa")]
    [InlineData("known_hosts_file", "/nowhere")]
    public async Task Options_that_cannot_work_are_refused_by_name(string option, object? value)
    {
        var fault = await RefusalAsync((option, value));

        Assert.Contains(option, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unreachable_server_is_unavailable()
    {
        var fault = await Assert.ThrowsAsync<StoreException>(async () => await OpenAsync(("port", 1L)));

        Assert.Equal(StoreError.Unavailable, fault.Error);
    }

    [Fact]
    public async Task Server_that_says_nothing_is_timed_out()
    {
        using var silent = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        silent.Start();
        var port = ((System.Net.IPEndPoint)silent.LocalEndpoint).Port;

        var fault = await Assert.ThrowsAsync<StoreException>(async () => await OpenAsync(("port", (long)port), ("connect_timeout", TimeSpan.FromSeconds(1))));

        Assert.Equal(StoreError.TimedOut, fault.Error);
    }

    [Fact]
    public async Task Links_and_directories_are_not_images()
    {
        await OpenAsync();
        var local = Path.Combine(server.LocalDirectory, folder);
        await File.WriteAllTextAsync(Path.Combine(server.LocalDirectory, $"{folder}-outside"), "secret", Cancel);
        File.CreateSymbolicLink(Path.Combine(local, "link"), $"../{folder}-outside");
        Directory.CreateDirectory(Path.Combine(local, "folder"));

        foreach (var name in (string[])["link", "folder"])
        {
            Assert.Equal(StoreError.InvalidLocation, (await Assert.ThrowsAsync<StoreException>(async () => await driver!.OpenAsync(LocationOf(name), Cancel))).Error);
            Assert.Equal(StoreError.InvalidLocation, (await Assert.ThrowsAsync<StoreException>(async () => await driver!.DeleteAsync(LocationOf(name), Cancel))).Error);
        }

        Assert.Equal("secret", await File.ReadAllTextAsync(Path.Combine(server.LocalDirectory, $"{folder}-outside"), Cancel));
    }

    [Fact]
    public async Task Committed_image_keeps_its_validator_and_its_time_through_settling()
    {
        await OpenAsync();
        var attempt = NewAttempt();
        await using var writer = await BeginAsync(attempt);
        await writer.WriteAsync(new byte[1000], Cancel);
        var stored = (await writer.CommitAsync(Cancel)).Value!;
        var path = Path.Combine(server.LocalDirectory, folder, attempt.ImageId);
        var time = File.GetLastWriteTimeUtc(path);
        var twin = new WriteAttempt(attempt.ImageId, Guid.NewGuid().ToString("N"));

        // Another attempt's part of the same size and time must not pass for the image's twin.
        var part = Path.Combine(server.LocalDirectory, folder, $".glance-{twin.ImageId}-{twin.AttemptId}.part");
        await File.WriteAllBytesAsync(part, new byte[1000], Cancel);
        File.SetUnixFileMode(part, File.GetUnixFileMode(path));
        (await Command.RunAsync("chown", [$"--reference={path}", part])).Succeeded();
        File.SetLastWriteTimeUtc(part, time);
        await driver!.SettleAsync(twin, keepCommitted: false, Cancel);

        Assert.False(File.Exists(part));
        await using var source = (await driver!.OpenAsync(stored.Location, Cancel)).Value!;
        Assert.Equal(1000, await source.ReadAsync(0, new byte[2000], Cancel));
        Assert.Equal((time - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerSecond, (File.GetLastWriteTimeUtc(path) - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerSecond);
        await driver.SettleAsync(attempt, keepCommitted: true, Cancel);
    }

    [Fact]
    public async Task Zeros_occupy_nothing_on_the_server()
    {
        await OpenAsync();
        var attempt = NewAttempt();
        await using var writer = await BeginAsync(attempt);
        await writer.WriteAsync(new byte[1 << 20], Cancel);
        await writer.WriteZerosAsync(1L << 30, Cancel);
        Assert.True((await writer.CommitAsync(Cancel)).IsOk);

        var occupied = (await Command.RunAsync("stat", ["-c", "%b %s", Path.Combine(server.LocalDirectory, folder, attempt.ImageId)])).Succeeded().Output.Split(' ');
        Assert.InRange(long.Parse(occupied[0]) * 512, 1 << 20, 2 << 20);
        Assert.Equal((1L << 30) + (1 << 20), long.Parse(occupied[1]));
    }

    [Fact]
    public async Task File_that_is_written_to_while_open_is_changed_not_read()
    {
        await OpenAsync();
        var path = Path.Combine(server.LocalDirectory, folder, "image");
        await File.WriteAllTextAsync(path, "the original bytes", Cancel);
        (await Command.RunAsync("chmod", ["644", path])).Succeeded();
        await using var source = (await driver!.OpenAsync(LocationOf("image"), Cancel)).Value!;
        Assert.Equal(18, await source.ReadAsync(0, new byte[100], Cancel));

        await File.WriteAllTextAsync(path, "others", Cancel);

        Assert.Equal(StoreError.Changed, (await Assert.ThrowsAsync<StoreException>(async () => await source.ReadAsync(0, new byte[6], Cancel))).Error);
    }

    [Fact]
    public async Task Image_larger_than_the_servers_disk_is_full_at_once()
    {
        await OpenAsync();

        Assert.Equal(StoreOutcome.Full, (await driver!.BeginWriteAsync(new WriteRequest(NewAttempt(), 1L << 60, null), Cancel)).Outcome);
        Assert.True((await Assert.IsType<IStoreCapacity>(driver, exactMatch: false).GetCapacityAsync(Cancel)).Free > 0);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(server.LocalDirectory, folder)));
    }

    [Fact]
    public async Task Many_readers_share_one_image_and_few_connections()
    {
        await OpenAsync(("connections", 2L));
        var bytes = RandomNumberGenerator.GetBytes(8 << 20);
        var location = await StoreAsync(bytes);

        await Task.WhenAll(Enumerable.Range(0, 12).Select(async reader =>
        {
            await using var source = (await driver!.OpenAsync(location, Cancel)).Value!;
            if (reader % 2 == 0)
            {
                using var copy = new MemoryStream();
                await using var stream = await source.OpenRangeAsync(reader * 1000, null, Cancel);
                await stream.CopyToAsync(copy, Cancel);
                Assert.True(copy.ToArray().AsSpan().SequenceEqual(bytes.AsSpan(reader * 1000)));
                return;
            }

            for (var i = 0; i < 40; i++)
            {
                var offset = Random.Shared.Next(bytes.Length - 70_000);
                var buffer = new byte[70_000];
                Assert.Equal(buffer.Length, await source.ReadAsync(offset, buffer, Cancel));
                Assert.True(buffer.AsSpan().SequenceEqual(bytes.AsSpan(offset, buffer.Length)));
            }
        }));
    }

    [Fact]
    public async Task Cancelled_read_gives_its_buffer_back()
    {
        await OpenAsync();
        var location = await StoreAsync(RandomNumberGenerator.GetBytes(4 << 20));
        await using var source = (await driver!.OpenAsync(location, Cancel)).Value!;

        for (var i = 0; i < 30; i++)
        {
            using var cancel = new CancellationTokenSource();
            var buffer = new byte[4 << 20];
            var read = source.ReadAsync(0, buffer, cancel.Token).AsTask();
            await Task.Delay(i % 5, Cancel);
            await cancel.CancelAsync();
            await ((Task)read).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            buffer.AsSpan().Clear();
            await Task.Delay(5, Cancel);
            Assert.True(buffer.AsSpan().IndexOfAnyExcept((byte)0) < 0, "bytes came after the read had ended");
        }

        Assert.Equal(100, await source.ReadAsync(0, new byte[100], Cancel));
    }

    [Fact]
    public async Task Server_killed_in_the_middle_fails_the_upload_and_serves_again_after_its_restart()
    {
        await using var own = await SftpServer.StartAsync();
        server = own;
        await OpenAsync();
        var bytes = RandomNumberGenerator.GetBytes(3 << 20);
        var location = await StoreAsync(bytes);
        await using var source = (await driver!.OpenAsync(location, Cancel)).Value!;
        var attempt = NewAttempt();
        var writer = await BeginAsync(attempt);
        await writer.WriteAsync(new byte[1 << 20], Cancel);

        await own.KillAsync();

        var watch = Stopwatch.StartNew();
        var fault = await Assert.ThrowsAsync<StoreException>(async () =>
        {
            for (var i = 0; i < 1000; i++)
                await writer.WriteAsync(new byte[1 << 20], Cancel);
        });
        Assert.Contains(fault.Error, new[] { StoreError.Unavailable, StoreError.TimedOut });
        await Assert.ThrowsAsync<StoreException>(async () => await writer.CommitAsync(Cancel));
        Assert.Equal(StoreError.Unavailable, (await Assert.ThrowsAsync<StoreException>(async () => await source.ReadAsync(0, new byte[10], Cancel))).Error);
        await writer.DisposeAsync();
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(25), $"it took {watch.Elapsed}");
        Assert.Contains(log, line => line.Contains("left as residue", StringComparison.Ordinal));

        await own.StartAgainAsync();

        var buffer = new byte[bytes.Length];
        Assert.Equal(bytes.Length, await source.ReadAsync(0, buffer, Cancel));
        Assert.Equal(bytes, buffer);
        var residue = await driver!.ListResidueAsync(Cancel).ToListAsync(Cancel);
        Assert.Equal(attempt, Assert.Single(residue).Attempt);
        await driver!.SettleAsync(attempt, keepCommitted: false, Cancel);
        Assert.Empty(await driver!.ListResidueAsync(Cancel).ToListAsync(Cancel));
        await StoreAsync([1, 2, 3]);
        await driver.DisposeAsync();
        driver = null;
        Assert.DoesNotContain(own.Password, own.Log, StringComparison.Ordinal);
    }

    private static WriteAttempt NewAttempt() => new(Guid.NewGuid().ToString("D"), Guid.NewGuid().ToString("N"));

    private string LocationOf(string name) => $"sftp://127.0.0.1:{server.Port}{server.Directory}/{folder}/{name}";

    private (string Name, object? Value)[] KnownHosts(string lines)
    {
        File.WriteAllText(root["known_hosts"], lines);
        return [("host_key_fingerprint", null), ("known_hosts_file", root["known_hosts"])];
    }

    private async Task OpenAsync(params (string Name, object? Value)[] changes)
    {
        var options = new Dictionary<string, object?>
        {
            ["host"] = "127.0.0.1",
            ["port"] = server.Port,
            ["user"] = server.User,
            ["password"] = server.Password,
            ["host_key_fingerprint"] = server.Fingerprint,
            ["directory"] = $"{server.Directory}/{folder}",
        };
        foreach (var (name, value) in changes)
        {
            if (value is null)
                options.Remove(name);
            else
                options[name] = value is TimeSpan time ? $"{time.TotalMilliseconds:0}ms" : value;
        }

        var factory = new SftpDriverFactory();
        driver = await factory.CreateAsync(OptionReader.Read(factory.Options, options), new Context(log), Cancel);
    }

    private async Task<StoreException> RefusalAsync(params (string Name, object? Value)[] changes)
    {
        var fault = await Assert.ThrowsAsync<StoreException>(async () => await OpenAsync(changes));
        Assert.Equal(StoreError.Misconfigured, fault.Error);
        Assert.DoesNotContain(server.Password, fault.ToString(), StringComparison.Ordinal);
        return fault;
    }

    private async Task<IStoreWriter> BeginAsync(WriteAttempt attempt) => (await driver!.BeginWriteAsync(new WriteRequest(attempt, null, null), Cancel)).Value!;

    private async Task<string> StoreAsync(byte[] bytes)
    {
        var attempt = NewAttempt();
        await using var writer = await BeginAsync(attempt);
        Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(bytes, Cancel));
        var stored = (await writer.CommitAsync(Cancel)).Value!;
        await driver!.SettleAsync(attempt, keepCommitted: true, Cancel);
        return stored.Location;
    }

    private sealed class Context(ConcurrentQueue<string> log) : IStoreContext
    {
        public string StoreId => "tested";

        public TimeProvider Time => TimeProvider.System;

        public string ScratchDirectory => "";

        public IOutboundConnector Connector { get; } = new GuardedConnector(new OutboundRules(), TimeProvider.System);

        public void Log(StoreLogLevel level, string message, Exception? exception = null) => log.Enqueue($"{level} {message} {exception}");
    }
}
