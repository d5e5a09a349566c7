using GlanceGateway.Host.Configuration;
using GlanceGateway.Host.Policy;
using GlanceGateway.Images;

namespace GlanceGateway.Host.Tests.Policy;

/// <summary>A file of property protections that changes under a running gateway.</summary>
public sealed class ProtectionFileWatchTests : IDisposable
{
    private static readonly Caller Member = new("p", "u", ["member"]);

    private readonly TemporaryDirectory _directory = new();
    private readonly LinesLogger _log = new();
    private readonly PolicyRules _policy = new();
    private readonly PropertyProtections _protections;

    public ProtectionFileWatchTests() => _protections = new PropertyProtections(_policy);

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_change_counts_once_it_reads_the_same_twice()
    {
        await using var watch = Watch("member");
        Assert.False(MayRead());
        Write("member");
        watch.Look();
        Assert.False(MayRead());
        watch.Look();
        Assert.True(MayRead());
        watch.Look();
        Assert.Equal($"Information: 1 sections of property protections in {_directory.Below("protections.conf")} are in force", Assert.Single(_log.Lines));
    }

    [Theory]
    [InlineData("[a]\nread=@", "protections.conf:1: the section [a] does not say who may create, update, delete")]
    [InlineData("", "protections.conf:1: there is no section in it")]
    [InlineData("[a]\ncreate=@\nread=@\nupdate=@\ndelete=@\n[(]\ncreate=@\nread=@\nupdate=@\ndelete=@", "protections.conf:6: [(] is no regular expression")]
    [InlineData(null, "there is no such file")]
    public async Task A_broken_file_is_refused_once_and_the_rules_stay(string? text, string message)
    {
        await using var watch = Watch("member");
        if (text is null)
        {
            File.Delete(_directory.Below("protections.conf"));
        }
        else
        {
            _directory.Write("protections.conf", text);
        }

        for (var i = 0; i < 5; i++)
        {
            watch.Look();
        }

        Assert.False(MayRead());
        var line = Assert.Single(_log.Lines);
        Assert.StartsWith("Error: The changed file of property protections is not used, the rules stay as they are: ", line, StringComparison.Ordinal);
        Assert.Contains(message, line, StringComparison.Ordinal);

        Write("member");
        watch.Look();
        watch.Look();
        Assert.True(MayRead());
    }

    [Fact]
    public async Task Policy_rules_that_are_missing_are_warned_of_and_close()
    {
        await using var watch = Watch("context_is_admin", ProtectionFormat.Policies);
        Write("nosuch");
        watch.Look();
        watch.Look();
        Assert.False(MayRead());
        Assert.Contains(_log.Lines, line => line.StartsWith("Warning: ", StringComparison.Ordinal) && line.Contains("there is no policy rule 'nosuch'", StringComparison.Ordinal));
        Write("default");
        watch.Look();
        watch.Look();
        Assert.True(MayRead());
    }

    [Fact]
    public async Task A_running_watch_puts_the_file_in_force_and_takes_a_change_up()
    {
        Write("admin");
        await using var watch = ProtectionFileWatch.Start(Read(ProtectionFormat.Roles), _protections, _policy, TimeProvider.System, _log);
        Assert.False(MayRead());
        Write("member");
        for (var i = 0; i < 300 && !MayRead(); i++)
        {
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }

        Assert.True(MayRead());
    }

    private ProtectionFileWatch Watch(string not, ProtectionFormat format = ProtectionFormat.Roles)
    {
        Write(not == "member" ? "admin" : not);
        var file = Read(format);
        _protections.Use(file.Rules);
        return new ProtectionFileWatch(file, _protections, _policy, _log);
    }

    private ProtectionFile Read(ProtectionFormat format) => ProtectionFile.Read(new ProtectionConfiguration(_directory.Below("protections.conf"), format));

    private void Write(string readers) => _directory.Write("protections.conf", $"[^x_]\ncreate = !\nread = {readers}\nupdate = !\ndelete = !\n");

    private bool MayRead() => _protections.Allows(Member, PropertyOperation.Read, "x_a");
}
