using Xunit.MicrosoftTestingPlatform;
using Xunit.Runner.InProc.SystemConsole;

namespace GlanceGateway.Fuse.Tests;

/// <summary>Runs the tests, or the child process that one of them needs.</summary>
internal static class Program
{
    private static Task<int> Main(string[] arguments) =>
        arguments is [UnprivilegedServer.Argument, string directory, string backing] ? UnprivilegedServer.RunAsync(directory, backing)
        : arguments is [KeeperChild.KeeperArgument, string keeperSocket] ? Task.FromResult(KeeperChild.Keep(keeperSocket))
        : arguments is [KeeperChild.MapArgument, string mapped, string same] ? Task.FromResult(KeeperChild.Map(mapped, same))
        : arguments is [KeeperChild.ServerArgument, string socket, string place, string shown, string manner] ? KeeperChild.ServeAsync(socket, place, shown, manner)
        : arguments.Contains("--server") || arguments.Contains("--internal-msbuild-node") ? TestPlatformTestFramework.RunAsync(arguments, SelfRegisteredExtensions.AddSelfRegisteredExtensions)
        : ConsoleRunner.Run(arguments);
}
