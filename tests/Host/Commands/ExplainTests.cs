using System.Text.Json;
using GlanceGateway.Registry;
using GlanceGateway.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Host.Tests.Commands;

/// <summary><c>glance-gateway explain</c>.</summary>
public sealed class ExplainTests : IDisposable
{
    private const string Id = "71c675ab-d94f-49cd-a114-e12490b328d9";

    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task It_says_which_rule_decides_beside_a_running_gateway()
    {
        await MakeAsync();
        await using var gateway = await GatewayProcess.StartAsync(_directory.Below("data"));

        var denied = await ExplainAsync("--project", "p2", "--action", "download_image");
        var allowed = await ExplainAsync("--project", "p1", "--user", "u1", "--role", "member", "--role", "reader", "--action", "download_image");

        Assert.Equal((1, ""), (denied.ExitCode, denied.Error));
        Assert.Equal(
            "denied with 404: download_image for project p2 with the roles member, reader, because the image is private to project p1, so project p2 does not see it\n",
            denied.Output);
        Assert.Equal((0, ""), (allowed.ExitCode, allowed.Error));
        Assert.All(
            [
                "allowed: download_image for project p1, user u1, with the roles member, reader, because the rule download_image holds\n",
                "  project p1 owns the image\n",
                "  download_image = \"role:admin or (role:member and (",
                "    \u2717 role:admin: the caller has the roles member, reader\n",
                "    \u2713 project_id:%(project_id)s: the caller's project_id is p1, the image's project_id is p1\n",
            ],
            line => Assert.Contains(line, allowed.Output, StringComparison.Ordinal));
    }

    [Fact]
    public async Task It_reads_the_operators_file_and_speaks_json()
    {
        await MakeAsync();
        _directory.Write("policy.yaml", "delete_image: '!'");
        _directory.Write("gateway.yaml", $"data: {_directory.Below("data")}\npolicy: {{ file: {_directory.Below("policy.yaml")} }}");

        var outcome = await BuiltGateway.RunAsync(
            _directory.Path, ["explain", "-c", "gateway.yaml", "--image", Id, "--project", "p1", "--role", "admin", "--action", "delete_image", "--json"]);

        Assert.Equal((1, ""), (outcome.ExitCode, outcome.Error));
        using var json = JsonDocument.Parse(outcome.Output);
        var root = json.RootElement;
        Assert.False(root.GetProperty("allowed").GetBoolean());
        Assert.Equal(403, root.GetProperty("status").GetInt32());
        Assert.Equal("the rule delete_image does not hold", root.GetProperty("reason").GetString());
        var rule = root.GetProperty("rules").EnumerateArray().Last();
        Assert.Equal(("delete_image", "!", "file"), (rule.GetProperty("rule").GetString(), rule.GetProperty("check").GetString(), rule.GetProperty("from").GetString()));
    }

    [Fact]
    public async Task Actions_on_no_image_want_none()
    {
        var outcome = await BuiltGateway.RunAsync(_directory.Path, ["explain", "--data", "data", "--project", "p1", "--role", "reader", "--action", "add_image"]);
        Assert.Equal((1, ""), (outcome.ExitCode, outcome.Error));
        Assert.StartsWith("denied with 403: add_image for project p1 with the roles reader, because the rule add_image does not hold\n", outcome.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, "there is no action 'download_imag'; did you mean 'download_image'?", "--image", Id, "--project", "p", "--action", "download_imag")]
    [InlineData(2, "--action download_image is about an image; name it with --image ID", "--project", "p", "--action", "download_image")]
    [InlineData(2, "--project", "--image", Id, "--action", "download_image")]
    [InlineData(1, "There is no registry at", "--image", Id, "--project", "p", "--action", "download_image")]
    public async Task What_cannot_be_answered_is_an_error(int exitCode, string message, params string[] arguments)
    {
        var outcome = await BuiltGateway.RunAsync(_directory.Path, ["explain", "--data", "data", .. arguments]);
        Assert.Equal((exitCode, ""), (outcome.ExitCode, outcome.Output));
        Assert.StartsWith("error: ", outcome.Error, StringComparison.Ordinal);
        Assert.Contains(message, outcome.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_directory.Below("data")));
    }

    [Theory]
    [InlineData("serve")]
    [InlineData("config check")]
    public async Task A_bad_policy_file_is_a_wrong_configuration(string line)
    {
        var policy = _directory.Write("policy.yaml", "delete_image: 'role:'");
        var data = _directory.Below("data");
        _directory.Write("gateway.yaml", $"data: {data}\npolicy: {{ file: {policy} }}");

        var outcome = await BuiltGateway.RunAsync(_directory.Path, [.. line.Split(' '), "-c", "gateway.yaml"]);

        Assert.Equal((2, ""), (outcome.ExitCode, outcome.Output));
        Assert.Equal($"error: {policy} line 1: delete_image: 'role:' at character 1: nothing follows the colon\n", outcome.Error);
        Assert.False(Directory.Exists(data));
    }

    private Task<BuiltGateway.Outcome> ExplainAsync(params string[] arguments) =>
        BuiltGateway.RunAsync(_directory.Path, ["explain", "--data", "data", "--image", Id, .. arguments]);

    private async Task MakeAsync()
    {
        Directory.CreateDirectory(_directory.Below("data"));
        var options = new RegistryOptions { DatabasePath = DataDirectory.RegistryFileIn(_directory.Below("data")), InstanceId = "i" };
        await using var registry = await ImageRegistry.OpenAsync(options, TimeProvider.System, NullLoggerFactory.Instance, Token);
        await registry.WriteAsync((unit, token) => unit.InsertImageAsync(new Image { Id = Id, Owner = "p1", Visibility = ImageVisibility.Private }, token), Token);
    }
}
