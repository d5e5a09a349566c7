using System.Text.Json;
using GlanceGateway.Host.Commands;

namespace GlanceGateway.Host.Tests.Commands;

/// <summary><c>metadefs …</c> over a registry that no gateway serves from.</summary>
public sealed class MetadefsCommandTests : IDisposable
{
    private const string Rack = """
        {
          "namespace": "OS::Lab::Rack", "display_name": "Rack «1»", "description": "", "visibility": "public", "protected": true, "owner": "p1",
          "resource_type_associations": [{ "name": "OS::Glance::Image", "prefix": "lab_", "properties_target": "image" }, { "name": "OS::Nova::Flavor" }],
          "properties": { "row": { "title": "Row", "type": "integer", "minimum": 0 }, "colour": { "title": "Farbe", "type": "string", "enum": ["grün", "'"], "default": "grün" } },
          "objects": [{ "name": "o2", "description": "d", "required": ["a"], "properties": { "a": { "title": "A", "type": "array", "items": { "type": "string" } } } }, { "name": "o1" }],
          "tags": [{ "name": "z" }, { "name": "a" }]
        }
        """;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    /// <summary>Among the names are two that one file name could stand for, one that no file name can hold as it is, and one that nobody owns.</summary>
    [Fact]
    public async Task What_was_exported_and_unloaded_is_loaded_as_it_was()
    {
        Directory.CreateDirectory(_directory.Below("in"));
        _directory.Write("in/rack.json", Rack);
        foreach (var (file, name) in new[] { ("1", "a::b"), ("2", "a-b"), ("3", "../x/\u0001"), ("4", new string('語', 80)), ("5", new string('語', 79) + "言") })
        {
            _directory.Write($"in/{file}.json", JsonSerializer.Serialize(new { @namespace = name, owner = "" }));
        }

        Assert.Equal(6, (await JsonAsync("load", _directory.Below("in"))).GetProperty("added").GetArrayLength());
        Assert.Equal(6, (await JsonAsync("export", _directory.Below("one"))).GetProperty("files").GetArrayLength());
        Assert.Equal(6, (await JsonAsync("unload")).GetProperty("removed").GetArrayLength());
        Assert.Equal(0, (await JsonAsync("export", _directory.Below("none"))).GetProperty("files").GetArrayLength());
        Assert.Equal(6, (await JsonAsync("load", _directory.Below("one"))).GetProperty("added").GetArrayLength());
        Assert.Equal(6, (await JsonAsync("export", _directory.Below("two"))).GetProperty("files").GetArrayLength());

        var first = Directory.GetFiles(_directory.Below("one")).Order(StringComparer.Ordinal).ToList();
        Assert.Equal(first.Select(Path.GetFileName), Directory.GetFiles(_directory.Below("two")).Order(StringComparer.Ordinal).Select(Path.GetFileName));
        Assert.All(first, file => Assert.Equal(File.ReadAllText(file), File.ReadAllText(Path.Join(_directory.Below("two"), Path.GetFileName(file)))));
        Assert.Equal(6, first.Count);
        AssertSame(Rack, File.ReadAllText(_directory.Below("two", "OS-Lab-Rack.json")));
        AssertSame("""{"namespace":"a::b","visibility":"private","protected":false,"owner":""}""", File.ReadAllText(_directory.Below("two", "a-b.json")));
    }

