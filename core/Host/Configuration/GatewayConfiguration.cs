using System.Net;
using GlanceGateway.Api;
using GlanceGateway.Formats;
using GlanceGateway.Images;
using GlanceGateway.Stores;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Host.Configuration;

/// <summary>The whole configuration, checked. Every path is absolute.</summary>
public sealed record GatewayConfiguration
{
    /// <summary><c>listen</c>: where the API is served; port 0 takes a free one.</summary>
    public IPEndPoint Listen { get; init; } = new(IPAddress.Loopback, 9292);

    /// <summary><c>data</c>: the directory of everything that this gateway keeps on local disk.</summary>
    public required string DataDirectory { get; init; }

    /// <summary><c>node</c>: what operators call this gateway among several; null for the machine's name.</summary>
    public string? Node { get; init; }

    /// <summary><c>plugins</c>, or <c>plugins.directories</c>: directories whose sub-directories are plugins, in the order of search.</summary>
    public required IReadOnlyList<string> PluginDirectories { get; init; }

    /// <summary>The rest of <c>plugins</c>.</summary>
    public PluginsConfiguration Plugins { get; init; } = new();

    /// <summary><c>identity</c>.</summary>
    public IdentityConfiguration Identity { get; init; } = new();

    /// <summary><c>insecure_listen</c>: whether a gateway without authentication may listen beyond loopback.</summary>
    public bool InsecureListen { get; init; }

    /// <summary><c>stores</c>, in the order of the configuration; never empty, exactly one is the default.</summary>
    public required IReadOnlyList<StoreConfiguration> Stores { get; init; }

    /// <summary><c>database</c>: where the registry of images is.</summary>
    public DatabaseConfiguration Database { get; init; } = new();

    /// <summary><c>mount</c>; null for none.</summary>
    public MountConfiguration? Mount { get; init; }

    /// <summary><c>metrics</c>: where metrics are told; null for nowhere.</summary>
    public IPEndPoint? Metrics { get; init; }

    /// <summary><c>cache</c>; null for none.</summary>
    public CacheConfiguration? Cache { get; init; }

    /// <summary><c>public_endpoint</c>: the URL under which clients reach the API; null to take it from each request.</summary>
    public Uri? PublicEndpoint { get; init; }

    /// <summary><c>outbound</c>: what may be connected to for users.</summary>
    public OutboundRules Outbound { get; init; } = new();

    /// <summary><c>limits</c>.</summary>
    public LimitsConfiguration Limits { get; init; } = new();

    /// <summary><c>image_format</c>.</summary>
    public ImageFormatConfiguration Formats { get; init; } = new();

    /// <summary><c>import</c>.</summary>
    public ImportConfiguration Import { get; init; } = new();

    /// <summary><c>signatures</c>.</summary>
    public SignatureConfiguration Signatures { get; init; } = new();

    /// <summary><c>locations</c>.</summary>
    public LocationConfiguration Locations { get; init; } = new();

    /// <summary><c>quotas</c>.</summary>
    public QuotaConfiguration Quotas { get; init; } = new();

    /// <summary><c>policy.file</c>: an operator's rules over the defaults; null for none.</summary>
    public string? PolicyFile { get; init; }

    /// <summary><c>metadefs.load_defaults</c>: whether a registry that never had metadata definitions gets those that come with the gateway.</summary>
    public bool LoadDefaultMetadefs { get; init; } = true;

    /// <summary><c>property_protections</c>; null for none.</summary>
    public ProtectionConfiguration? PropertyProtections { get; init; }

    /// <summary><c>image_schema_file</c>: an operator's properties in the published schema of images; null for none.</summary>
    public string? ImageSchemaFile { get; init; }

    /// <summary><c>log</c>.</summary>
    public LogConfiguration Log { get; init; } = new();

    /// <summary>The file that was read; null for none.</summary>
    public string? File { get; init; }

    /// <summary>What works but deserves a look, one line each; print them at start.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];
}

/// <summary>Which plugins may be loaded, and when.</summary>
public sealed record PluginsConfiguration
{
    /// <summary><c>plugins.watch</c>: whether plugins that appear, change or go are used while the gateway serves.</summary>
    public bool Watch { get; init; } = true;

    /// <summary><c>plugins.allow</c>: the only hashes that are loaded; null for any.</summary>
    public IReadOnlyList<string>? Allow { get; init; }

    /// <summary><c>plugins.drain_timeout</c>: how long transfers may run on in a driver that was replaced.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromHours(24);

    /// <summary><c>plugins.unload</c>: whether the code of plugins that can be unloaded is, after their last use.</summary>
    public bool Unload { get; init; } = true;
}

/// <summary>How callers are known.</summary>
public enum IdentityMode
{
    /// <summary>Nobody is asked: every caller is the administrator of one project.</summary>
    None,

    /// <summary>A trusted proxy has authenticated the caller and says who it is in headers.</summary>
    Headers,

    /// <summary>The caller has a token of OpenStack's identity service.</summary>
    Keystone,

    /// <summary>The caller has a token of a file.</summary>
    Tokens,
}

