using GlanceGateway.Host.Policy;
using GlanceGateway.Images;

namespace GlanceGateway.Host.Tests.Policy;

/// <summary>A policy file that changes under a running gateway.</summary>
public sealed class PolicyFileWatchTests : IAsyncDisposable
{
    private static readonly Caller Admin = new("p", "u", ["admin", "member", "reader"]);

    private readonly TemporaryDirectory _directory = new();
    private readonly LinesLogger _log = new();
    private readonly PolicyRules _rules;
    private readonly PolicyFileWatch _watch;

    public PolicyFileWatchTests()
    {
        var file = PolicyFile.Read(_directory.Write("policy.yaml", "get_images: '!'"));
        _rules = new PolicyRules(file.Rules);
        _watch = new PolicyFileWatch(file, _rules, _log);
    }

    public async ValueTask DisposeAsync()
    {
        await _watch.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public void A_change_counts_once_it_reads_the_same_twice()
    {
        Assert.False(MayList());
        Write("get_images: '@'");
        _watch.Look();
        Assert.False(MayList());
        _watch.Look();
        Assert.True(MayList());
        _watch.Look();
        Assert.StartsWith("Information: The policy file", Assert.Single(_log.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public void Half_a_file_is_waited_out()
    {
        Write("");
        _watch.Look();
        Write("get_images: '!'\n# more");
        _watch.Look();
        _watch.Look();
        Assert.False(MayList());
    }

    [Theory]
    [InlineData("get_images: 'role:a and'", "get_images: a check is missing after 'and'")]
    [InlineData("get_images: [", "this is not YAML")]
    [InlineData(null, "there is no such file")]
    public void A_broken_file_is_refused_once_and_the_rules_stay(string? text, string message)
    {
        Write(text);
        for (var i = 0; i < 5; i++)
        {
            _watch.Look();
        }

        Assert.False(MayList());
        var line = Assert.Single(_log.Lines);
        Assert.StartsWith("Error: The changed policy file is not used, the rules stay as they are: ", line, StringComparison.Ordinal);
        Assert.Contains(message, line, StringComparison.Ordinal);

        Write("get_images: '@'");
        _watch.Look();
        _watch.Look();
        Assert.True(MayList());
    }

    [Fact]
    public void A_link_that_is_turned_elsewhere_is_a_change()
    {
        File.Delete(_directory.Below("policy.yaml"));
        File.CreateSymbolicLink(_directory.Below("policy.yaml"), _directory.Write("other.yaml", "get_images: '@'"));
        _watch.Look();
        _watch.Look();
        Assert.True(MayList());
    }

    [Fact]
    public async Task A_running_watch_takes_a_change_up()
    {
        await using var watch = PolicyFileWatch.Start(PolicyFile.Read(_directory.Below("policy.yaml")), _rules, TimeProvider.System, _log);
        Write("get_images: '@'");
        for (var i = 0; i < 300 && !MayList(); i++)
        {
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }

        Assert.True(MayList());
    }

    private bool MayList() => _rules.Allows(Admin, PolicyAction.GetImages, image: null, isMember: false);

    private void Write(string? text)
    {
        if (text is null)
        {
            File.Delete(_directory.Below("policy.yaml"));
        }
        else
        {
            _directory.Write("policy.yaml", text);
        }
    }
}
