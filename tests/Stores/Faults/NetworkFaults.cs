using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.GridFs;
using GlanceGateway.Plugins.Http;
using GlanceGateway.Plugins.S3;
using GlanceGateway.Plugins.Sftp;
using GlanceGateway.Plugins.Sheepdog;
using GlanceGateway.Plugins.Swift;
using GlanceGateway.Stores.Tests.Conformance;
using GlanceGateway.Stores.Tests.Sheepdog;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests.Faults;

// The RBD driver's are in RbdFaults: its library connects to the addresses in the cluster's own map, so no proxy can stand in between.

public sealed class SftpFaults : DriverFaults
{
    public override NetworkedFixture CreateFixture() => new Fixture();

    private sealed class Fixture : StoreFixture
    {
        private readonly string folder = Guid.NewGuid().ToString("N");
        private SftpServer? server;

        public override async ValueTask<int> StartAsync(CancellationToken cancellationToken) => (server = await SharedSftpServer.GetAsync()).Port;

        public override ValueTask<IStorageDriver> OpenAsync(int port, CancellationToken cancellationToken) => OpenAsync(
            new SftpDriverFactory(),
            new Dictionary<string, object?>
            {
                ["host"] = "127.0.0.1",
                ["port"] = (long)port,
                ["user"] = server!.User,
                ["password"] = server.Password,
                ["host_key_fingerprint"] = server.Fingerprint,
                ["directory"] = $"{server.Directory}/{folder}",
                ["connect_timeout"] = "2s",
                ["operation_timeout"] = "1s",
            },
            cancellationToken);

        public override ValueTask DisposeAsync()
        {
            if (server is not null && Directory.Exists(Path.Combine(server.LocalDirectory, folder)))
                Directory.Delete(Path.Combine(server.LocalDirectory, folder), recursive: true);
            return base.DisposeAsync();
        }
    }
}

public sealed class S3Faults : DriverFaults
{
    public override NetworkedFixture CreateFixture() => new Fixture();

    internal sealed class Fixture : StoreFixture
    {
        private RadosGateway? server;

        public override bool NoticesLostBytes => false;

        public override async ValueTask<int> StartAsync(CancellationToken cancellationToken) =>
            new Uri((server = await SharedRadosGateway.GetAsync()).Endpoint).Port;

        public override ValueTask<IStorageDriver> OpenAsync(int port, CancellationToken cancellationToken) => OpenAsync(
            new S3DriverFactory(),
            new Dictionary<string, object?>
            {
                ["endpoint"] = $"http://127.0.0.1:{port}",
                ["bucket"] = $"glance-{Guid.NewGuid():N}",
                ["access_key"] = server!.AccessKey,
                ["secret_key"] = server.SecretKey,
                ["create_bucket"] = true,
                ["part_size"] = "2MiB",
                ["operation_timeout"] = "3s",
            },
            cancellationToken);
    }
}

public sealed class SwiftFaults : DriverFaults
{
    public override NetworkedFixture CreateFixture() => new Fixture(tenants: false);

    internal sealed class Fixture(bool tenants) : StoreFixture
    {
        private SwiftServer? server;

        public override bool NoticesLostBytes => false;

        public override async ValueTask<int> StartAsync(CancellationToken cancellationToken) =>
            new Uri((server = await SharedSwiftServer.GetAsync()).AuthUrl).Port;

        public override ValueTask<IStorageDriver> OpenAsync(int port, CancellationToken cancellationToken)
        {
            var options = SwiftFixture.OptionsOf(server!);
            options["auth_url"] = new UriBuilder(server!.AuthUrl) { Port = port }.Uri.ToString();
            options["storage_url"] = new UriBuilder(server.StorageUrl) { Port = port }.Uri.ToString();
            options["container"] = $"glance-{Guid.NewGuid():N}";
            options["create_container"] = true;
            options["segment_size"] = "2MiB";
            options["operation_timeout"] = "3s";
            if (tenants)
            {
                options["multi_tenant"] = true;
                options["username"] = "glance:reseller";
            }

            return OpenAsync(new SwiftDriverFactory(), options, cancellationToken);
        }
    }
}

