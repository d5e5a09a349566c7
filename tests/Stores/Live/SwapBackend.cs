using GlanceGateway.Stores.Tests.Conformance;
using GlanceGateway.Stores.Tests.Sheepdog;
using GlanceGateway.Testing;
using MongoDB.Driver;

namespace GlanceGateway.Stores.Tests.Live;

/// <summary>The server behind a driver that is swapped, empty and its own.</summary>
internal sealed class SwapBackend : IAsyncDisposable
{
    private readonly string _unique = $"glance-{Guid.NewGuid():N}";
    private readonly TempDirectory _root = new();
    private StandInSheep? _sheep;
    private SftpServer? _sftp;
    private MongoServer? _mongo;
    private WebServer? _web;

    private SwapBackend(string project) => Project = project;

    /// <summary>The plugin's folder in the product.</summary>
    public string Project { get; }

    /// <summary>What the store is configured with.</summary>
    public Dictionary<string, object?> Options { get; private set; } = [];

    public static async Task<SwapBackend> StartAsync(string project)
    {
        var backend = new SwapBackend(project);
        backend.Options = await backend.StartAsync();
        return backend;
    }

    /// <summary>Puts bytes where a driver that only reads finds them; their location, or null when the driver writes itself.</summary>
    public string? Place(byte[] bytes)
    {
        if (_web is null)
            return null;
        var name = Guid.NewGuid().ToString();
        File.WriteAllBytes(_web.PathOf(name), bytes);
        return $"{_web.Url}/{name}";
    }

    public async ValueTask DisposeAsync()
    {
        if (_sheep is not null)
            await _sheep.DisposeAsync();
        if (_sftp is not null && Directory.Exists(Path.Combine(_sftp.LocalDirectory, _unique)))
            Directory.Delete(Path.Combine(_sftp.LocalDirectory, _unique), recursive: true);
        if (_mongo is not null)
        {
            using var client = new MongoClient(_mongo.ClientSettings);
            await client.DropDatabaseAsync(_unique);
        }

        _root.Dispose();
    }

    private async Task<Dictionary<string, object?>> StartAsync()
    {
        switch (Project)
        {
            case "FileSystem":
                return new() { ["directory"] = _root["images"] };
            case "Memory":
                return [];
            case "Sftp":
                _sftp = await SharedSftpServer.GetAsync();
                return new()
                {
                    ["host"] = "127.0.0.1",
                    ["port"] = (long)_sftp.Port,
                    ["user"] = _sftp.User,
                    ["password"] = _sftp.Password,
                    ["host_key_fingerprint"] = _sftp.Fingerprint,
                    ["directory"] = $"{_sftp.Directory}/{_unique}",
                };
            case "Http":
                _web = await SharedWebServer.GetAsync();
                return [];
            case "Sheepdog":
                _sheep = StandInSheep.Start();
                return new() { ["host"] = "127.0.0.1", ["port"] = (long)_sheep.Port };
            case "Rbd":
                var ceph = await SharedCeph.GetAsync();
                return new() { ["pool"] = CephServer.Pools[0], ["user"] = ceph.User, ["ceph_conf"] = ceph.Conf, ["keyring"] = ceph.Keyring };
            case "S3":
                var rados = await SharedRadosGateway.GetAsync();
                return new()
                {
                    ["endpoint"] = rados.Endpoint,
                    ["bucket"] = _unique,
                    ["access_key"] = rados.AccessKey,
                    ["secret_key"] = rados.SecretKey,
                    ["create_bucket"] = true,
                };
            case "Swift":
                var options = SwiftFixture.OptionsOf(await SharedSwiftServer.GetAsync());
                options["container"] = _unique;
                options["create_container"] = true;
                return options;
            case "GridFs":
                _mongo = await SharedMongoServer.GetAsync();
                return _mongo.Options(_unique);
            default:
                throw new ArgumentException($"There is no server for {Project}.");
        }
    }
}
