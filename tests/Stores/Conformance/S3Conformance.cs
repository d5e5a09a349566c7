using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using GlanceGateway.Abstractions;
using GlanceGateway.Conformance;
using GlanceGateway.Plugins.S3;
using GlanceGateway.Stores.Tests.Faults;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests.Conformance;

public sealed class S3Conformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new S3Fixture(hosted: false, partSize: "10MiB");
}

/// <summary>The same suite with parts so small that nearly every image is a multipart upload.</summary>
public sealed class MultipartS3Conformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new S3Fixture(hosted: false, partSize: "128KiB");
}

/// <summary>The same suite over the driver as the product uses it: loaded from its folder with its own dependencies, behind the guard.</summary>
public sealed class HostedS3Conformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new S3Fixture(hosted: true, partSize: "512KiB");
}

public sealed class S3Fixture(bool hosted, string partSize) : DriverFixture
{
    private readonly TempDirectory root = new();
    private readonly string bucket = $"glance-{Guid.NewGuid():N}";
    private readonly List<IAsyncDisposable> opened = [];
    private RadosGateway? server;
    private FaultProxy? line;
    private AmazonS3Client? client;

    public override string DriverName => "s3";

    // An image of one part is a single PUT, which knows nothing of what was settled before it.
    public override bool SettledAttemptsCannotCommit => false;

    // The first part is held back, because the image may end within it.
    public override bool WritesLeaveResidue => partSize != "10MiB";

    public override async ValueTask<IStorageDriver> OpenAsync(CancellationToken cancellationToken)
    {
        server = await SharedRadosGateway.GetAsync();
        line ??= new FaultProxy(new Uri(server.Endpoint).Port);
        client ??= new AmazonS3Client(
            new BasicAWSCredentials(server.AccessKey, server.SecretKey),
            new AmazonS3Config { ServiceURL = server.Endpoint, ForcePathStyle = true, RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED });
        var options = new Dictionary<string, object?>
        {
            ["endpoint"] = $"http://127.0.0.1:{line.Port}",
            ["bucket"] = bucket,
            ["access_key"] = server.AccessKey,
            ["secret_key"] = server.SecretKey,
            ["create_bucket"] = true,
            ["part_size"] = partSize,
        };
        return hosted ? await OpenHostedAsync(options, cancellationToken) : await OpenBareAsync(options, cancellationToken);
    }

    public override bool CanBreak => true;

    public override ValueTask BreakAsync(CancellationToken cancellationToken)
    {
        line!.Begin(NetworkFault.Refusal, afterBytes: 0);
        return ValueTask.CompletedTask;
    }

    public override ValueTask MendAsync(CancellationToken cancellationToken)
    {
        line!.End();
        return ValueTask.CompletedTask;
    }

    // Objects, and multipart uploads that nobody has ended.
    public override async ValueTask<long?> CountStoredAsync(CancellationToken cancellationToken)
    {
        var count = 0L;
        await foreach (var _ in client!.Paginators.ListObjectsV2(new ListObjectsV2Request { BucketName = bucket }).S3Objects.WithCancellation(cancellationToken))
            count++;
        await foreach (var _ in client.Paginators.ListMultipartUploads(new ListMultipartUploadsRequest { BucketName = bucket }).Uploads.WithCancellation(cancellationToken))
            count++;
        return count;
    }

    public override ValueTask<IStorageDriver> ReopenAsync(IStorageDriver killed, CancellationToken cancellationToken) => OpenAsync(cancellationToken);

    public override IEnumerable<string> ForeignLocations(string location)
    {
        var id = Guid.NewGuid();
        var host = $"127.0.0.1:{line!.Port}";
        return
        [
            $"s3+http://{host}/{bucket}", $"s3+http://{host}/{bucket}/", $"s3+http://{host}/{bucket}//{id}", $"s3+http://{host}/{bucket}/a/{id}", $"s3+http://{host}/{bucket}x/{id}",
            $"s3+http://{host}/other/{id}", $"s3+http://{host}0/{bucket}/{id}", $"s3+http://localhost/{bucket}/{id}", $"s3+https://{host}/{bucket}/{id}", $"S3+http://{host}/{bucket}/{id}",
            $"s3+http://{host}/{bucket}/.", $"s3+http://{host}/{bucket}/..", $"s3+http://{host}/{bucket}/.glance-{id}-{id:N}", $"s3+http:/{host}/{bucket}/{id}", $"http://{host}/{bucket}/{id}",
            $"s3+http://key:secret@elsewhere/{bucket}/{id}", $"s3+http://{host}/{bucket}/{id}@x",
        ];
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var one in opened)
            await one.DisposeAsync();
        if (line is not null)
            await line.DisposeAsync();
        client?.Dispose();
        root.Dispose();
        await base.DisposeAsync();
    }

    private async ValueTask<IStorageDriver> OpenBareAsync(Dictionary<string, object?> options, CancellationToken cancellationToken)
    {
        var factory = new S3DriverFactory();
        var driver = await factory.CreateAsync(
            OptionReader.Read(factory.Options, options), new StoreContext("tested", root.Path, TimeProvider.System, Quiet.Logger), cancellationToken);
        opened.Add(driver);
        return driver;
    }

    private async ValueTask<IStorageDriver> OpenHostedAsync(Dictionary<string, object?> options, CancellationToken cancellationToken)
    {
        PluginFolders.CopyProduct("S3", root["plugins"]);
        var set = await StoreSet.OpenAsync(
            PluginCatalog.Scan([root["plugins"]]),
            [new StoreDefinition { Id = "tested", Driver = DriverName, Options = options }],
            new StoreSetOptions { ScratchRoot = root["scratch"] },
            Quiet.Loggers,
            TimeProvider.System,
            cancellationToken);
        opened.Add(set);
        return set.Default.Driver;
    }
}
