using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.Rbd;
using GlanceGateway.Stores.Tests.Conformance;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests;

/// <summary>What only the RBD driver promises, over a real Ceph and beside its own tools.</summary>
public sealed partial class RbdDriverTests : IAsyncLifetime
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
