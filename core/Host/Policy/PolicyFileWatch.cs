using GlanceGateway.Host.Configuration;
using GlanceGateway.Images;

namespace GlanceGateway.Host.Policy;

/// <summary>Puts the rules of a policy file in force when it changes, as long as they can be used.</summary>
/// <remarks>
/// It compares the whole text, every few seconds: the file is small, and unlike times and change notifications that sees through
/// symbolic links that are turned elsewhere (as Kubernetes does), network file systems and clocks. A change must read the same twice,
/// so that an editor can finish: half a file may be rules as well, and other ones.
/// </remarks>
internal sealed class PolicyFileWatch(PolicyFile file, PolicyRules rules, ILogger logger) : IAsyncDisposable
{
    private static readonly TimeSpan interval = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource stop = new();
    private Task watching = Task.CompletedTask;
    private Content current = new(file.Text, null);
    private Content pending = new(file.Text, null);

    /// <summary>Begins to watch.</summary>
    public static PolicyFileWatch Start(PolicyFile file, PolicyRules rules, TimeProvider time, ILogger logger)
    {
        var watch = new PolicyFileWatch(file, rules, logger);
        watch.watching = watch.WatchAsync(time);
        return watch;
    }

    /// <summary>Looks once.</summary>
    public void Look()
    {
        var problems = new List<ConfigurationProblem>();
        var text = YamlFile.ReadText(file.Path, YamlUse.Policy, problems);
        var content = new Content(text, text is null ? string.Join('\n', problems) : null);
        if (content != current && content == pending)
        {
            current = content;
            TryUse(content);
        }

        pending = content;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stop.Dispose();
    }

    /// <summary>Writes what deserves a look.</summary>
    public static void LogWarnings(PolicyFile file, ILogger logger)
    {
        foreach (var warning in file.Rules.Warnings)
        {
            logger.LogWarning("{File}: {Warning}", file.Path, warning);
        }
    }

    private async Task WatchAsync(TimeProvider time)
    {
        using var timer = new PeriodicTimer(interval, time);
        while (await timer.WaitForNextTickAsync(stop.Token))
        {
            try
            {
                Look();
            }
            catch (Exception fault)
            {
                // Nothing may end the watch unseen: an operator who takes a right away must be able to rely on it.
                logger.LogError(fault, "The policy file {File} could not be looked at; the rules stay as they are", file.Path);
            }
        }
    }

    private void TryUse(Content content)
    {
        try
        {
            if (content.Text is null)
            {
                Refuse(content.Problem!);
                return;
            }

            var changed = PolicyFile.Parse(file.Path, content.Text);
            rules.Use(changed.Rules);
            logger.LogInformation("The policy file {File} changed: {Count} rules of it are in force", file.Path, changed.Rules.OperatorRules);
            LogWarnings(changed, logger);
        }
        catch (ConfigurationException refused)
        {
            Refuse(refused.Message);
        }
    }

    private void Refuse(string problems)
    {
        foreach (var problem in problems.Split('\n'))
        {
            logger.LogError("The changed policy file is not used, the rules stay as they are: {Problem}", problem);
        }
    }

    private readonly record struct Content(string? Text, string? Problem);
}
