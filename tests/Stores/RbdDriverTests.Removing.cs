using System.Security.Cryptography;
using System.Text.Json;
using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.Rbd;
using GlanceGateway.Stores.Tests.Conformance;

namespace GlanceGateway.Stores.Tests;

// Deleting and settling: what is in use, what a removal or a crash leaves.
public sealed partial class RbdDriverTests
{
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
    public async Task Watch_that_a_lost_connection_of_the_store_left_is_no_use_of_the_image()
    {
        var (location, id) = await StoreAsync([1, 2, 3]);
        await using var connection = new CephConnection(Settings());
        await using var own = new RbdDriver(Settings(), connection, server.Fsid, new LoggingContext(root.Path, log));
        var left = await connection.RunAsync(
            cluster =>
            {
                Assert.Equal(0, RbdImage.TryOpen(cluster, id, out var image));
                cluster.Retire();
                return image!;
            },
            Cancel);

        var fault = await Assert.ThrowsAsync<StoreException>(async () => await own.DeleteAsync(location, Cancel));

        Assert.Equal(StoreError.Unavailable, fault.Error);
        Assert.Contains("30 s", fault.Message, StringComparison.Ordinal);
        Assert.True(await IsProtectedAsync(id));
        Assert.Equal(StoreOutcome.InUse, await driver.DeleteAsync(location, Cancel));
        left.Close(mayBlock: true);
        Assert.Equal(StoreOutcome.Ok, await own.DeleteAsync(location, Cancel));
    }

    [Fact]
    public async Task Image_that_somebody_half_removed_and_still_has_open_is_not_called_whole()
    {
        var (location, id) = await StoreAsync([1, 2, 3]);
        var elsewhere = CephCluster.Connect(Settings());
        Assert.Equal(0, RbdImage.TryOpen(elsewhere, id, out var image));
        await server.MustAsync("rbd", "snap", "unprotect", $"{Pool}/{id}@snap");
        await server.MustAsync("rbd", "snap", "rm", "--no-progress", $"{Pool}/{id}@snap");

        var fault = await Assert.ThrowsAsync<StoreException>(async () => await driver.DeleteAsync(location, Cancel));

        Assert.Equal(StoreError.Unavailable, fault.Error);
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
}
