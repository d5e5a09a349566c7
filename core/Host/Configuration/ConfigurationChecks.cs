using System.Globalization;
using System.Net;
using GlanceGateway.Api;
using GlanceGateway.Images;
using GlanceGateway.Registry;

namespace GlanceGateway.Host.Configuration;

/// <summary>Rules that take more than one key.</summary>
internal static class ConfigurationChecks
{
    /// <summary>Reports what does not go together and returns what works but deserves a warning.</summary>
    public static IReadOnlyList<string> Run(GatewayConfiguration configuration, BindingLog log)
    {
        var warnings = new List<string>(log.Warnings);
        CheckListening(configuration, log, warnings);
        CheckIdentity(configuration, log, warnings);
        CheckDatabase(configuration, log);
        CheckStaging(configuration, log, warnings);
        CheckImportMethods(configuration, log);
        CheckSignatures(configuration, log, warnings);
        CheckQuotas(configuration, log, warnings);
        CheckMount(configuration, log, warnings);
        return warnings;
    }

    private static void CheckListening(GatewayConfiguration configuration, BindingLog log, List<string> warnings)
    {
        if (!log.IsSound("listen", "identity", "identity.mode", "insecure_listen") || configuration.Identity.Mode != IdentityMode.None)
        {
            return;
        }

        if (IPAddress.IsLoopback(configuration.Listen.Address))
        {
            warnings.Add("identity.mode is none: every local user who reaches the API is administrator of every image; fine for a try-out, set identity.mode for anything else");
            return;
        }

        if (configuration.InsecureListen)
        {
            warnings.Add($"everyone who reaches {configuration.Listen} is administrator of every image: it listens beyond loopback without authentication (insecure_listen)");
            return;
        }

        log.Report(
            log.PlaceOf("listen"),
            "listen",
            $"{configuration.Listen} can be reached from other machines, and identity.mode none makes everyone administrator; listen on 127.0.0.1, "
            + "set identity.mode, or accept it with 'insecure_listen: true' (--insecure-listen)");
    }

    private static void CheckIdentity(GatewayConfiguration configuration, BindingLog log, List<string> warnings)
    {
        if (!log.IsSound("identity", "identity.mode", "identity.trusted_proxies"))
        {
            return;
        }

        var identity = configuration.Identity;
        if (identity.Mode == IdentityMode.Headers && identity.TrustedProxies.Count == 0)
        {
            log.Report(
                log.PlaceOf("identity.mode"),
                "identity.trusted_proxies",
                "identity.mode headers needs to know whose headers to believe; name the proxies, such as 'trusted_proxies: [127.0.0.1]'");
        }

        foreach (var (key, _) in IdentityBinder.Keys.Where(entry => entry.Mode != identity.Mode))
        {
            var place = log.PlaceOf($"identity.{key}");
            if (place != "default")
            {
                warnings.Add($"identity.{key} ({place}) has no effect with identity.mode {identity.Mode.ToString().ToLowerInvariant()}");
            }
        }

        if (identity.Mode == IdentityMode.Keystone && configuration.File is { } file && File.Exists(file)
            && File.GetUnixFileMode(file).HasFlag(UnixFileMode.OtherRead)
            && (log.PlaceOf("identity.password").StartsWith($"{file} line ", StringComparison.Ordinal)
                || log.PlaceOf("identity.application_credential_secret").StartsWith($"{file} line ", StringComparison.Ordinal)))
        {
            warnings.Add($"every local user can read the password in {file}; 'chmod o= {file}' ends that, or identity.password_file keeps it elsewhere");
        }
    }

