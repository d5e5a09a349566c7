using System.Text.RegularExpressions;
using GlanceGateway.Host.Configuration;

namespace GlanceGateway.Host.Tests.Configuration;

public sealed partial class ConfigurationSampleTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void The_sample_is_accepted_as_it_is()
    {
        var file = _directory.Write("sample.yaml", ConfigurationSample.Read());

        var configuration = ConfigurationSource.Load(file, [], Surroundings.OfUser());

        Assert.Equal(["fast", "deep"], configuration.Stores.Select(store => store.Id));
        Assert.Empty(configuration.Warnings);
    }

    [Fact]
    public void The_sample_is_accepted_with_everything_switched_on_and_shows_every_key()
    {
        var text = SwitchedOff().Replace(ConfigurationSample.Read(), "");
        var file = _directory.Write("sample.yaml", text);

        ConfigurationSource.Load(file, [], Surroundings.OfUser(), out var known);

        Assert.Contains("mount.as.roles", known);
        Assert.Contains("stores.fast.description", known);
        var shown = KeysOf(text);
        Assert.Empty(known.Where(key => !key.StartsWith("stores.deep.", StringComparison.Ordinal)).Except(shown));
    }

    [Fact]
    public void The_sample_states_the_defaults()
    {
        var file = _directory.Write("sample.yaml", ConfigurationSample.Read());

        var sample = ConfigurationSource.Load(file, [], Surroundings.Of(isRoot: true));
        var none = ConfigurationSource.Load(null, [], Surroundings.Of(isRoot: true));

        Assert.Equal(none.Listen, sample.Listen);
        Assert.Equal(none.DataDirectory, sample.DataDirectory);
        Assert.Equal(none.Limits, sample.Limits);
        Assert.Equal(none.Log, sample.Log);
        Assert.Equal(none.InsecureListen, sample.InsecureListen);
    }

    /// <summary>The key paths that the text shows, read from its lines and their indentation.</summary>
    private static HashSet<string> KeysOf(string text)
    {
        var keys = new HashSet<string>(StringComparer.Ordinal);
        var parents = new Stack<(int Indent, string Path)>();
        foreach (Match line in KeyLine().Matches(text))
        {
            var indent = line.Groups["indent"].Length;
            while (parents.TryPeek(out var top) && top.Indent >= indent)
            {
                parents.Pop();
            }

            var path = parents.TryPeek(out var parent) ? $"{parent.Path}.{line.Groups["key"].Value}" : line.Groups["key"].Value;
            keys.Add(path);
            parents.Push((indent, path));
        }

        return keys;
    }

    /// <summary>'#key' is a key that is switched off, '# words' are words.</summary>
    [GeneratedRegex(@"(?<=^ *)#(?=\w)", RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SwitchedOff();

    [GeneratedRegex(@"^(?<indent> *)(?<key>\w+):", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex KeyLine();
}
