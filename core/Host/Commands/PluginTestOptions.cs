using System.CommandLine;

namespace GlanceGateway.Host.Commands;

/// <summary>What <c>plugins test</c> is asked.</summary>
/// <param name="Plugin">The plugin's assembly, or its folder.</param>
/// <param name="OptionsFile">The driver's options; null for none.</param>
/// <param name="Only">A part of the names of the cases to run; null for all.</param>
/// <param name="IsVolatile">Whether the contents end with the driver.</param>
/// <param name="CheapZeros">Whether gigabytes of zeros cost nothing.</param>
/// <param name="CannotFence">Whether the backend cannot refuse the commit of an attempt that was settled elsewhere.</param>
/// <param name="HoldsBack">Whether the first bytes of an attempt are not in the backend yet.</param>
internal sealed record PluginTestQuestion(string Plugin, string? OptionsFile, string? Only, bool IsVolatile, bool CheapZeros, bool CannotFence, bool HoldsBack);

/// <summary>The arguments and flags of <c>plugins test</c>.</summary>
internal sealed class PluginTestOptions
{
    private readonly Argument<string> _plugin = new("DLL") { Description = "The plugin's assembly beside its plugin.json, or their folder" };
    private readonly Option<string?> _options = new("--options") { HelpName = "FILE", Description = "YAML with the driver's options" };
    private readonly Option<string?> _only = new("--only") { HelpName = "TEXT", Description = "Run only cases whose name holds this" };
    private readonly Option<bool> _volatile = new("--volatile") { Description = "The driver's contents end with it, as in memory: do not start it anew after a 'kill'" };
    private readonly Option<bool> _cheapZeros = new("--cheap-zeros") { Description = "Zeros cost nothing: store 5 GiB of them" };
    private readonly Option<bool> _cannotFence = new("--cannot-fence") { Description = "The backend cannot refuse a commit after the attempt was settled elsewhere" };
    private readonly Option<bool> _holdsBack = new("--holds-back") { Description = "The driver holds the first bytes back: an attempt that dies then has left nothing" };

    public void AddTo(Command command)
    {
        command.Arguments.Add(_plugin);
        foreach (var option in new Option[] { _options, _only, _volatile, _cheapZeros, _cannotFence, _holdsBack })
        {
            command.Options.Add(option);
        }
    }

    public PluginTestQuestion Read(ParseResult line) => new(
        line.GetValue(_plugin)!,
        line.GetValue(_options),
        line.GetValue(_only),
        line.GetValue(_volatile),
        line.GetValue(_cheapZeros),
        line.GetValue(_cannotFence),
        line.GetValue(_holdsBack));
}
