using System.Net;
using System.Text.RegularExpressions;
using GlanceGateway.Images;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Host.Configuration;

/// <summary>Where every key is read: its name, its form, its range and its default. A new key goes here and into the record.</summary>
internal sealed partial class ConfigurationBinder(GatewayEnvironment environment, BindingLog log)
{
    private const string FormOfStore = "'driver: filesystem' and 'directory: /srv/images'";

    public GatewayConfiguration Bind(MappingNode root, string? file)
    {
        var section = new Section(root, "", log);
        var data = section.Directory("data") ?? DefaultDataDirectory();
        var (directories, plugins) = BindPlugins(section);
        var configuration = new GatewayConfiguration
        {
            File = file,
            DataDirectory = data,
            Node = section.Text("node", "a name, such as node-a"),
            Listen = section.Read("listen", ValueFormats.EndpointForm, scalar => ValueFormats.TryParseEndpoint(scalar.Value, out var endpoint) ? endpoint : null)
                ?? new IPEndPoint(IPAddress.Loopback, 9292),
            Metrics = section.Read("metrics", ValueFormats.EndpointForm, scalar => ValueFormats.TryParseEndpoint(scalar.Value, out var endpoint) ? endpoint : null),
            PluginDirectories = directories ?? [Path.Join(environment.ProgramDirectory, "plugins")],
            Plugins = plugins,
            Identity = new IdentityBinder(log).Bind(section.Child("identity", "'mode: none'")),
            InsecureListen = section.Flag("insecure_listen") ?? false,
            Stores = BindStores(section, data),
            Database = BindDatabase(section.Child("database", "'provider: postgresql'")),
            Mount = BindMount(section.Child("mount", "'directory: /mnt/images'")),
            Cache = BindCache(section.Child("cache", "'max_size: 10GiB'"), data),
            PublicEndpoint = section.Read("public_endpoint", "an http or https URL without query, such as https://images.example.org", scalar => ParsePublicEndpoint(scalar.Value)),
            Outbound = new OutboundBinder(log).Bind(section.Child("outbound", "'allowed_networks: [10.20.0.0/16]'")),
            Limits = BindLimits(section.Child("limits", "'image_size_cap: 1TiB'")),
            Formats = ImageFormatBinder.Bind(section.Child("image_format", "'disk_formats: [raw, qcow2]'")),
            Import = ImportBinder.Bind(section.Child("import", "'methods: [glance-direct, copy-image]'"), data),
            Signatures = SignatureBinder.Bind(section.Child("signatures", "'certificates: /etc/glance-gateway/certificates'")),
            Locations = BindLocations(section.Child("locations", "'show_image_direct_url: true'")),
            Quotas = QuotaBinder.Bind(section.Child("quotas", "'image_size_total: 10TiB'")),
            PolicyFile = BindPolicy(section.Child("policy", "'file: /etc/glance-gateway/policy.yaml'")),
            LoadDefaultMetadefs = BindMetadefs(section.Child("metadefs", "'load_defaults: true'")),
            PropertyProtections = BindProtections(section.Child("property_protections", "'file: /etc/glance-gateway/property-protections.conf'")),
            ImageSchemaFile = section.Directory("image_schema_file"),
            Log = BindLog(section.Child("log", "'level: information'")),
        };
        section.Finish();
        return configuration;
    }

    /// <summary>A plain list is the directories, and the rest as it is by default.</summary>
    private static (IReadOnlyList<string>? Directories, PluginsConfiguration Plugins) BindPlugins(Section root)
    {
        if (!root.IsSection("plugins"))
        {
            return (root.Directories("plugins"), new());
        }

        var section = root.Child("plugins", "'watch: false'")!;
        var directories = section.Directories("directories");
        var plugins = new PluginsConfiguration
        {
            Watch = section.Flag("watch") ?? true,
            Allow = section.List("allow", "SHA-256 hashes of 64 hexadecimal digits ('glance-gateway plugins list --json' shows them)", scalar => HashForm().IsMatch(scalar.Value) ? scalar.Value : null),
            DrainTimeout = section.Duration("drain_timeout", TimeSpan.FromSeconds(1), TimeSpan.FromDays(7)) ?? TimeSpan.FromHours(24),
            Unload = section.Flag("unload") ?? true,
        };
        section.Finish();
        return (directories, plugins);
    }

    private static bool BindMetadefs(Section? section)
    {
        var load = section?.Flag("load_defaults") ?? true;
        section?.Finish();
        return load;
    }