    /// <summary>Never shows the connection string: it may hold a password.</summary>
    private static void CheckDatabase(GatewayConfiguration configuration, BindingLog log)
    {
        if (!log.IsSound("database", "database.provider", "database.connection", "database.password_file"))
        {
            return;
        }

        var database = configuration.Database;
        if (database.Provider == DatabaseProvider.Sqlite)
        {
            foreach (var (key, value) in new[] { ("database.connection", database.Connection), ("database.password_file", database.PasswordFile) })
            {
                if (value is not null)
                {
                    log.Report(log.PlaceOf(key), key, "this is for PostgreSQL; add 'provider: postgresql', or remove it to keep the registry in the data directory");
                }
            }

            return;
        }

        if (database.Connection is null)
        {
            log.Report(log.PlaceOf("database.provider"), "database.connection", "say where the database is, such as 'connection: Host=db.example.org;Database=glance;Username=glance'");
        }
        else if (new PostgresOptions { ConnectionString = database.Connection, PasswordPath = database.PasswordFile }.FindProblem() is { } problem)
        {
            log.Report(log.PlaceOf("database.connection"), "database.connection", problem);
        }
    }

    private static void CheckStaging(GatewayConfiguration configuration, BindingLog log, List<string> warnings)
    {
        if (!log.IsSound("import", "import.staging_store", "stores", "database", "database.provider"))
        {
            return;
        }

        const string Key = "import.staging_store";
        if (configuration.Import.StagingStore is { } id)
        {
            if (configuration.Stores.FirstOrDefault(store => store.Id == id) is not { } staging)
            {
                log.Report(log.PlaceOf(Key), Key, $"there is no store '{id}'; configure it under 'stores', or remove the key to stage in the data directory");
            }
            else if (staging.IsDefault)
            {
                log.Report(log.PlaceOf(Key), Key, $"store '{id}' takes new images, so nothing can be staged in it; name a store for staging alone");
            }
        }
        else if (configuration.Database.Provider == DatabaseProvider.Postgresql && configuration.Import.Options.Methods.Any(method => method != ImportMethodNames.CopyImage))
        {
            warnings.Add(
                "data to be imported is staged in the data directory, which other gateways on this database do not see; if there are any, "
                + "set import.staging_store to a store that all of them reach");
        }
    }

    private static void CheckImportMethods(GatewayConfiguration configuration, BindingLog log)
    {
        if (log.IsSound("import", "import.methods", "identity", "identity.mode")
            && configuration.Identity.Mode != IdentityMode.Keystone
            && configuration.Import.Options.Methods.Contains(ImportMethodNames.GlanceDownload))
        {
            log.Report(
                log.PlaceOf("import.methods"), "import.methods",
                "glance-download finds other regions through the identity service, and asks them with the user's token; set identity.mode to keystone, or leave it out");
        }
    }

    private static void CheckSignatures(GatewayConfiguration configuration, BindingLog log, List<string> warnings)
    {
        var signatures = configuration.Signatures;
        if (!log.IsSound("signatures", "signatures.certificates", "signatures.barbican", "identity", "identity.mode"))
        {
            return;
        }

        if (signatures.Barbican && configuration.Identity.Mode != IdentityMode.Keystone)
        {
            log.Report(
                log.PlaceOf("signatures.barbican"), "signatures.barbican", "the key manager is found through the identity service; set identity.mode to keystone, or keep certificates in a directory (signatures.certificates)");
        }
        else if (signatures is { TrustedFile: not null, Directory: null, Barbican: false })
        {
            warnings.Add("signatures.trusted_certificates has no effect without a place to find certificates (signatures.certificates, signatures.barbican)");
        }

        if (signatures.Directory is { } directory && Directory.Exists(directory) && CertificateDirectory.ObjectionTo(directory) is { } objection)
        {
            log.Report(log.PlaceOf("signatures.certificates"), "signatures.certificates", objection);
        }
    }

