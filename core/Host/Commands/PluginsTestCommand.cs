using System.Diagnostics;
using System.Globalization;
using GlanceGateway.Abstractions;
using GlanceGateway.Conformance;
using GlanceGateway.Host.Configuration;
using GlanceGateway.Stores;

namespace GlanceGateway.Host.Commands;

/// <summary><c>plugins test</c>: holds a driver to the contract, as the gateway would load it: from its folder, behind the guard.</summary>
internal sealed class PluginsTestCommand(CommandTerminal terminal, TimeProvider time)
{
    private static readonly YamlUse optionsUse = new("name an existing one with --options", "the driver's options, such as 'directory: \"{directory}\"'", Empty: null);

    /// <returns><see cref="ExitCodes.Failure"/> when a case failed.</returns>
    public async Task<int> RunAsync(PluginTestQuestion question, bool json, CancellationToken cancellationToken)
    {
        var folder = Directory.Exists(question.Plugin) ? question.Plugin : Path.GetDirectoryName(Path.GetFullPath(question.Plugin))!;
        var catalog = PluginCatalog.Of(folder);
        var plugin = catalog.Plugins[0];
        if (plugin.Problem is { } problem)
        {
            terminal.WriteError($"the plugin in {plugin.Folder} cannot be used: {problem}");
            return ExitCodes.Failure;
        }

        var options = question.OptionsFile is { } file ? ReadOptions(file) : [];
        var results = new List<CaseResult>();
        foreach (var each in ConformanceSuite.Cases.Where(each => question.Only is null || each.Name.Contains(question.Only, StringComparison.OrdinalIgnoreCase)))
        {
            var result = await RunAsync(each, new PluginFixture(catalog, plugin.Name, options, question, time), cancellationToken);
            results.Add(result);
            if (!json)
            {
                terminal.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{result.Outcome,-7} {result.Seconds,6:0.00} s  {result.Case}{(result.Reason is null ? "" : $": {result.Reason}")}"));
            }
        }

        var summary = new PluginTestResult(
            plugin.Name, plugin.Manifest?.Version, Count(results, "passed"), Count(results, "failed"), Count(results, "skipped"), results);
        if (json)
        {
            terminal.WriteJson(summary, CommandJson.Readable.PluginTestResult);
        }
        else
        {
            terminal.WriteLine($"{plugin.Name} {summary.Version}: {summary.Passed} passed, {summary.Failed} failed, {summary.Skipped} skipped");
        }

        return summary.Failed == 0 && summary.Passed > 0 ? ExitCodes.Success : ExitCodes.Failure;
    }

    private static async Task<CaseResult> RunAsync(ConformanceCase each, PluginFixture fixture, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var (outcome, reason) = ("passed", (string?)null);
        try
        {
            await each.RunAsync(fixture, cancellationToken);
        }
        catch (CaseSkippedException skipped)
        {
            (outcome, reason) = ("skipped", skipped.Message);
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            (outcome, reason) = ("failed", failure is ConformanceException or StoreException ? failure.Message : failure.ToString());
        }

        return new CaseResult(each.Name, outcome, Math.Round(Stopwatch.GetElapsedTime(started).TotalSeconds, 3), reason);
    }

    private static Dictionary<string, string> ReadOptions(string file)
    {
        var problems = new List<ConfigurationProblem>();
        var root = YamlFile.Read(Path.GetFullPath(file), optionsUse, problems);
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in root?.Entries ?? [])
        {
            if (value is ScalarNode { Form: not ScalarForm.Absent } scalar)
            {
                options[name] = scalar.Value;
            }
            else
            {
                problems.Add(new(value.Origin, name, "expected a single value"));
            }
        }

        return problems.Count == 0 ? options : throw new ConfigurationException(problems);
    }

    private static int Count(List<CaseResult> results, string outcome) => results.Count(result => result.Outcome == outcome);
}
