using System.CommandLine;
using System.Net;
using GlanceGateway.Host.Configuration;

namespace GlanceGateway.Host.Commands;

/// <summary>The flags of <c>mount</c>, and what they come to.</summary>
internal sealed class MountFlags
{
    private readonly Argument<string[]> _places = new("PLACES")
    {
        HelpName = "ENDPOINT... DIR",
        Description = "Endpoints of one image service in the order of preference (none with a cloud or OS_* whose catalogue has it), then the directory",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly Option<string?> _cloud = new("--os-cloud") { HelpName = "NAME", Description = "Log in as clouds.yaml says. Default: $OS_CLOUD, else OS_*, else no log-in" };

    private readonly Option<string?> _cacert = new("--cacert") { HelpName = "FILE", Description = "The only authorities that are believed (PEM). Default: those of the system" };

    private readonly Option<bool> _insecure = new("--insecure") { Description = "Believe any certificate; for tries only" };

    private readonly Option<uint?> _uid = new("--uid") { HelpName = "UID", Description = "Owner of everything shown. Default: who runs this" };

    private readonly Option<string?> _group = new("--group", "--gid") { HelpName = "GROUP", Description = "Group of everything shown, by name or number: who is in it may read. Default: the group of who runs this" };

    private readonly Option<bool> _worldReadable = new("--world-readable") { Description = "Let every user of this host read every image" };

    private readonly Option<bool?> _allowOther = new("--allow-other") { HelpName = "true|false", Description = "Let users other than this one in at all. Default: true for root and with --keeper, else if /etc/fuse.conf says user_allow_other" };

    private readonly Option<string?> _keeper = new("--keeper") { HelpName = "SOCKET", Description = $"Let the keeper ('mount keep') that listens there mount: this process then needs no privilege, and the mount outlives it. Usually {KeepCommand.StandardSocket}" };

    private readonly Option<string?> _cache = new("--cache") { HelpName = "DIR", Description = "Directory of the cache, of this mount alone. Default: below $CACHE_DIRECTORY of systemd, /var/cache/glance-gateway for root, else ~/.cache/glance-gateway" };

    private readonly Option<string> _cacheSize = new("--cache-size") { HelpName = "SIZE", Description = "What the cache may take, such as 50GiB", DefaultValueFactory = _ => "10GiB" };

    private readonly Option<string> _cacheFree = new("--cache-min-free") { HelpName = "SIZE", Description = "What the cache leaves free on its filesystem", DefaultValueFactory = _ => "1GiB" };

    private readonly Option<string> _readAhead = new("--read-ahead") { HelpName = "SIZE", Description = "How far one sequential reader is at most read ahead; 0 turns it off", DefaultValueFactory = _ => "64MiB" };

    private readonly Option<string> _poll = new("--poll-interval") { HelpName = "TIME", Description = "How often changed images are asked for where the endpoint has no change feed (GlanceGateway has one), such as 30s", DefaultValueFactory = _ => "60s" };

    private readonly Option<string> _sweep = new("--sweep-interval") { HelpName = "TIME", Description = "How often everything is listed, to notice deletions and lost shares; with a change feed six times as rarely", DefaultValueFactory = _ => "10m" };

    private readonly Option<string> _timeout = new("--read-timeout") { HelpName = "TIME", Description = "How long one read may take before it fails with EIO", DefaultValueFactory = _ => "60s" };

    private readonly Option<string?> _metrics = new("--metrics") { HelpName = "HOST:PORT", Description = "Answer GET /metrics there in the text format of Prometheus; nobody is asked who he is. Default: nowhere" };

    private readonly Option<string?> _warmList = new("--warm-list") { HelpName = "FILE", Description = "Fetch and pin the images that this file lists, one id, name or tag:NAME a line, with 'hydrate:' before it for the disk inside; its changes count" };

    private readonly Option<bool> _background = new("--background") { Description = "Return when the mount is there; it goes on by itself" };

    private readonly Option<string?> _logFile = new("--log-file") { HelpName = "FILE", Description = "Where log lines go. Default: standard error; in the background, mount.log in the cache directory" };

    /// <summary>Gives a command the flags.</summary>
    public void AddTo(Command command)
    {
        command.Arguments.Add(_places);
        foreach (var option in (Option[])[_cloud, _cacert, _insecure, _uid, _group, _worldReadable, _allowOther, _keeper, _cache, _cacheSize, _cacheFree, _readAhead, _poll, _sweep, _timeout, _metrics, _warmList, _background, _logFile])
            command.Options.Add(option);
    }

    /// <summary>Reads them.</summary>
    /// <exception cref="ConfigurationException">Something is missing or wrong.</exception>
    public MountRequest Read(ParseResult line, GatewayEnvironment environment)
    {
        List<ConfigurationProblem> problems = [];
        var places = line.GetValue(_places) ?? [];
        List<Uri> endpoints = [];
        foreach (var place in places.SkipLast(1).SelectMany(text => text.Split(',', StringSplitOptions.RemoveEmptyEntries)))
        {
            if (Uri.TryCreate(place, UriKind.Absolute, out var endpoint) && endpoint.Scheme is ("http" or "https") && endpoint.UserInfo.Length == 0)
                endpoints.Add(endpoint);
            else
                problems.Add(new("command line", "ENDPOINT", "it should look like https://host:9292, without a user"));
        }

        if (places.Length == 0)
            problems.Add(new("command line", "DIR", "say where to mount: glance-gateway mount https://host:9292 /mnt/images"));
        else if (places[^1].Contains("://", StringComparison.Ordinal))
            problems.Add(new("command line", "DIR", "the directory comes last: glance-gateway mount https://host:9292 /mnt/images"));
        uint? group = null;
        if (line.GetValue(_group) is { } name && (group = LinuxUsers.GroupId(name)) is null)
            problems.Add(new("command line", "--group", $"there is no group '{name}'; create it, or name one that exists, or give a number"));
        var directory = Path.GetFullPath(places.Length > 0 ? places[^1] : ".", environment.CurrentDirectory);
        var cache = line.GetValue(_cache) is { } given ? Path.GetFullPath(given, environment.CurrentDirectory) : DefaultCache(directory, environment, problems);
        if (cache == directory || cache.StartsWith(directory + "/", StringComparison.Ordinal))
            problems.Add(new("command line", "--cache", "the cache must not lie below the mount, which would wait for itself"));
        var keeper = line.GetValue(_keeper) is { Length: > 0 } socket ? Path.GetFullPath(socket, environment.CurrentDirectory) : null;
        var request = new MountRequest
        {
            Endpoints = endpoints,
            Directory = directory,
            Cloud = line.GetValue(_cloud) ?? (environment.Variables.GetValueOrDefault("OS_CLOUD") is { Length: > 0 } cloud ? cloud : null),
            AuthorityFile = line.GetValue(_cacert),
            Insecure = line.GetValue(_insecure),
            Uid = line.GetValue(_uid) ?? LinuxUsers.EffectiveUser,
            Gid = group ?? LinuxUsers.EffectiveGroup,
            WorldReadable = line.GetValue(_worldReadable),
            AllowOther = line.GetValue(_allowOther) ?? (environment.IsRoot || keeper is not null || LinuxUsers.MayAllowOthers()),
            Keeper = keeper,
            Cache = cache,
            CacheBytes = Size(_cacheSize),
            CacheFreeBytes = Size(_cacheFree),
            ReadAheadBytes = Size(_readAhead),
            PollInterval = Time(_poll),
            SweepInterval = Time(_sweep),
            ReadTimeout = Time(_timeout),
            Metrics = Endpoint(_metrics),
            WarmList = line.GetValue(_warmList) is { } list ? Path.GetFullPath(list, environment.CurrentDirectory) : null,
            Background = line.GetValue(_background),
            LogFile = line.GetValue(_logFile) is { } file ? Path.GetFullPath(file, environment.CurrentDirectory) : null,
        };
        return problems.Count == 0 ? request : throw new ConfigurationException(problems);

        long Size(Option<string> option)
        {
            if (line.GetValue(option) is not { } text || !ValueFormats.TryParseSize(text, out var bytes))
            {
                problems.Add(new("command line", option.Name, "it should be a size such as 10GiB"));
                return 0;
            }

            return bytes;
        }

        IPEndPoint? Endpoint(Option<string?> option)
        {
            if (line.GetValue(option) is not { } text)
                return null;
            if (ValueFormats.TryParseEndpoint(text, out var endpoint))
                return endpoint;
            problems.Add(new("command line", option.Name, $"it should be {ValueFormats.EndpointForm}"));
            return null;
        }

        TimeSpan Time(Option<string> option)
        {
            if (line.GetValue(option) is not { } text || !ValueFormats.TryParseDuration(text, out var time) || time <= TimeSpan.Zero)
            {
                problems.Add(new("command line", option.Name, "it should be a time such as 60s or 10m"));
                return TimeSpan.FromMinutes(1);
            }

            return time;
        }
    }

    private static string DefaultCache(string directory, GatewayEnvironment environment, List<ConfigurationProblem> problems)
    {
        // A name that people recognise, and that no other mount point has.
        var name = Uri.EscapeDataString(directory.Trim('/'));
        // What systemd made for the service (CacheDirectory=).
        if (environment.Variables.TryGetValue("CACHE_DIRECTORY", out var made) && Path.IsPathRooted(made))
            return Path.Join(made.Split(':')[0], name);
        if (environment.IsRoot)
            return Path.Join("/var/cache/glance-gateway", name);
        if (environment.Variables.TryGetValue("XDG_CACHE_HOME", out var caches) && Path.IsPathRooted(caches))
            return Path.Join(caches, "glance-gateway", name);
        if (environment.Variables.TryGetValue("HOME", out var home) && Path.IsPathRooted(home))
            return Path.Join(home, ".cache/glance-gateway", name);
        problems.Add(new("command line", "--cache", "there is no home directory to keep the cache in; name a directory"));
        return "/";
    }
}