/// <summary>With a container for each image, and segments read one by one.</summary>
public sealed class TenantSwiftFaults : DriverFaults
{
    public override NetworkedFixture CreateFixture() => new SwiftFaults.Fixture(tenants: true);
}

public sealed class HttpFaults : DownloadFaults
{
    public override NetworkedFixture CreateFixture() => new Fixture();

    internal sealed class Fixture : StoreFixture
    {
        private WebServer? server;

        public override bool NoticesLostBytes => false;

        public override async ValueTask<int> StartAsync(CancellationToken cancellationToken) =>
            new Uri((server = await SharedWebServer.GetAsync()).Url).Port;

        public override ValueTask<IStorageDriver> OpenAsync(int port, CancellationToken cancellationToken) => OpenAsync(
            new HttpDriverFactory(),
            new Dictionary<string, object?> { ["operation_timeout"] = "3s" },
            cancellationToken,
            new GuardedConnector(HttpFixture.Loopback, TimeProvider.System));

        public override async ValueTask<string?> PlaceAsync(byte[] content, int port, CancellationToken cancellationToken)
        {
            var name = Guid.NewGuid().ToString();
            await File.WriteAllBytesAsync(server!.PathOf(name), content, cancellationToken);
            return $"http://127.0.0.1:{port}/{name}";
        }
    }
}

public sealed class GridFsStandInFaults : DriverFaults
{
    public override NetworkedFixture CreateFixture() => new Fixture();

    private sealed class Fixture : StoreFixture
    {
        private MongoServer? server;

        public override async ValueTask<int> StartAsync(CancellationToken cancellationToken)
        {
            server = await SharedMongoServer.GetAsync();
            Requires.Need(server.IsOnLoopback, "a proxy stands only before a server that the tests started");
            return server.Port;
        }

        public override ValueTask<IStorageDriver> OpenAsync(int port, CancellationToken cancellationToken)
        {
            var options = server!.Options($"glance-{Guid.NewGuid():N}");
            options["uri"] = $"mongodb://127.0.0.1:{port}/?directConnection=true";
            options["connect_timeout"] = "2s";
            options["operation_timeout"] = "1s";
            return OpenAsync(new GridFsDriverFactory(), options, cancellationToken);
        }
    }
}

public sealed class SheepdogStandInFaults : DriverFaults
{
    public override NetworkedFixture CreateFixture() => new Fixture();

    private sealed class Fixture : StoreFixture
    {
        private readonly StandInSheep sheep = StandInSheep.Start();

        public override ValueTask<int> StartAsync(CancellationToken cancellationToken) => ValueTask.FromResult(sheep.Port);

        public override ValueTask<IStorageDriver> OpenAsync(int port, CancellationToken cancellationToken) => OpenAsync(
            new SheepdogDriverFactory(),
            new Dictionary<string, object?> { ["host"] = "127.0.0.1", ["port"] = (long)port, ["connect_timeout"] = "2s", ["operation_timeout"] = "1s" },
            cancellationToken);

        public override async ValueTask DisposeAsync()
        {
            await sheep.DisposeAsync();
            await base.DisposeAsync();
        }
    }
}

public abstract class StoreFixture : NetworkedFixture
{
    private readonly TempDirectory root = new();

    public override ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        root.Dispose();
        return base.DisposeAsync();
    }

    protected ValueTask<IStorageDriver> OpenAsync(
        IStorageDriverFactory factory, Dictionary<string, object?> options, CancellationToken cancellationToken, GuardedConnector? connector = null) => factory.CreateAsync(
        OptionReader.Read(factory.Options, options), new StoreContext("tested", root.Path, TimeProvider.System, Quiet.Logger, connector), cancellationToken);
}
