using System.Diagnostics;
using System.Text.RegularExpressions;

namespace GlanceGateway.Host.Tests;

public sealed class DataDirectoryTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private string Data => _directory.Below("data");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void The_tree_is_made_for_the_owner_alone()
    {
        using var data = Open();

        Assert.Equal(Path.Join(Data, "registry.sqlite"), data.RegistryFile);
        Assert.All([Data, data.DefaultStore, data.Scratch], directory =>
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(directory)));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Join(Data, "lock")));
    }

    [Fact]
    public void The_instance_id_stays_over_restarts()
    {
        string first;
        using (var data = Open())
        {
            first = data.InstanceId;
        }

        using var again = Open();

        Assert.Equal(first, again.InstanceId);
        Assert.True(Guid.TryParse(first, out _));
        Assert.False(File.Exists(Path.Join(Data, "instance-id.new")));
    }

    [Fact]
    public void A_half_written_instance_id_of_a_crash_is_replaced()
    {
        Directory.CreateDirectory(Data);
        File.WriteAllText(Path.Join(Data, "instance-id.new"), "4f1c");

        using var data = Open();

        Assert.Equal(data.InstanceId + "\n", File.ReadAllText(Path.Join(Data, "instance-id")));
    }

    [Fact]
    public void A_damaged_instance_id_is_not_replaced_silently()
    {
        Directory.CreateDirectory(Data);
        File.WriteAllText(Path.Join(Data, "instance-id"), "");

        var refused = Assert.Throws<DataDirectoryException>(Open);

        Assert.Contains("restore it, or remove it", refused.Message, StringComparison.Ordinal);
        File.WriteAllText(Path.Join(Data, "instance-id"), Guid.NewGuid().ToString());
        Open().Dispose();
    }

    [Fact]
    public void A_second_owner_is_refused_by_directory_and_process()
    {
        using (Open())
        {
            var refused = Assert.Throws<DataDirectoryException>(Open);

            Assert.Matches($"{Regex.Escape(Data)} is in use by process {Environment.ProcessId} \\(since \\d{{4}}-.* UTC\\); .*--data", refused.Message);
        }

        Open().Dispose();
    }

    [Fact]
    public async Task The_lock_of_a_killed_process_is_free()
    {
        Directory.CreateDirectory(Data);
        var lockFile = Path.Join(Data, "lock");
        using var owner = Start("flock", "--no-fork", lockFile, "sh", "-c", "echo \"process $$ (since yesterday)\" > \"$0\"; exec sleep 600", lockFile);
        try
        {
            await UntilAsync(() => Refusal()?.Contains($"in use by process {owner.Id} (since yesterday)", StringComparison.Ordinal) == true);
        }
        finally
        {
            owner.Kill();
            await owner.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        Assert.Null(Refusal());
    }

    [Fact]
    public async Task Another_process_finds_the_directory_locked_and_children_do_not_keep_it()
    {
        using var data = Open();
        var lockFile = Path.Join(Data, "lock");
        using (var other = Start("flock", "--nonblock", lockFile, "true"))
        {
            await other.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Equal(1, other.ExitCode);
        }

        using var child = Start("sleep", "600");
        try
        {
            data.Dispose();
            Open().Dispose();
        }
        finally
        {
            child.Kill();
            await child.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public void A_directory_that_cannot_be_made_is_named_with_the_remedy()
    {
        File.WriteAllText(Data, "a file");

        var refused = Assert.Throws<DataDirectoryException>(Open);

        Assert.Contains(Data, refused.Message, StringComparison.Ordinal);
        Assert.Contains("give another with --data", refused.Message, StringComparison.Ordinal);
    }

    private DataDirectory Open() => DataDirectory.Open(Data, TimeProvider.System);

    private string? Refusal()
    {
        try
        {
            Open().Dispose();
            return null;
        }
        catch (DataDirectoryException refused)
        {
            return refused.Message;
        }
    }

    private static Process Start(string program, params string[] arguments)
    {
        try
        {
            return Process.Start(new ProcessStartInfo(program, arguments))!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip($"there is no {program} here");
            throw;
        }
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        var waited = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(20), "waited in vain");
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }
}
