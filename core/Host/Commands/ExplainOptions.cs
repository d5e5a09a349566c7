using System.CommandLine;
using System.CommandLine.Parsing;
using GlanceGateway.Host.Configuration;
using GlanceGateway.Images;

namespace GlanceGateway.Host.Commands;

/// <summary>The flags of <c>explain</c>.</summary>
internal sealed class ExplainOptions
{
    private static readonly PolicyAction[] actions = [.. Enum.GetValues<PolicyAction>().Where(AccessExplainer.IsAboutImages)];

    private readonly Option<string?> _image = new("--image")
    {
        HelpName = "ID",
        Description = "The image; not needed for get_images and add_image",
    };

    private readonly Option<string> _project = new("--project")
    {
        HelpName = "ID",
        Required = true,
        Description = "The caller's project",
    };

    private readonly Option<string?> _user = new("--user")
    {
        HelpName = "ID",
        Description = "The caller",
    };

    private readonly Option<string[]> _roles = new("--role")
    {
        HelpName = "ROLE",
        Description = "A role in the token, implied ones too; give it again for more. Default: member and reader",
    };

    private readonly Option<string> _action = new("--action")
    {
        HelpName = "RULE",
        Required = true,
        Description = "What the caller wants: " + string.Join(", ", actions.Select(PolicyRules.RuleName)),
    };

    public ExplainOptions()
    {
        _action.Validators.Add(RefuseUnknownAction);
    }

    /// <summary>Gives them to a command.</summary>
    public void AddTo(Command command)
    {
        command.Options.Add(_image);
        command.Options.Add(_project);
        command.Options.Add(_user);
        command.Options.Add(_roles);
        command.Options.Add(_action);
        command.Validators.Add(result =>
        {
            if (result.GetResult(_action) is { Errors: var errors } action
                && !errors.Any()
                && Find(action.GetValueOrDefault<string>()) is { } wanted
                && AccessExplainer.NeedsImage(wanted)
                && result.GetResult(_image) is null)
            {
                result.AddError($"--action {PolicyRules.RuleName(wanted)} is about an image; name it with --image ID");
            }
        });
    }

    /// <summary>What a command line asks.</summary>
    public ExplainQuestion Read(ParseResult line)
    {
        var roles = line.GetValue(_roles) is { Length: > 0 } given ? given : ["member", "reader"];
        var caller = new Caller(line.GetValue(_project), line.GetValue(_user), roles);
        return new ExplainQuestion(caller, Find(line.GetValue(_action)!)!.Value, line.GetValue(_image));
    }

    private static PolicyAction? Find(string? name) =>
        actions.Where(action => PolicyRules.RuleName(action) == name).Select(action => (PolicyAction?)action).FirstOrDefault();

    private static void RefuseUnknownAction(OptionResult result)
    {
        var name = result.Tokens.Count > 0 ? result.Tokens[0].Value : "";
        if (Find(name) is null)
        {
            var known = actions.Select(PolicyRules.RuleName).ToList();
            result.AddError($"there is no action '{name}'; "
                + (KeySuggestion.Nearest(name, known) is { } meant ? $"did you mean '{meant}'?" : $"known are {string.Join(", ", known)}"));
        }
    }
}

/// <summary>Who wants what of which image.</summary>
internal sealed record ExplainQuestion(Caller Caller, PolicyAction Action, string? ImageId);