    private static void CheckQuotas(GatewayConfiguration configuration, BindingLog log, List<string> warnings)
    {
        var quotas = configuration.Quotas;
        if (!quotas.Keystone || !log.IsSound("identity", "identity.mode", "quotas", "quotas.keystone"))
        {
            return;
        }

        if (configuration.Identity.Mode != IdentityMode.Keystone)
        {
            log.Report(log.PlaceOf("quotas.keystone"), "quotas.keystone", "limits are read from the identity service that identity names; set 'mode: keystone' there, or write the limits here");
        }
        else if (configuration.Identity.Keystone is { Credential: not PasswordCredential })
        {
            log.Report(
                log.PlaceOf("quotas.keystone"), "quotas.keystone",
                "limits are read by a user of the whole system, which an application credential is not; give identity a username and password");
        }

        if (quotas.Standard != ProjectLimits.None || quotas.Projects.Count > 0)
        {
            warnings.Add("the limits under quotas have no effect with quotas.keystone: those that the identity service keeps count");
        }
    }

    private static void CheckMount(GatewayConfiguration configuration, BindingLog log, List<string> warnings)
    {
        if (configuration.Mount is not { } mount || !log.IsSound("mount", "mount.directory"))
        {
            return;
        }

        var place = log.PlaceOf("mount.directory");
        if (configuration.Identity.Mode != IdentityMode.None && mount.As is null && log.IsSound("mount.as"))
        {
            log.Report(place, "mount.as", "with authentication the mount must say as whom it looks; add 'as: { project: PROJECT, roles: [reader] }'");
        }

        if (mount.WorldReadable)
        {
            warnings.Add($"every local user can read every image under {mount.Directory} (mount.world_readable)");
        }

        foreach (var problem in MountOverlap.Find(mount.Directory, PathsOf(configuration, log)))
        {
            log.Report(place, "mount.directory", problem);
        }
    }

    private static IEnumerable<MountOverlap.UsedPath> PathsOf(GatewayConfiguration configuration, BindingLog log)
    {
        var data = configuration.DataDirectory;
        if (log.IsSound("data"))
        {
            yield return new("data", data, MayHoldMount: true);
            yield return new("the default store's directory", Path.Join(data, "images"));
            yield return new("the staging directory", Path.Join(data, "staging"));
            yield return new("the scratch directory", Path.Join(data, "scratch"));
            yield return new("the registry", Path.Join(data, "registry.sqlite"));
            yield return new("the lock file", Path.Join(data, "lock"));
            yield return new("the instance id", Path.Join(data, "instance-id"));
        }

        foreach (var directory in configuration.PluginDirectories)
        {
            yield return new("plugins", directory);
        }

        if (configuration.Mount?.Keeper is { } keeper)
        {
            yield return new("mount.keeper", keeper);
        }

        if (configuration.Cache is { } cache)
        {
            yield return new("cache.directory", cache.Directory);
        }

        if (configuration.Log.File is { } logFile)
        {
            yield return new("log.file", logFile);
        }

        if (configuration.PolicyFile is { } policyFile)
        {
            yield return new("policy.file", policyFile);
        }

        if (configuration.Database.PasswordFile is { } passwordFile)
        {
            yield return new("database.password_file", passwordFile);
        }

        if (configuration.File is { } file)
        {
            yield return new("the configuration file", file);
        }

        // Which paths other drivers use only they can say; the running stores are asked for theirs in ConfiguredStores.
        foreach (var option in configuration.Stores.Where(store => store.Driver == "filesystem").SelectMany(store => store.Options))
        {
            var paths = option.Name switch
            {
                "directory" => [option.Value],
                "directories" => option.Value.Split([',', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(WithoutPriority),
                _ => [],
            };
            foreach (var path in paths.Where(Path.IsPathRooted))
            {
                yield return new(option.Key, path);
            }
        }
    }

    // PATH or PATH:PRIORITY, as the driver reads it.
    private static string WithoutPriority(string entry)
    {
        var colon = entry.LastIndexOf(':');
        return colon >= 0 && int.TryParse(entry.AsSpan(colon + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _) ? entry[..colon] : entry;
    }
}
