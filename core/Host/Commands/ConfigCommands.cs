using GlanceGateway.Host.Configuration;
using GlanceGateway.Host.Policy;

namespace GlanceGateway.Host.Commands;

/// <summary><c>config check</c> and <c>config sample</c>.</summary>
internal sealed class ConfigCommands(CommandTerminal terminal)
{
    /// <summary>Says whether the configuration would be accepted; everything that is wrong with it at once.</summary>
    public int Check(Func<GatewayConfiguration> load, bool json)
    {
        GatewayConfiguration configuration;
        try
        {
            configuration = load();
            ImageSchemaFile.Read(configuration.ImageSchemaFile);
            if (configuration.PropertyProtections is { } protections)
            {
                ProtectionFile.Read(protections);
            }

            if (configuration.PolicyFile is { } path)
            {
                var policy = PolicyFile.Read(path);
                configuration = configuration with { Warnings = [.. configuration.Warnings, .. policy.Rules.Warnings.Select(warning => $"{path}: {warning}")] };
            }
        }
        catch (ConfigurationException refused) when (json)
        {
            terminal.WriteJson(
                new ConfigurationResult(
                    Valid: false,
                    File: null,
                    [.. refused.Problems.Select(problem => new ProblemResult(problem.Where, problem.Key, problem.Text))],
                    Warnings: []),
                CommandJson.Readable.ConfigurationResult);
            throw;
        }

        if (json)
        {
            terminal.WriteJson(new ConfigurationResult(Valid: true, configuration.File, [], configuration.Warnings), CommandJson.Readable.ConfigurationResult);
            return ExitCodes.Success;
        }

        foreach (var warning in configuration.Warnings)
        {
            terminal.WriteWarning(warning);
        }

        terminal.WriteTable(["key", "value"], Summary(configuration));
        return ExitCodes.Success;
    }

    /// <summary>Prints the documented sample.</summary>
    public int PrintSample(bool json)
    {
        var sample = ConfigurationSample.Read();
        if (json)
        {
            terminal.WriteJson(new SampleResult(sample), CommandJson.Readable.SampleResult);
        }
        else
        {
            terminal.Output.Write(sample);
        }

        return ExitCodes.Success;
    }

    /// <summary>What will be used. Options of drivers stay out: they may be secrets.</summary>
    private static IEnumerable<IReadOnlyList<string>> Summary(GatewayConfiguration configuration)
    {
        yield return ["file", configuration.File ?? "none"];
        yield return ["property_protections.file", configuration.PropertyProtections?.File ?? "none"];
        yield return ["image_schema_file", configuration.ImageSchemaFile ?? "none"];
        yield return ["metadefs.load_defaults", configuration.LoadDefaultMetadefs ? "true" : "false"];
        yield return ["listen", configuration.Listen.ToString()];
        yield return ["data", configuration.DataDirectory];
        yield return ["plugins", string.Join(", ", configuration.PluginDirectories)];
        yield return ["identity.mode", configuration.Identity.Mode.ToString().ToLowerInvariant()];
        if (configuration.Identity.Keystone is { } keystone)
        {
            yield return ["identity.auth_url", $"{keystone.AuthUrl} as {keystone.Credential}"];
        }

        if (configuration.Identity.Mode == IdentityMode.Tokens)
        {
            yield return ["identity.file", configuration.Identity.TokenFile ?? "none"];
        }

        foreach (var store in configuration.Stores)
        {
            yield return [$"stores.{store.Id}", store.IsDefault ? $"{store.Driver} (default)" : store.Driver];
        }

        yield return ["database", RegistryPlace.Of(configuration)];
        yield return ["mount", configuration.Mount?.Directory ?? "none"];
        yield return ["policy.file", configuration.PolicyFile ?? "none"];
        yield return ["log", configuration.Log.File ?? "standard error"];
    }
}