    private static ProtectionConfiguration? BindProtections(Section? section)
    {
        if (section is null)
        {
            return null;
        }

        var file = section.Directory("file");
        section.Require("file", file, "name the file of the rules, such as 'file: /etc/glance-gateway/property-protections.conf'");
        var format = section.Choice("rule_format", ("roles", ProtectionFormat.Roles), ("policies", ProtectionFormat.Policies)) ?? ProtectionFormat.Roles;
        section.Finish();
        return file is null ? null : new ProtectionConfiguration(file, format);
    }

    private static DatabaseConfiguration BindDatabase(Section? section)
    {
        if (section is null)
        {
            return new();
        }

        var database = new DatabaseConfiguration
        {
            Provider = section.Choice("provider", ("sqlite", DatabaseProvider.Sqlite), ("postgresql", DatabaseProvider.Postgresql)) ?? DatabaseProvider.Sqlite,
            Connection = section.Text("connection", "a connection string, such as 'Host=db.example.org;Database=glance;Username=glance'"),
            PasswordFile = section.Directory("password_file"),
            ListTimeout = section.Duration("list_timeout", TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10)) ?? TimeSpan.FromSeconds(10),
        };
        section.Finish();
        return database;
    }

    private List<StoreConfiguration> BindStores(Section root, string data)
    {
        if (root.Child("stores", "'fast:' with " + FormOfStore) is not { } section)
        {
            var place = new ScalarNode("default", Path.Join(data, "images"), ScalarForm.Plain);
            return
            [
                new StoreConfiguration
                {
                    Id = "default",
                    Driver = "filesystem",
                    IsDefault = true,
                    Options = [new("directory", place.Value, place.Origin, "stores.default.directory")],
                    Origin = place.Origin,
                },
            ];
        }

        var stores = section.NamedSections(FormOfStore).Select(entry => BindStore(entry.Name, entry.Section)).ToList();
        var defaults = stores.Where(store => store.IsDefault).ToList();
        if (section.IsEmpty)
        {
            log.Report(section.Origin, "stores", $"there is no store below it; name one with {FormOfStore}, or remove the key to have one in the data directory");
        }
        else if (defaults.Count > 1)
        {
            foreach (var store in defaults.Skip(1))
            {
                log.Report(log.PlaceOf($"stores.{store.Id}.default"), $"stores.{store.Id}.default", $"store '{defaults[0].Id}' is the default already; keep 'default: true' on one of them");
            }
        }
        else if (defaults.Count == 0 && stores.Count == 1)
        {
            stores[0] = stores[0] with { IsDefault = true };
        }
        else if (defaults.Count == 0 && stores.Count > 1 && stores.TrueForAll(store => log.IsSound($"stores.{store.Id}.default")))
        {
            log.Report(section.Origin, "stores", $"none of the {stores.Count} stores is the default; add 'default: true' to the one that takes new images ({string.Join(", ", stores.Select(store => store.Id))})");
        }

        return stores;
    }

    private StoreConfiguration BindStore(string id, Section section)
    {
        if (!StoreIdForm().IsMatch(id) || id.StartsWith("os_glance", StringComparison.Ordinal))
        {
            log.Report(
                section.Origin,
                $"stores.{id}",
                "this cannot be a store's id; use 1 to 64 letters, digits, '_' and '-', beginning with a letter or digit but not with the reserved 'os_glance'");
        }

        var driver = section.Text("driver", "the name of a driver, such as filesystem ('glance-gateway plugins list' shows them)");
        section.Require("driver", driver, "name it, such as 'driver: filesystem' ('glance-gateway plugins list' shows them)");
        return new StoreConfiguration
        {
            Id = id,
            Driver = driver ?? "",
            IsDefault = section.Flag("default") ?? false,
            Weight = section.Number("weight", 0, 1_000_000) ?? 0,
            IsReadOnly = section.Flag("read_only") ?? false,
            Description = section.Text("description"),
            Options = [.. section.OtherValues().Select(option => new StoreOptionValue(option.Name, option.Value.Value, option.Value.Origin, section.PathOf(option.Name)))],
            Origin = section.Origin,
        };
    }

    private static MountConfiguration? BindMount(Section? section)
    {
        if (section is null)
        {
            return null;
        }

        var directory = section.Directory("directory");
        section.Require("directory", directory, "say where to mount, such as 'directory: /mnt/images', or give --mount");
        var mount = new MountConfiguration
        {
            Directory = directory ?? "",
            As = BindMountIdentity(section.Child("as", "'project: ops' and 'roles: [reader]'")),
            Keeper = section.Directory("keeper"),
            Group = section.Text("group", "the name or number of a group"),
            WorldReadable = section.Flag("world_readable") ?? false,
            DeleteGrace = section.Duration("delete_grace", TimeSpan.Zero, TimeSpan.FromDays(7)) ?? TimeSpan.FromMinutes(5),
            Passthrough = section.Flag("passthrough") ?? true,
        };
        section.Finish();
        return mount;
    }

    private static MountIdentity? BindMountIdentity(Section? section)
    {
        if (section is null)
        {
            return null;
        }

        var project = section.Text("project", "a project's id");
        section.Require("project", project, "name the project whose images the mount shows");
        var roles = section.Texts("roles", "roles, such as [reader]");
        section.Finish();
        return new MountIdentity(project ?? "", roles is { Count: > 0 } ? roles : ["reader"]);
    }

    private static CacheConfiguration? BindCache(Section? section, string data)
    {
        if (section is null)
        {
            return null;
        }

        var standard = new CacheConfiguration { Directory = DataDirectory.CacheIn(data) };
        var cache = new CacheConfiguration
        {
            Directory = section.Directory("directory") ?? standard.Directory,
            MaxBytes = section.Size("max_size", least: 64L << 20) ?? standard.MaxBytes,
            MinFreeBytes = section.Size("min_free", least: 0) ?? standard.MinFreeBytes,
        };
        section.Finish();
        return cache;
    }

    private static LimitsConfiguration BindLimits(Section? section)
    {
        var defaults = new LimitsConfiguration();
        if (section is null)
        {
            return defaults;
        }

        var limits = new LimitsConfiguration
        {
            ImageSizeCap = section.Size("image_size_cap", least: 1) ?? defaults.ImageSizeCap,
            PropertyQuota = section.Number("image_property_quota", -1, int.MaxValue) ?? defaults.PropertyQuota,
            TagQuota = section.Number("image_tag_quota", -1, int.MaxValue) ?? defaults.TagQuota,
            MemberQuota = section.Number("image_member_quota", -1, int.MaxValue) ?? defaults.MemberQuota,
            StallTimeout = section.Duration("stall_timeout", TimeSpan.FromSeconds(1), TimeSpan.FromDays(1)) ?? defaults.StallTimeout,
            Lease = section.Duration("lease", TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)) ?? defaults.Lease,
            FeedWaiters = section.Number("feed_waiters", 0, int.MaxValue) ?? defaults.FeedWaiters,
        };
        section.Finish();
        return limits;
    }

    private static LocationConfiguration BindLocations(Section? section)
    {
        var defaults = new LocationConfiguration();
        if (section is null)
        {
            return defaults;
        }

        var locations = new LocationConfiguration
        {
            ShowImageDirectUrl = section.Flag("show_image_direct_url") ?? defaults.ShowImageDirectUrl,
            ShowMultipleLocations = section.Flag("show_multiple_locations") ?? defaults.ShowMultipleLocations,
            ImageLocationQuota = section.Number("image_location_quota", -1, int.MaxValue) ?? defaults.ImageLocationQuota,
            DoSecureHash = section.Flag("do_secure_hash") ?? defaults.DoSecureHash,
        };
        section.Finish();
        return locations;
    }

    private static string? BindPolicy(Section? section)
    {
        if (section is null)
        {
            return null;
        }

        var file = section.Directory("file");
        section.Require("file", file, "name the file of rules, or remove the key to have the default ones");
        section.Finish();
        return file;
    }

    private static LogConfiguration BindLog(Section? section)
    {
        if (section is null)
        {
            return new();
        }

        var configured = new LogConfiguration
        {
            Level = section.Choice(
                "level",
                ("trace", LogLevel.Trace),
                ("debug", LogLevel.Debug),
                ("information", LogLevel.Information),
                ("warning", LogLevel.Warning),
                ("error", LogLevel.Error),
                ("critical", LogLevel.Critical)) ?? LogLevel.Information,
            File = section.Directory("file"),
        };
        section.Finish();
        return configured;
    }

    private string DefaultDataDirectory()
    {
        var directory = environment.DefaultDataDirectory();
        if (directory is null && log.IsSound("data"))
        {
            log.Report("default", "data", "this user has neither HOME nor XDG_DATA_HOME, so there is no default; name a directory with --data or 'data: /path'");
        }

        return directory ?? "/";
    }

    private static Uri? ParsePublicEndpoint(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri)
        && uri.Scheme is "http" or "https"
        && uri.Query.Length == 0 && uri.Fragment.Length == 0 && uri.UserInfo.Length == 0
            ? uri
            : null;

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}\z", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex StoreIdForm();

    [GeneratedRegex(@"^[0-9A-Fa-f]{64}\z", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex HashForm();
}
