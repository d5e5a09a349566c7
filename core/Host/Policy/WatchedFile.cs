using GlanceGateway.Host.Configuration;

namespace GlanceGateway.Host.Policy;

/// <summary>A file of rules that an operator may change under a running gateway: its changes are put in force, as long as they can be used.</summary>
/// <remarks>
/// It compares the whole text, every few seconds: the file is small, and unlike times and change notifications that sees through
/// symbolic links that are turned elsewhere (as Kubernetes does), network file systems and clocks. A change must read the same twice,
/// so that an editor can finish: half a file may be rules as well, and other ones.
/// </remarks>
/// <param name="path">The file.</param>
/// <param name="use">What it is for, in messages about it.</param>
/// <param name="text">What was in it when its rules were put in force.</param>
/// <param name="name">What it is called in the log: "policy file".</param>
/// <param name="logger">The log.</param>
internal abstract class WatchedFile(string path, YamlUse use, string text, string name, ILogger logger) : IAsyncDisposable
{
    private static readonly TimeSpan interval = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _stop = new();
    private Task _watching = Task.CompletedTask;
    private Content _current = new(text, null);
    private Content _pending = new(text, null);

    /// <summary>Begins to watch.</summary>
    public void Start(TimeProvider time) => _watching = WatchAsync(time);

    /// <summary>Looks once.</summary>
    public void Look()
    {
        var problems = new List<ConfigurationProblem>();
        var read = YamlFile.ReadText(path, use, problems);
        var content = new Content(read, read is null ? string.Join('\n', problems) : null);
        if (content != _current && content == _pending)
        {
            _current = content;
            TryUse(content);
        }

        _pending = content;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    /// <summary>Puts changed rules in force and says so.</summary>
    /// <exception cref="ConfigurationException">They cannot be used.</exception>
    protected abstract void Use(string text);

    private async Task WatchAsync(TimeProvider time)
    {
        using var timer = new PeriodicTimer(interval, time);
        while (await timer.WaitForNextTickAsync(_stop.Token))
        {
            try
            {
                Look();
            }
            catch (Exception fault)
            {
                // Nothing may end the watch unseen: an operator who takes a right away must be able to rely on it.
                logger.LogError(fault, "The {Name} {File} could not be looked at; the rules stay as they are", name, path);
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
            }
            else
            {
                Use(content.Text);
            }
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
            logger.LogError("The changed {Name} is not used, the rules stay as they are: {Problem}", name, problem);
        }
    }

    private readonly record struct Content(string? Text, string? Problem);
}
