using System.CommandLine;
using GlanceGateway.Host.Configuration;

namespace GlanceGateway.Host.Commands;

/// <summary>The flags that set keys of the configuration, and how a command line with them becomes a configuration.</summary>
internal sealed class ConfigurationOptions
{
    private readonly Option<string?> _file = new("--config", "-c")
    {
        HelpName = "FILE",
        Description = $"Configuration file. Default: $GLANCE_GATEWAY_CONFIG, else {GatewayEnvironment.StandardFile} if it exists",
    };

    private readonly Option<string?> _data = new("--data")
    {
        HelpName = "DIR",
        Description = "Directory of registry, default store and scratch. Default: /var/lib/glance-gateway for root, else ~/.local/share/glance-gateway",
    };

    private readonly Option<string?> _listen = new("--listen")
    {
        HelpName = "HOST:PORT",
        Description = "Where to serve the API; [::1]:9292 for IPv6, port 0 takes a free one. Default: 127.0.0.1:9292",
    };

    private readonly Option<string?> _mount = new("--mount")
    {
        HelpName = "DIR",
        Description = "Show all images as read-only files in this directory",
    };

    private readonly Option<string?> _metrics = new("--metrics")
    {
        HelpName = "HOST:PORT",
        Description = "Answer GET /metrics there in the text format of Prometheus; nobody is asked who he is. Default: nowhere",
    };

    private readonly Option<string?> _keeper = new("--keeper")
    {
        HelpName = "SOCKET",
        Description = $"Let the keeper ('mount keep') that listens there mount; usually {KeepCommand.StandardSocket}",
    };

    private readonly Option<bool> _insecureListen = new("--insecure-listen")
    {
        Description = "Allow listening beyond loopback without authentication: everyone who reaches the port is administrator",
    };

    /// <summary>Gives a command every flag: those of a gateway that serves.</summary>
    public void AddAll(Command command)
    {
        AddPlace(command);
        command.Options.Add(_listen);
        command.Options.Add(_mount);
        command.Options.Add(_metrics);
        command.Options.Add(_keeper);
        command.Options.Add(_insecureListen);
    }

    /// <summary>Gives a command the flags that say where things are.</summary>
    public void AddPlace(Command command)
    {
        command.Options.Add(_file);
        command.Options.Add(_data);
    }

    /// <summary>Loads the configuration under the flags of a command line.</summary>
    /// <exception cref="ConfigurationException">Something is wrong with it.</exception>
    public GatewayConfiguration Load(ParseResult line, GatewayEnvironment environment)
    {
        var flags = new List<ConfigurationFlag>();
        Add(_data, "data");
        Add(_listen, "listen");
        Add(_mount, "mount.directory");
        Add(_metrics, "metrics");
        Add(_keeper, "mount.keeper");
        // A switch that is absent has a result too, an implicit false, which must not win over the file and the environment.
        if (line.GetResult(_insecureListen) is { Implicit: false })
        {
            flags.Add(new("--insecure-listen", "insecure_listen", line.GetValue(_insecureListen) ? "true" : "false"));
        }

        return ConfigurationSource.Load(line.GetResult(_file) is null ? null : line.GetValue(_file), flags, environment);

        void Add(Option<string?> option, string key)
        {
            if (line.GetResult(option) is not null && line.GetValue(option) is { } value)
            {
                flags.Add(new(option.Name, key, value));
            }
        }
    }
}
