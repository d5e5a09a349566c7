using GlanceGateway.Host.Configuration;
using GlanceGateway.Host.Policy;
using GlanceGateway.Images;
using GlanceGateway.Registry;

namespace GlanceGateway.Host.Commands;

/// <summary><c>explain</c>: says what decides whether a caller may do something. Works beside a gateway that serves, and writes nothing.</summary>
internal sealed class ExplainCommand(CommandTerminal terminal)
{
    /// <returns><see cref="ExitCodes.Failure"/> when it is not allowed.</returns>
    public async Task<int> RunAsync(GatewayConfiguration configuration, ExplainQuestion question, bool json, CancellationToken cancellationToken)
    {
        var file = configuration.PolicyFile is { } path ? PolicyFile.Read(path) : null;
        var (image, isMember) = question.ImageId is { } id && AccessExplainer.NeedsImage(question.Action)
            ? await FindAsync(configuration, id, question.Caller.ProjectId!, cancellationToken)
            : (null, false);
        var explanation = new AccessExplainer(file?.Rules ?? PolicySet.Default).Explain(question.Caller, question.Action, image, isMember);
        Write(Describe(question, file, explanation), json);
        return explanation.Refusal is null ? ExitCodes.Success : ExitCodes.Failure;
    }

    private static async Task<(Image? Image, bool IsMember)> FindAsync(
        GatewayConfiguration configuration, string id, string project, CancellationToken cancellationToken)
    {
        await using var registry = RegistryPlace.Postgres(configuration) is { } database
            ? await RegistryReader.OpenAsync(database, cancellationToken)
            : await RegistryReader.OpenAsync(DataDirectory.RegistryFileIn(configuration.DataDirectory), cancellationToken);
        return (await registry.FindImageAsync(id, cancellationToken), await registry.FindMemberAsync(id, project, cancellationToken) is not null);
    }

    private static ExplainResult Describe(ExplainQuestion question, PolicyFile? file, AccessExplanation explanation) => new(
        explanation.Refusal is null,
        explanation.Refusal switch
        {
            null => null,
            ImageError.NotFound => 404,
            _ => 403,
        },
        explanation.Reason,
        explanation.Sight,
        PolicyRules.RuleName(question.Action),
        AccessExplainer.NeedsImage(question.Action) ? question.ImageId : null,
        question.Caller.ProjectId!,
        question.Caller.UserId,
        [.. question.Caller.Roles.Order(StringComparer.Ordinal)],
        file?.Path,
        [
            .. explanation.Rules.Select(rule => new ExplainedRule(
                rule.Rule,
                rule.Check,
                rule.IsOperators ? "file" : "default",
                rule.Holds,
                [.. rule.Checks.Select(check => new ExplainedCheck(check.Rule, check.Check, check.Holds, check.Because))])),
        ]);

    private void Write(ExplainResult result, bool json)
    {
        if (json)
        {
            terminal.WriteJson(result, CommandJson.Readable.ExplainResult);
            return;
        }

        terminal.WriteLine($"{(result.Allowed ? "allowed" : $"denied with {result.Status}")}: {result.Action} for {Who(result)}, because {result.Reason}");
        if (result.Visibility is { } visibility && visibility != result.Reason)
        {
            terminal.WriteLine($"  {visibility}");
        }

        foreach (var rule in result.Rules)
        {
            var origin = rule.From == "file" ? $" ({result.PolicyFile})" : "";
            terminal.WriteLine($"  {rule.Rule} = \"{rule.Check}\"{origin} {(rule.Holds ? "holds" : "does not hold")}:");
            foreach (var check in rule.Checks)
            {
                var within = check.Rule == rule.Rule ? "" : $" (in {check.Rule})";
                terminal.WriteLine($"    {(check.Holds ? '\u2713' : '\u2717')} {check.Check}{within}: {check.Because}");
            }
        }
    }

    private static string Who(ExplainResult result) =>
        $"project {result.Project}{(result.User is { } user ? $", user {user}," : "")} with the roles {string.Join(", ", result.Roles)}";
}
