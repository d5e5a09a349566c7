using System.CommandLine;
using System.CommandLine.Invocation;

namespace GlanceGateway.Host.Commands;

/// <summary><c>--version</c>, which everybody tries first: the same as <c>version</c>.</summary>
internal sealed class VersionFlag(VersionCommand version, Option<bool> json) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult) => version.Run(parseResult.GetValue(json));
}
