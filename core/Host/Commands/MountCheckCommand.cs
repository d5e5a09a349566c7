using System.CommandLine;
using System.Globalization;
using GlanceGateway.Host.Configuration;
using GlanceGateway.MountChecks;

namespace GlanceGateway.Host.Commands;

/// <summary><c>mount check</c>: holds a mount to what hypervisors expect of it, from outside; any mount, also one of another make.</summary>
internal sealed class MountCheckCommand(CommandTerminal terminal, GatewayEnvironment environment)
{
    private readonly Argument<string> _path = new("PATH") { Description = "A mount point, or the file of one image on it, which is then the one that is read" };
    private readonly Option<string?> _original = new("--original") { HelpName = "FILE", Description = "A local copy of the same image. Default: the mount is compared with itself" };
    private readonly Option<string?> _only = new("--only") { HelpName = "TEXT", Description = "Run only checks whose name holds this" };
    private readonly Option<bool> _dropCaches = new("--drop-caches") { Description = "Drop the names that this host's kernel remembers, again and again, so that it forgets files in use (root)" };

    public void AddTo(Command command)
    {
        command.Arguments.Add(_path);
        foreach (var option in new Option[] { _original, _only, _dropCaches })
            command.Options.Add(option);
    }

    /// <returns><see cref="ExitCodes.Failure"/> when a check failed.</returns>
    /// <exception cref="IOException">There is nothing to check.</exception>
    public int Run(ParseResult line, bool json, CancellationToken cancellationToken)
    {
        var original = line.GetValue(_original) is { } file ? Path.GetFullPath(file, environment.CurrentDirectory) : null;
        if (original is not null && !File.Exists(original))
            throw new IOException($"{original}, named by --original, does not exist");
        var subject = MountSubject.At(Path.GetFullPath(line.GetRequiredValue(_path), environment.CurrentDirectory)) with
        {
            Original = original, MayDropCaches = line.GetValue(_dropCaches),
        };
        if (!json)
            terminal.WriteLine($"checking {subject.File}");
        var only = line.GetValue(_only);
        var results = new List<CaseResult>();
        foreach (var check in Table.Checks.Where(check => only is null || check.Name.Contains(only, StringComparison.OrdinalIgnoreCase)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var result = check.Try(subject);
            var outcome = result.Outcome.ToString().ToLowerInvariant();
            results.Add(new CaseResult(check.Name, outcome, Math.Round(result.Took.TotalSeconds, 3), result.Reason));
            if (!json)
                terminal.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{outcome,-7} {result.Took.TotalSeconds,6:0.00} s  {check.Name}: {result.Reason ?? check.Promise}"));
        }

        int Count(string outcome) => results.Count(result => result.Outcome == outcome);
        var summary = new MountCheckSummary(subject.File, Count("passed"), Count("failed"), Count("skipped"), results);
        if (json)
            terminal.WriteJson(summary, CommandJson.Readable.MountCheckSummary);
        else
            terminal.WriteLine($"{summary.Passed} passed, {summary.Failed} failed, {summary.Skipped} skipped");
        return summary.Failed == 0 && summary.Passed > 0 ? ExitCodes.Success : ExitCodes.Failure;
    }
}
