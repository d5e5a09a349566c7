using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Fuse.Tests;

/// <summary>Mounting through the set-uid program, as users without privilege do.</summary>
public sealed class FusermountTests
{
    private static readonly FuseMountOptions s_options = new() { Method = FuseMountMethod.Fusermount, FsName = "sample", Subtype = "sample", AllowOther = true };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_mount_through_fusermount_reads_and_unmounts(bool autoUnmount)
    {
        RequireFusermount();
        SampleFileSystem files = new();
        byte[] content = new byte[300_000];
        new Random(9).NextBytes(content);
        files.AddFile("disk", content);
        using TestMount mount = new(files, s_options with { AutoUnmount = autoUnmount });
        Assert.Equal("fuse.sample", MountTable.Find(mount.Directory)?.Type);
        Assert.Equal(content, Client.Run(() => File.ReadAllBytes(mount.At("disk"))));

        Assert.True(await mount.Server.StopAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));

        Assert.Null(MountTable.Find(mount.Directory));
    }

    [Fact]
    public void A_busy_mount_through_fusermount_is_detached()
    {
        RequireFusermount();
        SampleFileSystem files = new();
        files.AddFile("disk", new byte[5000]);
        using TestMount mount = new(files, s_options);
        int descriptor = Client.Run(() => Posix.OpenOrThrow(mount.At("disk")));

        Assert.Equal(UnmountOutcome.Detached, mount.Server.Mount.Unmount());

        Assert.Equal(5000, Client.Run(() => Posix.ReadAt(descriptor, 0, 5000).Length));
        Client.Run(() => Posix.Close(descriptor));
    }

    [Fact]
    public void The_mount_goes_with_its_server()
    {
        RequireFusermount();
        string directory = TestMount.MakeDirectory();
        try
        {
            // What the kernel does for a killed process: the device and the socket to fusermount3 close.
            FuseMount.Create(directory, s_options, NullLogger.Instance).Dispose();

            Client.Eventually(() => MountTable.Find(directory) is null, "fusermount3 unmounts");
        }
        finally
        {
            TestMount.RemoveDirectory(directory);
        }
    }

    [Fact]
    public void A_refusal_of_fusermount_carries_what_it_said()
    {
        RequireFusermount();
        string directory = TestMount.MakeDirectory();
        try
        {
            FuseMountException refused = Assert.Throws<FuseMountException>(() =>
                FuseMount.Create(directory, s_options with { Subtype = null, MaxReadBytes = 4096, FsName = new string('x', 5000) }, NullLogger.Instance));
            Assert.Contains("fusermount3", refused.Message, StringComparison.Ordinal);
        }
        finally
        {
            TestMount.RemoveDirectory(directory);
        }
    }

    /// <summary>The whole path as another user, in a child process, since a process cannot take its own privilege back.</summary>
    [Fact]
    public void A_user_without_privilege_mounts_and_learns_that_passthrough_is_not_for_him()
    {
        RequireFusermount();
        string directory = TestMount.MakeDirectory();
        string devices = TestMount.MakeDirectory();
        string backing = Path.GetTempFileName();
        try
        {
            Assert.Equal(0, Client.Execute("chown", "65534:65534", directory, backing).ExitCode);
            // fusermount3 opens the device with the user's rights. Distributions make it 0666, this machine may not:
            // a copy of it, seen by the child alone in a mount namespace of its own.
            const string Script = """
                mount -t tmpfs none "$1" && mknod "$1/fuse" c 10 229 && chmod 666 "$1/fuse" && mount --bind "$1/fuse" /dev/fuse || exit 125
                shift
                exec setpriv --reuid 65534 --regid 65534 --clear-groups -- "$@"
                """;
            (int exit, string output) = Client.Execute(
                "unshare", "--mount", "--propagation", "private", "sh", "-c", Script, "sh", devices,
                Path.Combine(AppContext.BaseDirectory, "GlanceGateway.Fuse.Tests"), UnprivilegedServer.Argument, directory, backing);
            Assert.SkipWhen(exit is 126 or 127, "the tests lie where other users cannot run them: " + output);
            Assert.True(exit == 0, output);
            Assert.StartsWith("unprivileged", output, StringComparison.Ordinal);
            Assert.Contains("content served", output, StringComparison.Ordinal);
            Assert.Contains("backing EPERM", output, StringComparison.Ordinal);
            Assert.Contains("CAP_SYS_ADMIN is needed", output, StringComparison.Ordinal);
            if (!File.ReadLines("/etc/fuse.conf").Contains("user_allow_other"))
            {
                Assert.Contains("allow_other without root needs the line \"user_allow_other\"", output, StringComparison.Ordinal);
            }
        }
        finally
        {
            File.Delete(backing);
            TestMount.RemoveDirectory(directory);
            TestMount.RemoveDirectory(devices);
        }
    }

    private static void RequireFusermount()
    {
        TestMount.RequireFuse();
        bool installed = File.Exists("/usr/bin/fusermount3") || File.Exists("/bin/fusermount3");
        Assert.False(!installed && Environment.GetEnvironmentVariable("CI") == "true", "fusermount3 is not installed");
        Assert.SkipUnless(installed, "fusermount3 (package fuse3) is not installed");
    }
}
