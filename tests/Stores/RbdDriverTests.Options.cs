using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.Rbd;
using GlanceGateway.Plugins.Rbd.Native;
using GlanceGateway.Stores.Tests.Conformance;

namespace GlanceGateway.Stores.Tests;

// What is refused before anything is stored, and how much room there is.
public sealed partial class RbdDriverTests
{
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
    public async Task Who_may_only_read_reads_and_is_denied_the_rest()
    {
        var bytes = new byte[2 * 1024 * 1024];
        bytes[4711] = 1;
        var (location, id) = await StoreAsync(bytes);
        await File.WriteAllTextAsync(
            root["reader.keyring"], await server.MustAsync("ceph", "auth", "get-or-create", "client.reader", "mon", "profile rbd", "osd", $"profile rbd-read-only pool={Pool}"), Cancel);
        var reader = await OpenAsync(("user", "reader"), ("keyring", root["reader.keyring"]));

        Assert.Equal(bytes, await ReadAsync(location, reader));
        Assert.Equal(StoreOutcome.Denied, (await reader.BeginWriteAsync(new WriteRequest(NewAttempt(), 1, ProjectId: null), Cancel)).Outcome);
        Assert.Equal(StoreOutcome.Denied, await reader.DeleteAsync(location, Cancel));
        Assert.Equal(bytes, await ReadAsync(location));
        Assert.True(await IsProtectedAsync(id));
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
}
