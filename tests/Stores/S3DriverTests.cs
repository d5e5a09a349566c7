using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.S3;
using GlanceGateway.Stores.Tests.Conformance;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests;

/// <summary>What only the S3 driver promises, over a real RadosGW. Not beside others, because one test measures memory.</summary>
[Collection(nameof(S3DriverTests))]
[CollectionDefinition(nameof(S3DriverTests), DisableParallelization = true)]
public sealed class S3DriverTests : IAsyncLifetime
{
    private const int MiB = 1024 * 1024;
    private readonly TempDirectory root = new();
    private readonly ConcurrentQueue<string> log = new();
    private readonly string bucket = $"glance-{Guid.NewGuid():N}";
    private RadosGateway server = null!;
    private IStorageDriver? driver;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => server = await SharedRadosGateway.GetAsync();

    public async ValueTask DisposeAsync()
    {
        if (driver is not null)
            await driver.DisposeAsync();
        root.Dispose();
        Assert.DoesNotContain(log, line => server is not null && line.Contains(server.SecretKey, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("access_key", "nobody")]
    [InlineData("secret_key", "wrong-secret-4711")]
    public async Task Wrong_key_is_refused_by_name_though_the_server_says_little(string option, string value)
    {
        var fault = await RefusalAsync((option, value));

        Assert.Contains(option, fault.Message, StringComparison.Ordinal);
        Assert.Contains("403", fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("4711", fault.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Missing_bucket_is_refused_with_the_remedy()
    {
        var fault = await RefusalAsync(("create_bucket", false));

        Assert.Contains("create_bucket", fault.Message, StringComparison.Ordinal);
        Assert.Contains(bucket, fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("endpoint", "storage.example")]
    [InlineData("endpoint", "https://key:secret@storage.example")]
    [InlineData("endpoint", "https://storage.example/bucket")]
    [InlineData("bucket", "a/b")]
    [InlineData("region", "")]
    [InlineData("access_key", "")]
    [InlineData("secret_key", null)]
    [InlineData("secret_key_file", "/nowhere")]
    [InlineData("addressing", "virtual")]
    [InlineData("addressing", "other")]
    [InlineData("part_size", "1KiB")]
    [InlineData("parts_in_flight", 0L)]
    [InlineData("ca_file", "/nowhere")]
    public async Task Options_that_cannot_work_are_refused_by_name(string option, object? value)
    {
        var fault = await RefusalAsync((option, value));

        Assert.Contains(option, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Certificate_must_be_trusted()
    {
        var fault = await RefusalAsync(("endpoint", server.TlsEndpoint));
        Assert.Contains("ca_file", fault.Message, StringComparison.Ordinal);

        await OpenAsync(("endpoint", server.TlsEndpoint), ("ca_file", server.CaFile), ("part_size", "64KiB"));
        var bytes = RandomNumberGenerator.GetBytes(300_000);
        var location = await StoreAsync(bytes);

        Assert.StartsWith("s3+https://", location, StringComparison.Ordinal);
        Assert.Equal(bytes, await ReadAsync(location));
    }

    [Fact]
    public async Task Secret_may_come_from_a_file()
    {
        await File.WriteAllTextAsync(root["secret"], server.SecretKey + "\n", Cancel);

        await OpenAsync(("secret_key", null), ("secret_key_file", root["secret"]));

        await StoreAsync([1]);
    }

    [Fact]
    public async Task Server_that_says_nothing_is_timed_out()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();

        var fault = await Assert.ThrowsAsync<StoreException>(
            async () => await OpenAsync(("endpoint", $"http://127.0.0.1:{((IPEndPoint)silent.LocalEndpoint).Port}"), ("operation_timeout", "1s")));

        Assert.Equal(StoreError.TimedOut, fault.Error);
    }

    [Fact]
    public async Task Location_with_credentials_is_read_without_them()
    {
        await OpenAsync();
        var location = await StoreAsync([1, 2, 3]);

        Assert.Equal([1, 2, 3], await ReadAsync(location.Replace("s3+http://", "s3://user:se/cr:et@", StringComparison.Ordinal)));
        var fault = await Assert.ThrowsAsync<StoreException>(async () => await driver!.OpenAsync($"s3://user:se/cr:et@elsewhere/{bucket}/x", Cancel));
        Assert.DoesNotContain("cr:et", $"{fault} {fault.Key}", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Object_that_is_replaced_or_deleted_while_open_is_changed_not_read()
    {
        await OpenAsync();
        var location = await StoreAsync([1, 2, 3]);
        await using var source = (await driver!.OpenAsync(location, Cancel)).Value!;
        using var client = Client();

        await client.PutObjectAsync(new PutObjectRequest { BucketName = bucket, Key = location[^36..], ContentBody = "xyz" }, Cancel);
        Assert.Equal(StoreError.Changed, (await Assert.ThrowsAsync<StoreException>(async () => await source.ReadAsync(0, new byte[3], Cancel))).Error);
        await driver.DeleteAsync(location, Cancel);
        Assert.Equal(StoreError.Changed, (await Assert.ThrowsAsync<StoreException>(async () => await source.OpenRangeAsync(0, null, Cancel))).Error);
    }

    [Fact]
    public async Task Bucket_that_is_gone_is_not_a_missing_image()
    {
        await OpenAsync();
        using var client = Client();
        await client.DeleteBucketAsync(bucket, Cancel);
        var location = $"s3+http://{new Uri(server.Endpoint).Authority}/{bucket}/{Guid.NewGuid()}";

        Assert.Contains(bucket, (await Assert.ThrowsAsync<StoreException>(async () => await driver!.OpenAsync(location, Cancel))).Message, StringComparison.Ordinal);
        Assert.Contains(bucket, (await Assert.ThrowsAsync<StoreException>(async () => await driver!.DeleteAsync(location, Cancel))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Abort_leaves_no_upload_and_no_object()
    {
        await OpenAsync(("part_size", "64KiB"));
        var writer = await BeginAsync(NewAttempt());
        await writer.WriteAsync(new byte[MiB], Cancel);
        using var client = Client();
        Assert.Single((await client.ListMultipartUploadsAsync(bucket, Cancel)).MultipartUploads);

        await writer.DisposeAsync();

        Assert.Empty((await client.ListMultipartUploadsAsync(bucket, Cancel)).MultipartUploads ?? []);
        Assert.Empty((await client.ListObjectsV2Async(new ListObjectsV2Request { BucketName = bucket }, Cancel)).S3Objects ?? []);
    }

    [Fact]
    public async Task Upload_that_was_settled_meanwhile_cannot_commit()
    {
        await OpenAsync(("part_size", "64KiB"));
        var attempt = NewAttempt();
        await using var writer = await BeginAsync(attempt);
        await writer.WriteAsync(new byte[MiB], Cancel);

        await driver!.SettleAsync(attempt, keepCommitted: false, Cancel);

        await Assert.ThrowsAsync<StoreException>(async () => await writer.CommitAsync(Cancel));
        using var client = Client();
        Assert.Empty((await client.ListMultipartUploadsAsync(bucket, Cancel)).MultipartUploads ?? []);
    }

    [Fact]
    public async Task Upload_that_no_marker_names_goes_with_the_last_marker_of_its_image()
    {
        await OpenAsync(("part_size", "64KiB"));
        var (crashed, other) = (NewAttempt(), NewAttempt());
        other = other with { ImageId = crashed.ImageId };
        using var client = Client();
        foreach (var attempt in (WriteAttempt[])[crashed, other])
            await client.PutObjectAsync(new PutObjectRequest { BucketName = bucket, Key = $".glance-{attempt.ImageId}-{attempt.AttemptId}", ContentBody = "" }, Cancel);
        await client.InitiateMultipartUploadAsync(new InitiateMultipartUploadRequest { BucketName = bucket, Key = crashed.ImageId }, Cancel);
        Assert.Equal(2, (await driver!.ListResidueAsync(Cancel).ToListAsync(Cancel)).Count);

        await driver.SettleAsync(crashed, keepCommitted: false, Cancel);
        Assert.Single((await client.ListMultipartUploadsAsync(bucket, Cancel)).MultipartUploads);
        await driver.SettleAsync(other, keepCommitted: false, Cancel);

        Assert.Empty((await client.ListMultipartUploadsAsync(bucket, Cancel)).MultipartUploads ?? []);
        Assert.Empty(await driver.ListResidueAsync(Cancel).ToListAsync(Cancel));
    }

    [Fact]
    public async Task Large_image_of_unknown_size_takes_bounded_memory_and_one_request_to_download()
    {
        const int Total = 200;
        await OpenAsync();
        var block = RandomNumberGenerator.GetBytes(MiB);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var most = 0L;
        var attempt = NewAttempt();
        string location;
        await using (var writer = await BeginAsync(attempt))
        {
            for (var i = 0; i < Total; i++)
            {
                BitConverter.TryWriteBytes(block, i);
                Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(block, Cancel));
                most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: i % 20 == 19) - before);
            }

            location = (await writer.CommitAsync(Cancel)).Value!.Location;
        }

        await driver!.SettleAsync(attempt, keepCommitted: true, Cancel);
        Assert.InRange(most, 1, 110L * MiB);

        var read = 0L;
        await using var source = (await driver.OpenAsync(location, Cancel)).Value!;
        await using (var stream = await source.OpenRangeAsync(0, null, Cancel))
        {
            var buffer = new byte[MiB];
            for (var i = 0; i < Total; i++)
            {
                await stream.ReadExactlyAsync(buffer, Cancel);
                Assert.Equal(i, BitConverter.ToInt32(buffer));
                read += buffer.Length;
            }

            Assert.Equal(0, await stream.ReadAsync(buffer, Cancel));
        }

        Assert.Equal((long)Total * MiB, read);
        var requests = await server.ReadLogAsync($"\"GET /{bucket}/{attempt.ImageId} ");
        for (var i = 0; i < 50 && requests.Count == 0; i++)
        {
            await Task.Delay(100, Cancel);
            requests = await server.ReadLogAsync($"\"GET /{bucket}/{attempt.ImageId} ");
        }

        Assert.Single(requests);
    }

    [Fact]
    public async Task Server_killed_in_the_middle_fails_the_upload_and_serves_again_after_its_restart()
    {
        await using var own = await RadosGateway.StartAsync();
        server = own;
        await OpenAsync(("part_size", "64KiB"), ("operation_timeout", "5s"));
        var bytes = RandomNumberGenerator.GetBytes(3 * MiB);
        var location = await StoreAsync(bytes);
        await using var source = (await driver!.OpenAsync(location, Cancel)).Value!;
        var attempt = NewAttempt();
        var writer = await BeginAsync(attempt);
        await writer.WriteAsync(new byte[MiB], Cancel);

        await own.KillAsync();

        var watch = Stopwatch.StartNew();
        var fault = await Assert.ThrowsAsync<StoreException>(async () =>
        {
            for (var i = 0; i < 1000; i++)
                await writer.WriteAsync(new byte[MiB], Cancel);
        });
        Assert.Contains(fault.Error, new[] { StoreError.Unavailable, StoreError.TimedOut });
        await Assert.ThrowsAsync<StoreException>(async () => await writer.CommitAsync(Cancel));
        Assert.Equal(StoreError.Unavailable, (await Assert.ThrowsAsync<StoreException>(async () => await source.ReadAsync(0, new byte[10], Cancel))).Error);
        await writer.DisposeAsync();
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(30), $"it took {watch.Elapsed}");
        Assert.Contains(log, line => line.Contains("left as residue", StringComparison.Ordinal));

        await own.StartAgainAsync();

        var buffer = new byte[bytes.Length];
        Assert.Equal(bytes.Length, await source.ReadAsync(0, buffer, Cancel));
        Assert.Equal(bytes, buffer);
        Assert.Equal(attempt, Assert.Single(await driver.ListResidueAsync(Cancel).ToListAsync(Cancel)).Attempt);
        await driver.SettleAsync(attempt, keepCommitted: false, Cancel);
        Assert.Empty(await driver.ListResidueAsync(Cancel).ToListAsync(Cancel));
        using var client = Client();
        Assert.Empty((await client.ListMultipartUploadsAsync(bucket, Cancel)).MultipartUploads ?? []);
        await StoreAsync([1, 2, 3]);
        await driver.DisposeAsync();
        driver = null;
    }

    private static WriteAttempt NewAttempt() => new(Guid.NewGuid().ToString("D"), Guid.NewGuid().ToString("N"));

    private AmazonS3Client Client() => new(
        new BasicAWSCredentials(server.AccessKey, server.SecretKey),
        new AmazonS3Config { ServiceURL = server.Endpoint, ForcePathStyle = true, RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED });

    private async Task OpenAsync(params (string Name, object? Value)[] changes)
    {
        var options = new Dictionary<string, object?>
        {
            ["endpoint"] = server.Endpoint,
            ["bucket"] = bucket,
            ["access_key"] = server.AccessKey,
            ["secret_key"] = server.SecretKey,
            ["create_bucket"] = true,
        };
        foreach (var (name, value) in changes)
        {
            if (value is null)
                options.Remove(name);
            else
                options[name] = value;
        }

        var factory = new S3DriverFactory();
        driver = await factory.CreateAsync(OptionReader.Read(factory.Options, options), new Context(log, root.Path), Cancel);
    }

    private async Task<StoreException> RefusalAsync(params (string Name, object? Value)[] changes)
    {
        var fault = await Assert.ThrowsAsync<StoreException>(async () => await OpenAsync(changes));
        Assert.Equal(StoreError.Misconfigured, fault.Error);
        Assert.DoesNotContain(server.SecretKey, fault.ToString(), StringComparison.Ordinal);
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

    private async Task<byte[]> ReadAsync(string location)
    {
        await using var source = (await driver!.OpenAsync(location, Cancel)).Value!;
        await using var stream = await source.OpenRangeAsync(0, null, Cancel);
        using var all = new MemoryStream();
        await stream.CopyToAsync(all, Cancel);
        return all.ToArray();
    }

    private sealed class Context(ConcurrentQueue<string> log, string scratch) : IStoreContext
    {
        public string StoreId => "tested";

        public TimeProvider Time => TimeProvider.System;

        public string ScratchDirectory => scratch;

        public IOutboundConnector Connector { get; } = new GuardedConnector(new OutboundRules(), TimeProvider.System);

        public void Log(StoreLogLevel level, string message, Exception? exception = null) => log.Enqueue($"{level} {message} {exception}");
    }
}