/// <summary>Who callers are.</summary>
public sealed record IdentityConfiguration
{
    /// <summary><c>identity.mode</c>.</summary>
    public IdentityMode Mode { get; init; }

    /// <summary><c>identity.trusted_proxies</c>: whose identity headers are believed; a single address is a network of one.</summary>
    public IReadOnlyList<IPNetwork> TrustedProxies { get; init; } = [];

    /// <summary>The identity service; never null with <see cref="IdentityMode.Keystone"/>.</summary>
    public KeystoneOptions? Keystone { get; init; }

    /// <summary><c>identity.file</c>: the list of tokens; never null with <see cref="IdentityMode.Tokens"/>.</summary>
    public string? TokenFile { get; init; }
}

/// <summary>Which custom properties of images who may see and change.</summary>
/// <param name="File"><c>property_protections.file</c>.</param>
/// <param name="Format"><c>property_protections.rule_format</c>.</param>
public sealed record ProtectionConfiguration(string File, ProtectionFormat Format);

/// <summary>One store.</summary>
public sealed record StoreConfiguration
{
    /// <summary>Its id: the key under <c>stores</c>.</summary>
    public required string Id { get; init; }

    /// <summary><c>driver</c>: the scheme name under which a plugin offers its driver.</summary>
    public required string Driver { get; init; }

    /// <summary><c>default</c>: whether data goes there when nobody says where.</summary>
    public bool IsDefault { get; init; }

    /// <summary><c>weight</c>: of several stores holding an image the heaviest is read first.</summary>
    public int Weight { get; init; }

    /// <summary><c>read_only</c>: whether nothing is written to it or deleted from it.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary><c>description</c>: the operator's words for users; null for none.</summary>
    public string? Description { get; init; }

    /// <summary>All other keys, unread: the driver's descriptors say what they mean.</summary>
    public IReadOnlyList<StoreOptionValue> Options { get; init; } = [];

    /// <summary>Where the store was configured, for messages.</summary>
    public required string Origin { get; init; }
}

/// <summary>A driver's option as it was written. It may be a secret: never print the value.</summary>
/// <param name="Name">The key.</param>
/// <param name="Value">The text, unchecked.</param>
/// <param name="Origin">Where it was written, for messages.</param>
/// <param name="Key">The key's whole path, for messages.</param>
public sealed record StoreOptionValue(string Name, string Value, string Origin, string Key)
{
    /// <summary>Leaves the value out: it may be a secret.</summary>
    public override string ToString() => $"{Key} ({Origin})";
}

/// <summary>What keeps the registry.</summary>
public enum DatabaseProvider
{
    /// <summary>A SQLite file in the data directory.</summary>
    Sqlite,

    /// <summary>A PostgreSQL database, which several gateways may use.</summary>
    Postgresql,
}

/// <summary>Where the registry of images is.</summary>
public sealed record DatabaseConfiguration
{
    /// <summary><c>database.provider</c>.</summary>
    public DatabaseProvider Provider { get; init; }

    /// <summary><c>database.connection</c>: the connection string for PostgreSQL. It may hold a password: never print it.</summary>
    public string? Connection { get; init; }

    /// <summary><c>database.password_file</c>: a file that holds the password; null for none.</summary>
    public string? PasswordFile { get; init; }

    /// <summary><c>database.list_timeout</c>: how long the database may take over one page of images.</summary>
    public TimeSpan ListTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Leaves the connection string out: it may hold a password.</summary>
    public override string ToString() => Provider.ToString();
}

/// <summary>The read-only mount of the images.</summary>
public sealed record MountConfiguration
{
    /// <summary><c>mount.directory</c>: where images are mounted.</summary>
    public required string Directory { get; init; }

    /// <summary><c>mount.as</c>: as whom the mount looks at images; null, only with identity <c>none</c>, for the administrator.</summary>
    public MountIdentity? As { get; init; }

    /// <summary><c>mount.keeper</c>: the socket of the keeper that mounts and holds the mount; null to mount in this process.</summary>
    public string? Keeper { get; init; }

    /// <summary><c>mount.group</c>: the group that may read beside root; null for none.</summary>
    public string? Group { get; init; }

    /// <summary><c>mount.world_readable</c>: whether every local user may read every image in the mount.</summary>
    public bool WorldReadable { get; init; }

    /// <summary><c>mount.delete_grace</c>: how long the data of a deleted image stays for whoever has it open.</summary>
    public TimeSpan DeleteGrace { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary><c>mount.passthrough</c>: whether the kernel may read local files by itself, unseen by the gateway.</summary>
    public bool Passthrough { get; init; } = true;
}

/// <summary>As whom a mount looks.</summary>
/// <param name="Project">The project's id.</param>
/// <param name="Roles">The roles in it; never empty.</param>
public sealed record MountIdentity(string Project, IReadOnlyList<string> Roles);

/// <summary>The cache of data that lies in remote stores.</summary>
public sealed record CacheConfiguration
{
    /// <summary><c>cache.directory</c>: a local directory of its own.</summary>
    public required string Directory { get; init; }

