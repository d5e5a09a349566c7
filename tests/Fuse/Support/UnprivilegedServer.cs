using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Fuse.Tests;

/// <summary>A server without privilege, in a process of its own; says what it found on standard output.</summary>
internal static class UnprivilegedServer
{
    internal const string Argument = "--unprivileged-server";

    internal static async Task<int> RunAsync(string directory, string backing)
    {
        Console.WriteLine(FuseMount.MayMountDirectly ? "privileged" : "unprivileged");
        Try(() => FuseMount.Create(directory, new FuseMountOptions { AllowOther = true }, NullLogger.Instance).Dispose());
        Try(() => FuseMount.Create(directory, new FuseMountOptions { Method = FuseMountMethod.Direct }, NullLogger.Instance).Dispose());
        SampleFileSystem files = new();
        files.AddFile("disk", "content served"u8.ToArray());
        using FuseServer server = FuseServer.Start(directory, files, new FuseMountOptions(), new FuseSessionOptions(), NullLogger.Instance);
        // A program reads it: this process may have just one thread of the pool to spare.
        Console.WriteLine(Client.Execute("cat", Path.Combine(directory, "disk")).Output);
        using (SafeFileHandle file = File.OpenHandle(backing))
        {
            Console.WriteLine("backing " + server.Session.TryRegisterBacking(file, 0, out _));
        }

        bool stopped = await server.StopAsync(TimeSpan.FromSeconds(10));
        return stopped && MountTable.Find(server.Mount.MountPoint) is null ? 0 : 3;
    }

    private static void Try(Action action)
    {
        try
        {
            action();
            Console.WriteLine("mounted");
        }
        catch (FuseMountException e)
        {
            Console.WriteLine(e.Message);
        }
    }
}
