using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.Rbd;
using GlanceGateway.Plugins.Rbd.Native;
using GlanceGateway.Stores.Tests.Conformance;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests;

/// <summary>What only the RBD driver promises, over a real Ceph and beside its own tools.</summary>
public sealed class RbdDriverTests : IAsyncLifetime
{
    private const int MiB = 1024 * 1024;
    private const string Pool = "images";
    private readonly TempDirectory root = new();
    private readonly ConcurrentQueue<string> log = new();
    private readonly List<IStorageDriver> drivers = [];
    private CephServer server = null!;
    private IStorageDriver driver = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        server = await SharedCeph.GetAsync();
        driver = await OpenAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var one in drivers)
            await one.DisposeAsync();
        root.Dispose();
    }

    [Fact]
    public async Task Image_is_what_upstream_makes_and_its_tools_read()
    {
        var bytes = RandomNumberGenerator.GetBytes((9 * MiB) + 4711);
        var (location, id) = await StoreAsync(bytes);

        Assert.Equal($"rbd://{server.Fsid}/{Pool}/{id}/snap", location);
        using var info = JsonDocument.Parse(await server.MustAsync("rbd", "info", $"{Pool}/{id}", "--format", "json"));
        Assert.Equal(bytes.Length, info.RootElement.GetProperty("size").GetInt64());
        Assert.Equal(23, info.RootElement.GetProperty("order").GetInt32());
        Assert.Equal(2, info.RootElement.GetProperty("format").GetInt32());
        Assert.Equal(
            ["layering", "exclusive-lock", "object-map", "fast-diff", "deep-flatten"],
            info.RootElement.GetProperty("features").EnumerateArray().Select(feature => feature.GetString()!));
        Assert.True(await IsProtectedAsync(id));
        Assert.DoesNotContain("glance", await server.MustAsync("rbd", "image-meta", "list", $"{Pool}/{id}"), StringComparison.Ordinal);
        await server.MustAsync("rbd", "export", "--no-progress", $"{Pool}/{id}@snap", root["exported"]);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(root["exported"], Cancel));
    }

    [Theory]
    [InlineData("debian-12", false)]
    [InlineData("debian-12", true)]
    [InlineData("old 100% image", false)]
    public async Task Image_that_was_imported_by_hand_is_read_and_deleted(string name, bool shortLocation)
    {
        var bytes = RandomNumberGenerator.GetBytes(3 * MiB);
        await File.WriteAllBytesAsync(root["file"], bytes, Cancel);
        name = $"{name} {Guid.NewGuid():N}";
        await server.MustAsync("rbd", "import", "--no-progress", root["file"], $"{Pool}/{name}");
        await server.MustAsync("rbd", "snap", "create", "--no-progress", $"{Pool}/{name}@snap");
        await server.MustAsync("rbd", "snap", "protect", $"{Pool}/{name}@snap");
        var encoded = Uri.EscapeDataString(name);
        var location = shortLocation ? $"rbd://{encoded}" : $"rbd://{server.Fsid}/{Pool}/{encoded}/snap";

        Assert.Equal(bytes, await ReadAsync(location));
        Assert.Equal(StoreOutcome.Ok, await driver.DeleteAsync(location, Cancel));

        Assert.Equal(StoreOutcome.Absent, (await driver.OpenAsync(location, Cancel)).Outcome);
    }

    [Fact]
    public async Task Short_location_of_an_image_without_snapshot_is_read()
    {
        var bytes = RandomNumberGenerator.GetBytes(MiB);
        await File.WriteAllBytesAsync(root["file"], [.. bytes, .. new byte[MiB]], Cancel);
        var name = Guid.NewGuid().ToString();
        await server.MustAsync("rbd", "import", "--no-progress", root["file"], $"{Pool}/{name}");

        byte[] expected = [.. bytes, .. new byte[MiB]];
        Assert.Equal(expected, await ReadAsync($"rbd://{name}"));
        Assert.Equal(StoreOutcome.Absent, (await driver.OpenAsync($"rbd://{server.Fsid}/{Pool}/{name}/snap", Cancel)).Outcome);
    }

    [Fact]
    public async Task Image_with_a_clone_is_in_use_and_stays_whole()
    {
        var bytes = RandomNumberGenerator.GetBytes(MiB);
        var (location, id) = await StoreAsync(bytes);
        await server.MustAsync("rbd", "clone", "--rbd-default-clone-format", "1", $"{Pool}/{id}@snap", $"{Pool}/child-{id}");

        Assert.Equal(StoreOutcome.InUse, await driver.DeleteAsync(location, Cancel));

        Assert.True(await IsProtectedAsync(id));
        Assert.Equal(bytes, await ReadAsync(location));
        await server.MustAsync("rbd", "rm", "--no-progress", $"{Pool}/child-{id}");
        Assert.Equal(StoreOutcome.Ok, await driver.DeleteAsync(location, Cancel));
        Assert.Equal(StoreOutcome.Absent, await driver.DeleteAsync(location, Cancel));
    }

    [Fact]
    public async Task Clone_of_the_second_format_sends_the_image_to_the_trash_and_lives_on()
    {
        // The clone lies in a pool that our user may not even read: the image must not be left without snapshot but undeleted.
        var bytes = RandomNumberGenerator.GetBytes(MiB);
        var (location, id) = await StoreAsync(bytes);
        await server.MustAsync("rbd", "clone", "--rbd-default-clone-format", "2", $"{Pool}/{id}@snap", $"{CephServer.VolumePool}/child-{id}");

        Assert.Equal(StoreOutcome.Ok, await driver.DeleteAsync(location, Cancel));

        Assert.Equal(StoreOutcome.Absent, (await driver.OpenAsync(location, Cancel)).Outcome);
        Assert.Contains(id, await server.MustAsync("rbd", "trash", "ls", Pool), StringComparison.Ordinal);
        await server.MustAsync("rbd", "export", "--no-progress", $"{CephServer.VolumePool}/child-{id}", root["exported"]);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(root["exported"], Cancel));
    }

    [Fact]
    public async Task Image_that_is_open_for_writing_elsewhere_is_in_use_and_keeps_its_snapshot()
    {
        var (location, id) = await StoreAsync([1, 2, 3]);
        var elsewhere = CephCluster.Connect(Settings());
        Assert.Equal(0, RbdImage.TryOpen(elsewhere, id, out var image));

        Assert.Equal(StoreOutcome.InUse, await driver.DeleteAsync(location, Cancel));

        Assert.True(await IsProtectedAsync(id));
        image!.Close(mayBlock: true);
        elsewhere.Retire();
        Assert.Equal(StoreOutcome.Ok, await driver.DeleteAsync(location, Cancel));
    }

    [Fact]
    public async Task Image_that_is_deleted_while_open_is_changed_and_never_read_as_zeros()
    {
        var bytes = RandomNumberGenerator.GetBytes(20 * MiB);
        var (location, _) = await StoreAsync([.. bytes, .. new byte[MiB]]);
        await using var source = (await driver.OpenAsync(location, Cancel)).Value!;
        var buffer = new byte[MiB];
        Assert.Equal(MiB, await source.ReadAsync(20 * MiB, buffer, Cancel));
        Assert.Equal(new byte[MiB], buffer);

        Assert.Equal(StoreOutcome.Ok, await driver.DeleteAsync(location, Cancel));

        Assert.Equal(StoreError.Changed, (await Assert.ThrowsAsync<StoreException>(async () => await source.ReadAsync(MiB, buffer, Cancel))).Error);
        await using var stream = await source.OpenRangeAsync(0, null, Cancel);
        Assert.Equal(StoreError.Changed, (await Assert.ThrowsAsync<StoreException>(async () => await stream.ReadExactlyAsync(buffer, Cancel))).Error);
        var fault = await Assert.ThrowsAsync<StoreException>(async () => await ((IExtentMap)source).GetExtentAsync(0, Cancel));
        Assert.Equal(StoreError.Changed, fault.Error);
    }

    [Fact]
    public async Task Sparse_image_holds_only_its_data()
    {
        const long Gap = 5L << 30;
        var bytes = RandomNumberGenerator.GetBytes(MiB);
        var attempt = NewAttempt();
        var writer = await BeginAsync(driver, attempt, declared: null);
        await writer.WriteAsync(bytes, Cancel);
        await writer.WriteZerosAsync(Gap, Cancel);
        await writer.WriteAsync(bytes, Cancel);
        var location = await CommitAsync(driver, writer, attempt);

        using var diff = JsonDocument.Parse(await server.MustAsync("rbd", "diff", $"{Pool}/{attempt.ImageId}@snap", "--format", "json"));
        Assert.InRange(diff.RootElement.EnumerateArray().Sum(run => run.GetProperty("length").GetInt64()), 2 * MiB, 2 * 8 * MiB);
        await using var source = (await driver.OpenAsync(location, Cancel)).Value!;
        Assert.Equal(Gap + (2 * MiB), source.Length);
        var map = (IExtentMap)source;
        Assert.Equal(new Extent(0, MiB, IsHole: false), await map.GetExtentAsync(0, Cancel));
        Assert.True((await map.GetExtentAsync(Gap - 5, Cancel)).IsHole);
        Assert.False((await map.GetExtentAsync(Gap + MiB, Cancel)).IsHole);
        var buffer = new byte[MiB];
        await source.ReadAsync(Gap + MiB, buffer, Cancel);
        Assert.Equal(bytes, buffer);
    }

    [Fact]
    public async Task Zeros_are_written_when_provisioning_is_not_thin()
    {
        var thick = await OpenAsync(("thin_provisioning", false), ("chunk_size", "4MiB"));
        var attempt = NewAttempt();
        var writer = await BeginAsync(thick, attempt, 12 * MiB);
        await writer.WriteZerosAsync(12 * MiB, Cancel);
        var location = await CommitAsync(thick, writer, attempt);

        using var diff = JsonDocument.Parse(await server.MustAsync("rbd", "diff", $"{Pool}/{attempt.ImageId}@snap", "--format", "json"));
        Assert.Equal(12 * MiB, diff.RootElement.EnumerateArray().Sum(run => run.GetProperty("length").GetInt64()));
        Assert.Equal(new byte[12 * MiB], await ReadAsync(location));
    }

    [Fact]
    public async Task Image_of_unknown_size_grows_and_is_cut_to_its_length()
    {
        const int Total = 150;
        var block = RandomNumberGenerator.GetBytes(MiB);
        var attempt = NewAttempt();
        var writer = await BeginAsync(driver, attempt, declared: null);
        for (var i = 0; i < Total; i++)
        {
            BitConverter.TryWriteBytes(block, i);
            Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(block, Cancel));
        }

        await writer.WriteAsync(new byte[] { 7 }, Cancel);
        var location = await CommitAsync(driver, writer, attempt);

        using var info = JsonDocument.Parse(await server.MustAsync("rbd", "info", $"{Pool}/{attempt.ImageId}", "--format", "json"));
        Assert.Equal((Total * MiB) + 1, info.RootElement.GetProperty("size").GetInt64());
        var bytes = await ReadAsync(location);
        Assert.Equal((Total * MiB) + 1, bytes.Length);
        for (var i = 0; i < Total; i++)
        {
            BitConverter.TryWriteBytes(block, i);
            Assert.True(bytes.AsSpan(i * MiB, MiB).SequenceEqual(block), $"MiB {i} differs");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Rename_that_a_crash_cut_in_half_is_finished_by_settling(bool keep)
    {
        var bytes = RandomNumberGenerator.GetBytes(MiB);
        var attempt = NewAttempt();
        var name = $".glance-{attempt.ImageId}-{attempt.AttemptId}";
        var writer = await BeginAsync(driver, attempt, MiB);
        await writer.WriteAsync(bytes, Cancel);
        var location = (await writer.CommitAsync(Cancel)).Value!.Location;
        await writer.DisposeAsync();

        // As after the second of the rename's three steps.
        await CopyNameAsync(attempt.ImageId, name);
        await driver.SettleAsync(attempt, keep, Cancel);

        Assert.DoesNotContain($"rbd_id.{name}", await server.MustAsync("rados", "-p", Pool, "ls"), StringComparison.Ordinal);
        if (keep)
            Assert.Equal(bytes, await ReadAsync(location));
        else
            Assert.Equal(StoreOutcome.Absent, (await driver.OpenAsync(location, Cancel)).Outcome);
    }

    [Fact]
    public async Task Commit_goes_on_where_an_earlier_try_stopped()
    {
        var bytes = RandomNumberGenerator.GetBytes(MiB);
        var attempt = NewAttempt();
        var name = $".glance-{attempt.ImageId}-{attempt.AttemptId}";
        var writer = await BeginAsync(driver, attempt, MiB);
        await writer.WriteAsync(bytes, Cancel);

        // As after the first of the rename's three steps.
        await CopyNameAsync(name, attempt.ImageId);
        var location = await CommitAsync(driver, writer, attempt);

        Assert.Equal(bytes, await ReadAsync(location));
        var names = (await server.MustAsync("rbd", "ls", Pool)).Split('\n');
        Assert.Contains(attempt.ImageId, names);
        Assert.DoesNotContain(name, names);
    }

    [Fact]
    public async Task Name_that_a_late_rename_left_of_a_settled_image_is_free()
    {
        var bytes = RandomNumberGenerator.GetBytes(MiB);
        var attempt = NewAttempt();
        await using (await BeginAsync(driver, attempt, MiB))
            await server.MustAsync("rados", "-p", Pool, "get", $"rbd_id.{RbdNames.NameOf(attempt)}", root["late"]);
        await server.MustAsync("rados", "-p", Pool, "put", $"rbd_id.{attempt.ImageId}", root["late"]);

        attempt = attempt with { AttemptId = NewAttempt().AttemptId };
        var writer = await BeginAsync(driver, attempt, MiB);
        await writer.WriteAsync(bytes, Cancel);
        Assert.Equal(bytes, await ReadAsync(await CommitAsync(driver, writer, attempt)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Rest_of_a_creation_or_removal_that_a_crash_ended_is_listed_and_removed(bool onlyTheDirectoryHasTheName)
    {
        var attempt = NewAttempt();
        var name = $".glance-{attempt.ImageId}-{attempt.AttemptId}";
        await server.MustAsync("rbd", "create", "--size", "16", $"{Pool}/{name}");
        using var info = JsonDocument.Parse(await server.MustAsync("rbd", "info", $"{Pool}/{name}", "--format", "json"));
        await server.MustAsync("rados", "-p", Pool, "rm", $"rbd_header.{info.RootElement.GetProperty("id").GetString()}");
        if (onlyTheDirectoryHasTheName)
            await server.MustAsync("rados", "-p", Pool, "rm", $"rbd_id.{name}");
        Assert.Contains(attempt, (await driver.ListResidueAsync(Cancel).ToListAsync(Cancel)).Select(residue => residue.Attempt));

        await driver.SettleAsync(attempt, keepCommitted: false, Cancel);

        Assert.DoesNotContain(name, await server.MustAsync("rados", "-p", Pool, "ls"), StringComparison.Ordinal);
        Assert.DoesNotContain(attempt, (await driver.ListResidueAsync(Cancel).ToListAsync(Cancel)).Select(residue => residue.Attempt));
    }

    [Fact]
    public async Task Connection_that_the_cluster_shut_out_is_replaced()
    {
        // A pool of its own for the list of watchers: others of this class write meanwhile.
        var own = await OpenAsync(("pool", "alone"));
        var bytes = RandomNumberGenerator.GetBytes(6 * MiB);
        var (location, _) = await StoreAsync(bytes, own);
        await using var source = (await own.OpenAsync(location, Cancel)).Value!;
        var writer = await BeginAsync(own, NewAttempt(), 6 * MiB);

        await server.ShutOutWritersAsync("alone");

        var buffer = new byte[6 * MiB];
        Assert.Equal(6 * MiB, await source.ReadAsync(0, buffer, Cancel));
        Assert.Equal(bytes, buffer);
        await Assert.ThrowsAsync<StoreException>(async () =>
        {
            await writer.WriteAsync(bytes, Cancel);
            await writer.CommitAsync(Cancel);
        });
        await writer.DisposeAsync();
        var (again, _) = await StoreAsync(bytes, own);
        Assert.Equal(bytes, await ReadAsync(again, own));
        Assert.Empty(await own.ListResidueAsync(Cancel).ToListAsync(Cancel));
    }

    [Fact]
    public async Task Transfers_take_no_thread_each()
    {
        var bytes = RandomNumberGenerator.GetBytes(2 * MiB);
        var (location, _) = await StoreAsync(bytes);
        await using var source = (await driver.OpenAsync(location, Cancel)).Value!;
        await source.ReadAsync(0, new byte[10], Cancel);
        var before = Process.GetCurrentProcess().Threads.Count;
        var most = 0;

        await Task.WhenAll(Enumerable.Range(0, 400).Select(async i =>
        {
            var buffer = new byte[64 * 1024];
            Assert.Equal(buffer.Length, await source.ReadAsync(i * 1000, buffer, Cancel));
            if (i % 20 == 0)
                most = Math.Max(most, Process.GetCurrentProcess().Threads.Count);
        }));

        // Other classes run beside this one; a thread for each read would be hundreds.
        Assert.InRange(most - before, -1000, 100);
    }

    [Fact]
    public async Task Cluster_that_cannot_be_reached_is_given_up_in_time()
    {
        using var closed = new TcpListener(IPAddress.Loopback, 0);
        closed.Start();
        var port = ((IPEndPoint)closed.LocalEndpoint).Port;
        closed.Stop();
        await File.WriteAllTextAsync(root["ceph.conf"], $"[global]\nmon_host = 127.0.0.1:{port}\nkeyring = {server.Keyring}\n", Cancel);
        var watch = Stopwatch.StartNew();

        var fault = await RefusalAsync(("ceph_conf", root["ceph.conf"]), ("connect_timeout", "1s"));

        Assert.Equal(StoreError.TimedOut, fault.Error);
        Assert.Contains("mon_host", fault.Message, StringComparison.Ordinal);
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 30);
    }

    [Theory]
    [InlineData("pool", "nowhere")]
    [InlineData("pool", "a/b")]
    [InlineData("pool", CephServer.VolumePool)]
    [InlineData("user", "nobody")]
    [InlineData("user", "client.glance")]
    [InlineData("ceph_conf", "/nowhere/ceph.conf")]
    [InlineData("keyring", "/nowhere/keyring")]
    [InlineData("chunk_size", "3MiB")]
    [InlineData("chunk_size", "256MiB")]
    [InlineData("writes_in_flight", 0L)]
    [InlineData("reads_in_flight", 65L)]
    [InlineData("connect_timeout", "0s")]
    public async Task Options_that_cannot_work_are_refused_by_name(string option, object value)
    {
        var fault = await RefusalAsync((option, value));

        Assert.Equal(StoreError.Misconfigured, fault.Error);
        Assert.Contains(option, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Library_that_is_missing_is_named_with_its_packages()
    {
        var fault = Assert.Throws<StoreException>(() => CephLibraries.Require("libglance-none.so.2"));

        Assert.Equal(StoreError.Misconfigured, fault.Error);
        Assert.Contains("librados2 and librbd1", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Room_is_unknown_without_a_manager()
    {
        var fault = await Assert.ThrowsAsync<StoreException>(async () => await ((IStoreCapacity)driver).GetCapacityAsync(Cancel));

        Assert.Equal(StoreError.Unavailable, fault.Error);
        Assert.Contains("ceph-mgr", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"stored":100,"max_avail":900,"quota_bytes":0}""", 1000L, 900L)]
    [InlineData("""{"stored":100,"max_avail":900,"quota_bytes":500}""", 500L, 400L)]
    [InlineData("""{"stored":600,"max_avail":900,"quota_bytes":500}""", 600L, 0L)]
    [InlineData("""{"stored":0,"max_avail":0}""", null, null)]
    public void Room_is_what_the_pool_and_its_quota_leave(string stats, long? total, long? free)
    {
        var answer = $$"""{"stats":{"total_bytes":5000},"pools":[{"name":"other","id":1,"stats":{"stored":1,"max_avail":2} },{"name":"images","id":2,"stats":{{stats}}}]}""";

        var capacity = RbdDriver.CapacityIn(Encoding.UTF8.GetBytes(answer), "images");

        Assert.Equal((total, free), (capacity?.Total, capacity?.Free));
        Assert.Null(RbdDriver.CapacityIn(Encoding.UTF8.GetBytes("""{"pools":[]}"""), "images"));
    }

    private static WriteAttempt NewAttempt() => new(Guid.NewGuid().ToString(), Guid.NewGuid().ToString("N"));

    private static async Task<IStoreWriter> BeginAsync(IStorageDriver driver, WriteAttempt attempt, long? declared)
    {
        var begin = await driver.BeginWriteAsync(new WriteRequest(attempt, declared, ProjectId: null), Cancel);
        Assert.Equal(StoreOutcome.Ok, begin.Outcome);
        return begin.Value!;
    }

    private static async Task<string> CommitAsync(IStorageDriver driver, IStoreWriter writer, WriteAttempt attempt)
    {
        var committed = await writer.CommitAsync(Cancel);
        Assert.Equal(StoreOutcome.Ok, committed.Outcome);
        await writer.DisposeAsync();
        await driver.SettleAsync(attempt, keepCommitted: true, Cancel);
        return committed.Value!.Location;
    }

    private async Task<(string Location, string ImageId)> StoreAsync(byte[] bytes, IStorageDriver? into = null)
    {
        var attempt = NewAttempt();
        var writer = await BeginAsync(into ?? driver, attempt, bytes.Length);
        Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(bytes, Cancel));
        return (await CommitAsync(into ?? driver, writer, attempt), attempt.ImageId);
    }

    private async Task<byte[]> ReadAsync(string location, IStorageDriver? from = null)
    {
        var open = await (from ?? driver).OpenAsync(location, Cancel);
        Assert.Equal(StoreOutcome.Ok, open.Outcome);
        await using var source = open.Value!;
        await using var stream = await source.OpenRangeAsync(0, null, Cancel);
        using var all = new MemoryStream();
        await stream.CopyToAsync(all, Cancel);
        return all.ToArray();
    }

    private async Task<bool> IsProtectedAsync(string id)
    {
        using var snapshots = JsonDocument.Parse(await server.MustAsync("rbd", "snap", "ls", $"{Pool}/{id}", "--format", "json"));
        var only = Assert.Single(snapshots.RootElement.EnumerateArray());
        return only.GetProperty("name").GetString() == "snap" && only.GetProperty("protected").GetString() == "true";
    }

    private async Task CopyNameAsync(string from, string to)
    {
        await server.MustAsync("rados", "-p", Pool, "get", $"rbd_id.{from}", root["name"]);
        await server.MustAsync("rados", "-p", Pool, "put", $"rbd_id.{to}", root["name"]);
    }

    private async Task<StoreException> RefusalAsync(params (string Name, object? Value)[] changes) =>
        await Assert.ThrowsAsync<StoreException>(async () => await OpenAsync(changes));

    private RbdSettings Settings(params (string Name, object? Value)[] changes) => RbdSettings.Read(OptionReader.Read(RbdSettings.Options, OptionsWith(changes)));

    private Dictionary<string, object?> OptionsWith((string Name, object? Value)[] changes)
    {
        var options = new Dictionary<string, object?> { ["pool"] = Pool, ["user"] = server.User, ["ceph_conf"] = server.Conf, ["keyring"] = server.Keyring };
        foreach (var (name, value) in changes)
            options[name] = value;
        return options;
    }

    private async Task<IStorageDriver> OpenAsync(params (string Name, object? Value)[] changes)
    {
        var factory = new RbdDriverFactory();
        var opened = await factory.CreateAsync(OptionReader.Read(factory.Options, OptionsWith(changes)), new LoggingContext(root.Path, log), Cancel);
        drivers.Add(opened);
        return opened;
    }

    private sealed class LoggingContext(string scratch, ConcurrentQueue<string> log) : IStoreContext
    {
        public string StoreId => "tested";

        public TimeProvider Time => TimeProvider.System;

        public string ScratchDirectory => scratch;

        public IOutboundConnector Connector { get; } = new GuardedConnector(new OutboundRules(), TimeProvider.System);

        public void Log(StoreLogLevel level, string message, Exception? exception = null) => log.Enqueue($"{level} {message} {exception}");
    }
}
