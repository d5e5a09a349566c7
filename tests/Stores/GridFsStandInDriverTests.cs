using System.Collections.Concurrent;
using System.Security.Cryptography;
using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.GridFs;
using GlanceGateway.Stores.Tests.Conformance;
using GlanceGateway.Testing;
using MongoDB.Bson;
using MongoDB.Driver;
using MongoDB.Driver.GridFS;

namespace GlanceGateway.Stores.Tests;

/// <summary>What only the GridFS driver promises, over the stand-in for MongoDB unless there is a real one.</summary>
public sealed class GridFsStandInDriverTests : IAsyncLifetime
{
    private readonly TempDirectory root = new();
    private readonly ConcurrentQueue<string> log = new();
    private readonly string database = $"glance-{Guid.NewGuid():N}";
    private MongoServer server = null!;
    private MongoClient client = null!;
    private IStorageDriver? driver;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private IMongoDatabase Database => client.GetDatabase(database);

    private IMongoCollection<BsonDocument> Chunks => Database.GetCollection<BsonDocument>("fs.chunks");

    public async ValueTask InitializeAsync()
    {
        server = await SharedMongoServer.GetAsync();
        client = new MongoClient(server.ClientSettings);
    }

    public async ValueTask DisposeAsync()
    {
        if (driver is not null)
            await driver.DisposeAsync();
        if (client is not null)
        {
            await client.DropDatabaseAsync(database);
            client.Dispose();
        }

        root.Dispose();
        Assert.DoesNotContain(log, line => server is not null && line.Contains(server.Password, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Images_of_other_clients_are_read_whatever_their_chunk_size()
    {
        await OpenAsync();
        var bytes = RandomNumberGenerator.GetBytes(3_000_001);
        var bucket = new GridFSBucket<string>(Database);
        await bucket.UploadFromBytesAsync("an-old-id", "name", bytes, new GridFSUploadOptions { ChunkSizeBytes = 261_120 }, Cancel);

        await using var source = (await driver!.OpenAsync("gridfs://an-old-id", Cancel)).Value!;
        var part = new byte[700_000];
        Assert.Equal(part.Length, await source.ReadAsync(261_119, part, Cancel));
        Assert.True(bytes.AsSpan(261_119, part.Length).SequenceEqual(part));
        await using var stream = await source.OpenRangeAsync(0, null, Cancel);
        using var all = new MemoryStream();
        await stream.CopyToAsync(all, Cancel);
        Assert.True(all.ToArray().AsSpan().SequenceEqual(bytes));

        Assert.Equal(StoreOutcome.Ok, await driver!.DeleteAsync("gridfs://an-old-id", Cancel));
        Assert.Equal(0, await Chunks.CountDocumentsAsync(new BsonDocument("files_id", "an-old-id"), cancellationToken: Cancel));
    }

    [Fact]
    public async Task Other_clients_read_our_images_under_the_images_id()
    {
        await OpenAsync();
        var bytes = RandomNumberGenerator.GetBytes(9_500_000);
        var location = await StoreAsync(bytes, out var imageId);

        Assert.Equal($"gridfs://{imageId}", location);
        Assert.Equal(bytes, await new GridFSBucket<string>(Database).DownloadAsBytesAsync(imageId, cancellationToken: Cancel));
    }

    [Fact]
    public async Task Second_upload_of_an_id_leaves_the_first_ones_chunks_alone()
    {
        await OpenAsync();
        var bytes = RandomNumberGenerator.GetBytes(2_500_000);
        var location = await StoreAsync(bytes, out var imageId);

        Assert.Equal(StoreOutcome.Duplicate, (await driver!.BeginWriteAsync(new WriteRequest(NewAttempt(imageId), null, null), Cancel)).Outcome);

        await AssertHoldsAsync(location, bytes);
    }

    [Fact]
    public async Task Attempt_beside_another_writes_under_an_id_of_its_own()
    {
        await OpenAsync();
        var imageId = Guid.NewGuid().ToString("D");
        var (first, second) = (NewAttempt(imageId), NewAttempt(imageId));
        await using var slow = await BeginAsync(first);
        await slow.WriteAsync(RandomNumberGenerator.GetBytes(5_000_000), Cancel);
        var bytes = RandomNumberGenerator.GetBytes(3_000_000);
        string location;
        await using (var quick = await BeginAsync(second))
        {
            await quick.WriteAsync(bytes, Cancel);
            location = (await quick.CommitAsync(Cancel)).Value!.Location;
        }

        Assert.Equal($"gridfs://{imageId}-{second.AttemptId}", location);
        await driver!.SettleAsync(second, keepCommitted: true, Cancel);
        Assert.Equal(StoreOutcome.Duplicate, (await slow.CommitAsync(Cancel)).Outcome);
        await slow.DisposeAsync();
        Assert.Equal(StoreOutcome.Duplicate, (await driver!.BeginWriteAsync(new WriteRequest(NewAttempt(imageId), null, null), Cancel)).Outcome);
        await AssertHoldsAsync(location, bytes);

        Assert.Equal(StoreOutcome.Ok, await driver!.DeleteAsync(location, Cancel));
        Assert.Equal(0, await Chunks.CountDocumentsAsync(new BsonDocument(), cancellationToken: Cancel));
        await using var again = await BeginAsync(NewAttempt(imageId));
    }

    [Fact]
    public async Task Leftover_chunks_of_others_are_neither_damaged_nor_taken_for_ours()
    {
        await OpenAsync();
        var imageId = Guid.NewGuid().ToString("D");
        await Chunks.InsertOneAsync(new BsonDocument { ["files_id"] = imageId, ["n"] = 0, ["data"] = new BsonBinaryData([9, 9]) }, cancellationToken: Cancel);
        var attempt = NewAttempt(imageId);
        await using var writer = await BeginAsync(attempt);
        await writer.WriteAsync(new byte[] { 1, 2, 3 }, Cancel);
        var stored = (await writer.CommitAsync(Cancel)).Value!;
        await driver!.SettleAsync(attempt, keepCommitted: true, Cancel);

        await AssertHoldsAsync(stored.Location, [1, 2, 3]);
        Assert.Empty(await driver!.ListResidueAsync(Cancel).ToListAsync(Cancel));
        Assert.Equal(1, await Chunks.CountDocumentsAsync(new BsonDocument("files_id", imageId), cancellationToken: Cancel));
    }

    [Fact]
    public async Task Chunks_without_a_file_of_a_writer_that_outlived_its_settling_are_found()
    {
        await OpenAsync();
        var attempt = NewAttempt();
        var writer = await BeginAsync(attempt);
        await driver!.SettleAsync(attempt, keepCommitted: false, Cancel);
        await writer.WriteAsync(RandomNumberGenerator.GetBytes(8 << 20), Cancel);
        await WaitForAsync(async () => await Chunks.CountDocumentsAsync(new BsonDocument(), cancellationToken: Cancel) == 8);

        Assert.Equal(attempt, Assert.Single(await driver!.ListResidueAsync(Cancel).ToListAsync(Cancel)).Attempt);
        await driver!.SettleAsync(attempt, keepCommitted: false, Cancel);

        Assert.Equal(0, await Chunks.CountDocumentsAsync(new BsonDocument(), cancellationToken: Cancel));
        await writer.DisposeAsync();
    }

    [Fact]
    public async Task Reader_of_a_deleted_image_gets_an_error_also_when_it_is_stored_again()
    {
        await OpenAsync();
        var location = await StoreAsync(RandomNumberGenerator.GetBytes(3_000_000), out var imageId);
        await using var source = (await driver!.OpenAsync(location, Cancel)).Value!;
        await driver!.DeleteAsync(location, Cancel);
        var attempt = NewAttempt(imageId);
        await using var writer = await BeginAsync(attempt);
        await writer.WriteAsync(new byte[3_000_000], Cancel);
        await writer.CommitAsync(Cancel);

        var fault = await Assert.ThrowsAsync<StoreException>(async () => await source.ReadAsync(0, new byte[100], Cancel));

        Assert.Equal(StoreError.Changed, fault.Error);
    }

    [Fact]
    public async Task Missing_or_short_chunk_is_corruption()
    {
        await OpenAsync();
        var location = await StoreAsync(RandomNumberGenerator.GetBytes(3_000_000), out var imageId);
        await using var source = (await driver!.OpenAsync(location, Cancel)).Value!;
        await Chunks.DeleteOneAsync(new BsonDocument { ["files_id"] = imageId, ["n"] = 1 }, Cancel);

        var fault = await Assert.ThrowsAsync<StoreException>(async () => await source.ReadAsync(0, new byte[3_000_000], Cancel));

        Assert.Equal(StoreError.Corrupt, fault.Error);
        Assert.Equal(100, await source.ReadAsync(0, new byte[100], Cancel));
    }

    [Fact]
    public async Task Wrong_password_is_refused_without_being_told()
    {
        Requires.Need(server.IsStandIn, "this server's users are not the tests'");

        var fault = await Assert.ThrowsAsync<StoreException>(async () => await OpenAsync(("password", "wrong-secret-4711")));

        Assert.Equal(StoreError.Misconfigured, fault.Error);
        Assert.Contains("refuses the log-in", fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("4711", fault.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Password_may_come_from_a_file()
    {
        Requires.Need(server.IsStandIn, "this server's users are not the tests'");
        await File.WriteAllTextAsync(root["password"], server.Password + "\n", Cancel);

        await OpenAsync(("password", null), ("password_file", root["password"]));

        await StoreAsync([1], out _);
    }

    [Fact]
    public async Task Tls_is_verified_against_the_named_authority()
    {
        Requires.Need(server.IsStandIn, "this server's certificates are not the tests'");
        var uri = $"mongodb://localhost:{server.TlsPort}/?directConnection=true";
        var untrusted = await Assert.ThrowsAsync<StoreException>(async () => await OpenAsync(("uri", uri), ("tls", true), ("connect_timeout", "3s")));
        Assert.Contains(untrusted.Error, new[] { StoreError.Misconfigured, StoreError.Unavailable });

        await OpenAsync(("uri", uri), ("ca_file", server.CaFile));
        await AssertHoldsAsync(await StoreAsync([1, 2, 3], out _), [1, 2, 3]);
    }

    [Theory]
    [InlineData("uri", "mongodb://user:hunter2-4711@host/db")]
    [InlineData("uri", "mongodb://host/?tlsInsecure=true")]
    [InlineData("uri", "http://host")]
    [InlineData("chunk_size", 300_000L)]
    [InlineData("bucket", "")]
    [InlineData("database", "")]
    [InlineData("ca_file", "/no/such/file")]
    [InlineData("password_file", "/no/such/file")]
    public async Task Bad_options_are_refused_without_their_secrets(string name, object value)
    {
        var fault = await Assert.ThrowsAsync<StoreException>(async () => await OpenAsync(name == "password_file" ? [("password", null), (name, value)] : [(name, value)]));

        Assert.Equal(StoreError.Misconfigured, fault.Error);
        Assert.Contains(name, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("4711", fault.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Server_that_is_gone_is_unavailable_in_bounded_time()
    {
        await using var own = await MongoServer.StartAsync();
        Requires.Need(own.IsStandIn, "this server is not the tests' to stop");
        server = own;
        await OpenAsync(("connect_timeout", "2s"), ("operation_timeout", "5s"));
        var location = await StoreAsync([1, 2, 3], out _);
        var writer = await BeginAsync(NewAttempt());
        await own.StopAsync();

        var fault = await Assert.ThrowsAsync<StoreException>(async () => await driver!.OpenAsync(location, Cancel));
        Assert.Contains(fault.Error, new[] { StoreError.Unavailable, StoreError.TimedOut });
        await writer.WriteAsync(new byte[] { 1 }, Cancel);
        await Assert.ThrowsAsync<StoreException>(async () => await writer.CommitAsync(Cancel));
        await writer.DisposeAsync();
        Assert.Contains(log, line => line.Contains("left as residue", StringComparison.Ordinal));

        await own.StartAgainAsync();
        await StoreAsync([4], out _);
        await driver!.DisposeAsync();
        driver = null;
        server = await SharedMongoServer.GetAsync();
    }

    private static WriteAttempt NewAttempt(string? imageId = null) => new(imageId ?? Guid.NewGuid().ToString("D"), Guid.NewGuid().ToString("N"));

    private static async Task WaitForAsync(Func<Task<bool>> condition)
    {
        for (var i = 0; !await condition(); i++)
        {
            Assert.True(i < 600, "it did not happen within a minute");
            await Task.Delay(100, Cancel);
        }
    }

    private async Task OpenAsync(params (string Name, object? Value)[] changes)
    {
        var options = server.Options(database);
        foreach (var (name, value) in changes)
        {
            if (value is null)
                options.Remove(name);
            else
                options[name] = value;
        }

        var factory = new GridFsDriverFactory();
        driver = await factory.CreateAsync(OptionReader.Read(factory.Options, options), new Context(log), Cancel);
    }

    private async Task<IStoreWriter> BeginAsync(WriteAttempt attempt) => (await driver!.BeginWriteAsync(new WriteRequest(attempt, null, null), Cancel)).Value!;

    private Task<string> StoreAsync(byte[] bytes, out string imageId)
    {
        var attempt = NewAttempt();
        imageId = attempt.ImageId;
        return StoreAsync(attempt, bytes);
    }

    private async Task<string> StoreAsync(WriteAttempt attempt, byte[] bytes)
    {
        await using var writer = await BeginAsync(attempt);
        Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(bytes, Cancel));
        var stored = (await writer.CommitAsync(Cancel)).Value!;
        await driver!.SettleAsync(attempt, keepCommitted: true, Cancel);
        return stored.Location;
    }

    private async Task AssertHoldsAsync(string location, byte[] bytes)
    {
        await using var source = (await driver!.OpenAsync(location, Cancel)).Value!;
        var buffer = new byte[bytes.Length + 1];
        Assert.Equal(bytes.Length, await source.ReadAsync(0, buffer, Cancel));
        Assert.True(buffer.AsSpan(0, bytes.Length).SequenceEqual(bytes));
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
