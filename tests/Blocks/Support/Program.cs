using Xunit.MicrosoftTestingPlatform;
using Xunit.Runner.InProc.SystemConsole;

namespace GlanceGateway.Blocks.Tests;

/// <summary>Runs the tests, or the child process that one of them kills.</summary>
internal static class Program
{
    private static Task<int> Main(string[] arguments) =>
        arguments is [Victim.Argument, string directory, string seed] ? Victim.RunAsync(directory, int.Parse(seed))
        : arguments is [Victim.WriterArgument, string home, string round] ? Victim.WriteOutAsync(home, int.Parse(round))
        : arguments.Contains("--server") || arguments.Contains("--internal-msbuild-node") ? TestPlatformTestFramework.RunAsync(arguments, SelfRegisteredExtensions.AddSelfRegisteredExtensions)
        : ConsoleRunner.Run(arguments);
}
