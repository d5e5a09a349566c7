using GlanceGateway.Host.Configuration;
using GlanceGateway.Images;

namespace GlanceGateway.Host.Policy;

/// <summary>Puts the rules of a policy file in force when it changes, as long as they can be used.</summary>
internal sealed class PolicyFileWatch(PolicyFile file, PolicyRules rules, ILogger logger) : WatchedFile(file.Path, YamlUse.Policy, file.Text, "policy file", logger)
{
    private readonly ILogger _logger = logger;

    /// <summary>Begins to watch.</summary>
    public static PolicyFileWatch Start(PolicyFile file, PolicyRules rules, TimeProvider time, ILogger logger)
    {
        var watch = new PolicyFileWatch(file, rules, logger);
        watch.Start(time);
        return watch;
    }

    /// <summary>Writes what deserves a look.</summary>
    public static void LogWarnings(PolicyFile file, ILogger logger)
    {
        foreach (var warning in file.Rules.Warnings)
        {
            logger.LogWarning("{File}: {Warning}", file.Path, warning);
        }
    }

    /// <inheritdoc/>
    protected override void Use(string text)
    {
        var changed = PolicyFile.Parse(file.Path, text);
        rules.Use(changed.Rules);
        _logger.LogInformation("The policy file {File} changed: {Count} rules of it are in force", file.Path, changed.Rules.OperatorRules);
        LogWarnings(changed, _logger);
    }
}
