namespace GlanceGateway.Host.Configuration;

/// <summary>What binding found out: the problems, the keys that exist, and where each value came from.</summary>
internal sealed class BindingLog(string currentDirectory, List<ConfigurationProblem> problems)
{
    private readonly Dictionary<string, string> _places = new(StringComparer.Ordinal);
    private readonly HashSet<string> _unsound = new(StringComparer.Ordinal);

    public string CurrentDirectory { get; } = currentDirectory;

    /// <summary>Every key that a reader asked for.</summary>
    public HashSet<string> KnownKeys { get; } = new(StringComparer.Ordinal);

    public void Report(string where, string key, string text)
    {
        problems.Add(new(where, key, text));
        _unsound.Add(key);
    }

    /// <summary>Reports what another file has brought up.</summary>
    public void Report(IReadOnlyList<ConfigurationProblem> found) => problems.AddRange(found);

    /// <summary>What works but deserves a look.</summary>
    public List<string> Warnings { get; } = [];

    public void Warn(string text) => Warnings.Add(text);

    public void Know(string key) => KnownKeys.Add(key);

    public void Place(string key, string origin) => _places[key] = origin;

    /// <summary>Where a key's value came from.</summary>
    public string PlaceOf(string key) => _places.GetValueOrDefault(key, "default");

    /// <summary>Whether none of the keys has been reported: a check across keys says nothing new about a bad one.</summary>
    public bool IsSound(params ReadOnlySpan<string> keys)
    {
        foreach (var key in keys)
        {
            if (_unsound.Contains(key))
            {
                return false;
            }
        }

        return true;
    }
}