    [Fact]
    public async Task What_is_there_stays_is_completed_renewed_or_replaced_as_the_flags_say()
    {
        _directory.Write("old.json", """{"namespace":"n","description":"old","owner":"p","properties":{"both":{"title":"old","type":"string"},"mine":{"title":"m","type":"string"}},"tags":[{"name":"t"}]}""");
        _directory.Write("new.json", """{"namespace":"n","description":"new","owner":"q","properties":{"both":{"title":"new","type":"string"},"yours":{"title":"y","type":"string"}}}""");

        foreach (var (flags, changed, expected) in new (string[], bool, string)[]
        {
            ([], false, """{"namespace":"n","description":"old","visibility":"private","protected":false,"owner":"p","properties":{"both":{"title":"old","type":"string"},"mine":{"title":"m","type":"string"}},"tags":[{"name":"t"}]}"""),
            (["--merge"], true, """{"namespace":"n","description":"old","visibility":"private","protected":false,"owner":"p","properties":{"both":{"title":"old","type":"string"},"mine":{"title":"m","type":"string"},"yours":{"title":"y","type":"string"}},"tags":[{"name":"t"}]}"""),
            (["--prefer-new"], true, """{"namespace":"n","description":"new","visibility":"private","protected":false,"owner":"q","properties":{"both":{"title":"new","type":"string"},"mine":{"title":"m","type":"string"},"yours":{"title":"y","type":"string"}},"tags":[{"name":"t"}]}"""),
            (["--overwrite"], true, """{"namespace":"n","description":"new","visibility":"private","protected":false,"owner":"q","properties":{"both":{"title":"new","type":"string"},"yours":{"title":"y","type":"string"}}}"""),
        })
        {
            await JsonAsync("load", "--overwrite", _directory.Below("old.json"));
            var loaded = await JsonAsync("load", [_directory.Below("new.json"), .. flags]);
            Assert.Equal((0, changed ? 1 : 0, changed ? 0 : 1), (
                loaded.GetProperty("added").GetArrayLength(), loaded.GetProperty("changed").GetArrayLength(), loaded.GetProperty("skipped").GetArrayLength()));
            await JsonAsync("export", _directory.Below("out"));
            AssertSame(expected, File.ReadAllText(_directory.Below("out", "n.json")));
        }

        var both = await RunAsync("load", "--overwrite", "--merge", _directory.Below("new.json"));
        Assert.Equal(2, both.ExitCode);
        Assert.Contains("--overwrite replaces whole namespaces", both.Error, StringComparison.Ordinal);
        var missing = await RunAsync("unload", "n", "nosuch");
        Assert.Equal((1, "removed: n\n"), (missing.ExitCode, missing.Output));
        Assert.Contains("there is no namespace 'nosuch'", missing.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\n  \"namespace\": \"n\",\n  \"tags\": [}\n}", "bad.json' line 3, byte 12: ")]
    [InlineData("", "bad.json' line 1, byte 1: ")]
    [InlineData("""{"namespace":"n","tags":[{"name":7}]}""", "bad.json': Provided object does not match schema 'namespace': 7 is not of type 'string' at 'name'")]
    [InlineData("""{"namespace":"n","tags":[{"name":"a"},{"name":"a"}]}""", "bad.json': ")]
    [InlineData("""{"namespace":"n","description":"\ud800"}""", "bad.json': ")]
    [InlineData("""{"namespace":"n","properties":{"p":{"type":"string","title":"a","description":"\ud800"}}}""", "bad.json': ")]
    [InlineData("""{"namespace":"n","properties":{"\ud800":{"type":"string","title":"a"}}}""", "bad.json': ")]
    [InlineData("""{"namespace":"n","resource_type_associations":[{"name":"\udc00"}]}""", "bad.json': ")]
    [InlineData("[1]", "bad.json': ")]
    public async Task A_file_that_cannot_be_used_is_named_with_the_place_and_nothing_is_loaded(string text, string message)
    {
        Directory.CreateDirectory(_directory.Below("in"));
        _directory.Write("in/aaa.json", """{"namespace":"good"}""");
        _directory.Write("in/bad.json", text);
        var refused = await RunAsync("load", _directory.Below("in"));
        Assert.Equal((1, ""), (refused.ExitCode, refused.Output));
        Assert.Contains(message, refused.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("please report", refused.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await JsonAsync("export", _directory.Below("out"))).GetProperty("files").GetArrayLength());
    }

    private static void AssertSame(string expected, string actual) =>
        Assert.True(JsonElement.DeepEquals(JsonElement.Parse(expected), JsonElement.Parse(actual)), $"Expected:\n{expected}\nActual:\n{actual}");

    private async Task<JsonElement> JsonAsync(string command, params string[] arguments)
    {
        var outcome = await RunAsync(command, [.. arguments, "--json"]);
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        return JsonElement.Parse(outcome.Output);
    }

    /// <summary>In this process: starting one for each of so many commands would take most of a minute.</summary>
    private async Task<(int ExitCode, string Output, string Error)> RunAsync(string command, params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var line = new GatewayCommandLine(Surroundings.Of(), new CommandTerminal(output, error, isTerminal: false), TimeProvider.System);
        var exitCode = await line.RunAsync(["metadefs", command, .. arguments, "--data", _directory.Below("data")], TestContext.Current.CancellationToken);
        return (exitCode, output.ToString(), error.ToString());
    }
}