    /// <summary><c>cache.max_size</c>: bytes that it may take.</summary>
    public long MaxBytes { get; init; } = 10L << 30;

    /// <summary><c>cache.min_free</c>: bytes of the filesystem that it leaves free.</summary>
    public long MinFreeBytes { get; init; } = 1L << 30;
}

/// <summary>Limits.</summary>
public sealed record LimitsConfiguration
{
    /// <summary><c>limits.image_size_cap</c>: the largest image in bytes.</summary>
    public long ImageSizeCap { get; init; } = 1L << 40;

    /// <summary><c>limits.image_property_quota</c>: custom properties of an image; negative for no limit.</summary>
    public int PropertyQuota { get; init; } = 128;

    /// <summary><c>limits.image_tag_quota</c>: tags of an image; negative for no limit.</summary>
    public int TagQuota { get; init; } = 128;

    /// <summary><c>limits.image_member_quota</c>: members of an image; negative for no limit.</summary>
    public int MemberQuota { get; init; } = 128;

    /// <summary><c>limits.stall_timeout</c>: a transfer without a byte for this long is ended.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary><c>limits.lease</c>: how long a transfer's lease lives without renewal; at least a second.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary><c>limits.feed_waiters</c>: requests of one user of a project that wait for changes at the same time; 0 for no limit.</summary>
    public int FeedWaiters { get; init; } = 2000;
}

/// <summary>What images may be.</summary>
public sealed record ImageFormatConfiguration
{
    /// <summary><c>image_format.disk_formats</c>.</summary>
    public IReadOnlyList<string> DiskFormats { get; init; } = new ImageOptions().DiskFormats;

    /// <summary><c>image_format.container_formats</c>.</summary>
    public IReadOnlyList<string> ContainerFormats { get; init; } = new ImageOptions().ContainerFormats;

    /// <summary>All other keys.</summary>
    public FormatPolicy Policy { get; init; } = FormatPolicy.Default;
}

/// <summary>Bringing data in by other ways than an upload.</summary>
public sealed record ImportConfiguration
{
    /// <summary><c>import.staging_store</c>: the store of <c>stores</c> in which data waits to be imported, and no image lies; null for a directory
    /// under <c>data</c>.</summary>
    public string? StagingStore { get; init; }

    /// <summary>All other keys.</summary>
    public ImportOptions Options { get; init; } = new();
}

/// <summary>With which certificates the signatures of images are verified.</summary>
public sealed record SignatureConfiguration
{
    /// <summary><c>signatures.certificates</c>: a directory of certificates; null for none.</summary>
    public string? Directory { get; init; }

    /// <summary><c>signatures.trusted_certificates</c>: a file of certificates of which one must vouch for the one of a signature; null to ask for none.</summary>
    public string? TrustedFile { get; init; }

    /// <summary><c>signatures.barbican</c>: whether certificates are in the key manager that the identity service's catalogue names.</summary>
    public bool Barbican { get; init; }

    /// <summary><c>signatures.region</c>: the region of the key manager; null for the first that the catalogue names.</summary>
    public string? Region { get; init; }

    /// <summary><c>signatures.interface</c>: by which of its endpoints the key manager is reached.</summary>
    public string Interface { get; init; } = "public";
}

/// <summary>What projects may use.</summary>
public sealed record QuotaConfiguration
{
    /// <summary>Of every project that has no limits of its own.</summary>
    public ProjectLimits Standard { get; init; } = ProjectLimits.None;

    /// <summary><c>quotas.projects</c>: of some projects, by id.</summary>
    public IReadOnlyDictionary<string, ProjectLimits> Projects { get; init; } = new Dictionary<string, ProjectLimits>();

    /// <summary><c>quotas.keystone</c>: whether the limits are those that the identity service keeps.</summary>
    public bool Keystone { get; init; }

    /// <summary><c>quotas.region</c>: the region whose limits count; null for those of no region.</summary>
    public string? Region { get; init; }
}

/// <summary>Where data lies: what is told of it, and what users may say of it.</summary>
public sealed record LocationConfiguration
{
    /// <summary><c>locations.show_image_direct_url</c>.</summary>
    public bool ShowImageDirectUrl { get; init; }

    /// <summary><c>locations.show_multiple_locations</c>: whether images show their locations, and owners may change them.</summary>
    public bool ShowMultipleLocations { get; init; }

    /// <summary><c>locations.image_location_quota</c>: locations of an image; negative for no limit.</summary>
    public int ImageLocationQuota { get; init; } = 10;

    /// <summary><c>locations.do_secure_hash</c>: whether data that is added is read for its hashes.</summary>
    public bool DoSecureHash { get; init; } = true;
}

/// <summary>The log.</summary>
public sealed record LogConfiguration
{
    /// <summary><c>log.level</c>: the least important lines that are written.</summary>
    public LogLevel Level { get; init; } = LogLevel.Information;

    /// <summary><c>log.file</c>: appended to; null for standard error.</summary>
    public string? File { get; init; }
}
