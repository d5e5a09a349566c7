using Xunit.MicrosoftTestingPlatform;
using Xunit.Runner.InProc.SystemConsole;

namespace GlanceGateway.Fuse.Tests;

/// <summary>Runs the tests, or the child process that one of them needs.</summary>
internal static class Program
{
    private static Task<int> Main(string[] arguments) =>
        arguments is [UnprivilegedServer.Argument, string directory, string backing] ? UnprivilegedServer.RunAsync(directory, backing)
        : arguments.Contains("--server") || arguments.Contains("--internal-msbuild-node") ? TestPlatformTestFramework.RunAsync(arguments, SelfRegisteredExtensions.AddSelfRegisteredExtensions)
        : ConsoleRunner.Run(arguments);
}
