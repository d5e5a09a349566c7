using GlanceGateway.Images;

namespace GlanceGateway.Host.Policy;

/// <summary>Puts the rules of a protection file in force when it changes, as long as they can be used.</summary>
internal sealed class ProtectionFileWatch(ProtectionFile file, PropertyProtections protections, PolicyRules policy, ILogger logger)
    : WatchedFile(file.Path, ProtectionFile.FormOfFile, file.Text, "file of property protections", logger)
{
    private readonly ILogger _logger = logger;

    /// <summary>Puts the rules of a file in force and begins to watch it.</summary>
    /// <returns>Null without a file.</returns>
    public static ProtectionFileWatch? Start(ProtectionFile? file, PropertyProtections protections, PolicyRules policy, TimeProvider time, ILogger logger)
    {
        if (file is null)
        {
            return null;
        }

        var watch = new ProtectionFileWatch(file, protections, policy, logger);
        watch.Use(file);
        watch.Start(time);
        return watch;
    }

    /// <inheritdoc/>
    protected override void Use(string text) => Use(ProtectionFile.Parse(file.Path, file.Format, text));

    private void Use(ProtectionFile changed)
    {
        protections.Use(changed.Rules);
        _logger.LogInformation("{Count} sections of property protections in {File} are in force", changed.Rules.Count, file.Path);
        foreach (var rule in changed.Rules.PolicyRules.Where(rule => !policy.Current.Holds(rule)))
        {
            _logger.LogWarning("{File}: there is no policy rule '{Rule}', so what it protects is closed to all", file.Path, rule);
        }
    }
}
