using System.Diagnostics.CodeAnalysis;

namespace GlanceGateway.Testing;

/// <summary>What a test needs of the machine. Missing, it skips with the reason; under <c>CI=true</c> it fails, because there nothing may be missing.</summary>
public static class Requires
{
    /// <summary>Whether <c>tests/run --long</c> runs.</summary>
    public static bool FullCounts { get; } = Environment.GetEnvironmentVariable("GLANCE_TEST_LONG") == "1";

    /// <summary>Programs on the path.</summary>
    public static void Programs(params string[] names)
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/sbin").Append("/sbin").ToArray();
        foreach (var name in names)
        {
            Need(folders.Any(f => File.Exists(Path.Combine(f, name))), $"the program '{name}' is not installed; tests/run installs it on Debian");
        }
    }

    /// <summary>A file that a package brings.</summary>
    public static void FileOf(string package, string path) => Need(File.Exists(path), $"{path} is missing; install the package {package}");

    /// <summary>To be root, with a FUSE device: for mounts with passthrough.</summary>
    public static void RootMount()
    {
        Need(File.Exists("/dev/fuse"), "there is no /dev/fuse");
        Need(Environment.IsPrivilegedProcess, "mounting directly takes root");
    }

    /// <summary>A kernel with FUSE passthrough.</summary>
    public static void PassthroughKernel() =>
        Need(Environment.OSVersion.Version >= new Version(6, 9), $"Linux {Environment.OSVersion.Version} has no FUSE passthrough; 6.9 has");

    /// <summary>Any condition.</summary>
    public static void Need([DoesNotReturnIf(false)] bool condition, string reason)
    {
        if (condition)
        {
            return;
        }

        if (Environment.GetEnvironmentVariable("CI") == "true")
        {
            Assert.Fail($"{reason}; under CI=true nothing may be missing");
        }

        Assert.Skip(reason);
    }
}
