using System.Diagnostics;
using System.Security.Cryptography;
using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.Rbd;
using GlanceGateway.Stores.Tests.Conformance;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests;

/// <summary>The RBD driver while its cluster is away or full. With a cluster of its own, because others would notice.</summary>
public sealed class RbdOutageTests
{
    private const int MiB = 1024 * 1024;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Cluster_that_was_killed_times_out_and_is_used_again_when_it_is_back()
    {
        await using var server = await CephServer.StartAsync("bluestore");
        await using var driver = await OpenAsync(server);
        var bytes = RandomNumberGenerator.GetBytes(5 * MiB);
        var location = await StoreAsync(driver, bytes);
        await using var source = (await driver.OpenAsync(location, Cancel)).Value!;
        var buffer = new byte[bytes.Length];

        await server.KillAsync();
        var watch = Stopwatch.StartNew();
        var read = await Assert.ThrowsAsync<StoreException>(async () => await source.ReadAsync(0, buffer, Cancel));
        var begin = await Assert.ThrowsAsync<StoreException>(async () => await driver.BeginWriteAsync(new WriteRequest(NewAttempt(), 1, ProjectId: null), Cancel));
        var open = await Assert.ThrowsAsync<StoreException>(async () => await driver.OpenAsync(location, Cancel));
        Assert.All([read, begin, open], fault => Assert.Equal(StoreError.TimedOut, fault.Error));
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 60);

        await server.StartAgainAsync();
        Assert.Equal(buffer.Length, await source.ReadAsync(0, buffer, Cancel));
        Assert.Equal(bytes, buffer);
        var again = await StoreAsync(driver, bytes);
        Assert.Equal(StoreOutcome.Ok, await driver.DeleteAsync(again, Cancel));
        Assert.Equal(StoreOutcome.Ok, await driver.DeleteAsync(location, Cancel));
    }

    [Fact]
    public async Task Cluster_that_is_full_says_so_instead_of_waiting_for_room()
    {
        await using var server = await CephServer.StartAsync();
        await using var driver = await OpenAsync(server);
        var bytes = RandomNumberGenerator.GetBytes(5 * MiB);
        var location = await StoreAsync(driver, bytes);
        await using var writer = (await driver.BeginWriteAsync(new WriteRequest(NewAttempt(), bytes.Length, ProjectId: null), Cancel)).Value!;

        // A thousandth of its 4 GiB; the OSD compares every few seconds.
        foreach (var (level, ratio) in (IEnumerable<(string, string)>)[("nearfull", "0.0001"), ("backfillfull", "0.0005"), ("full", "0.001")])
            await server.MustAsync("ceph", "osd", $"set-{level}-ratio", ratio);

        // Not by the monitor's flags, of which 'nearfull' comes first and which the OSD learns of last: by what it answers. Without a size, as the
        // room that is left is not asked for then.
        var watch = Stopwatch.StartNew();
        while (await BeginAndEndAsync(driver, size: null) != StoreOutcome.Full)
        {
            Assert.InRange(watch.Elapsed.TotalSeconds, 0, 180);
            await Task.Delay(500, Cancel);
        }

        var outcome = await writer.WriteAsync(bytes, Cancel);
        var committed = outcome == StoreOutcome.Ok ? (await writer.CommitAsync(Cancel)).Outcome : outcome;
        Assert.Equal(StoreOutcome.Full, committed);
        await writer.DisposeAsync();
        Assert.Equal(StoreOutcome.Full, await BeginAndEndAsync(driver, size: 1));
        await using var source = (await driver.OpenAsync(location, Cancel)).Value!;
        Assert.Equal(MiB, await source.ReadAsync(0, new byte[MiB], Cancel));
    }

    private static async Task<StoreOutcome> BeginAndEndAsync(IStorageDriver driver, long? size)
    {
        var begun = await driver.BeginWriteAsync(new WriteRequest(NewAttempt(), size, ProjectId: null), Cancel);
        if (begun.Value is { } writer)
            await writer.DisposeAsync();
        return begun.Outcome;
    }

    private static WriteAttempt NewAttempt() => new(Guid.NewGuid().ToString(), Guid.NewGuid().ToString("N"));

    private static async Task<string> StoreAsync(IStorageDriver driver, byte[] bytes)
    {
        await using var writer = (await driver.BeginWriteAsync(new WriteRequest(NewAttempt(), bytes.Length, ProjectId: null), Cancel)).Value!;
        Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(bytes, Cancel));
        return (await writer.CommitAsync(Cancel)).Value!.Location;
    }

    private static async Task<IStorageDriver> OpenAsync(CephServer server)
    {
        var factory = new RbdDriverFactory();
        var options = new Dictionary<string, object?>
        {
            ["pool"] = CephServer.Pools[0],
            ["user"] = server.User,
            ["ceph_conf"] = server.Conf,
            ["keyring"] = server.Keyring,
            ["connect_timeout"] = "3s",
            ["operation_timeout"] = "3s",
        };
        return await factory.CreateAsync(OptionReader.Read(factory.Options, options), new StoreContext("tested", Path.GetTempPath(), TimeProvider.System, Quiet.Logger), Cancel);
    }
}
