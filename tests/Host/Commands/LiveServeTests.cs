using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;

namespace GlanceGateway.Host.Tests.Commands;

/// <summary>A gateway whose configuration and plugins change while it serves.</summary>
public sealed class LiveServeTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ConcurrentQueue<string> _log = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Stores_follow_the_configuration_file_and_bad_changes_are_refused_with_file_key_and_remedy()
    {
        var file = WriteStores("a: { driver: filesystem, directory: DIR/a }");
        using var gateway = await StartAsync(file);
        try
        {
            WriteStores("a: { driver: filesystem, directory: DIR/a, default: true }\n  b: { driver: memory }");
            await UntilLoggedAsync("Store b is ready");
            Assert.Contains("\"id\":\"b\"", await StoresAsync(gateway), StringComparison.Ordinal);

            // A syntax that cannot be, on demand: nothing of it is used.
            WriteStores("a: { driver: filesystem, directory: DIR/a, defualt: 1, default: 7 }");
            using (var signal = Process.Start("kill", ["-HUP", $"{gateway.Process.Id}"]))
            {
                await signal.WaitForExitAsync(TestContext.Current.CancellationToken);
            }

            await UntilLoggedAsync($"The changed configuration is not used, everything stays as it is: {file} line 2: stores.a.default: '7' does not fit");
            Assert.Contains("\"id\":\"b\"", await StoresAsync(gateway), StringComparison.Ordinal);

            WriteStores("a: { driver: filesystem, directory: relative }");
            await UntilLoggedAsync($"{file} line 2: stores.a: Option 'directory' is 'relative', which is not an absolute path. Correct it; until then the store serves on as before.");
            await UntilLoggedAsync("Store b is removed");
        }
        finally
        {
            await KillAsync(gateway.Process);
        }
    }

    [Fact]
    public async Task Refused_plugin_is_in_the_log_and_in_plugins_list_and_the_old_one_serves()
    {
        var plugins = _directory.Below("plugins");
        var folder = CopyBuiltPlugin("FileSystem", plugins);
        var file = WriteStores("a: { driver: filesystem, directory: DIR/a }", "plugins: [DIR/plugins]\n");
        using var gateway = await StartAsync(file);
        try
        {
            var before = await ListAsync(file);
            Assert.Equal(("serving", 64), (before.GetProperty("state").GetString(), before.GetProperty("sha256").GetString()!.Length));

            await File.WriteAllTextAsync(Path.Join(folder, "GlanceGateway.Plugins.FileSystem.dll"), "not a plugin", TestContext.Current.CancellationToken);
            await UntilLoggedAsync($"The plugin filesystem in {folder} is refused, 0.1.0 (");

            var after = await ListAsync(file);
            Assert.Equal("refused", after.GetProperty("state").GetString());
            Assert.Contains("is not a .NET assembly, or is damaged", after.GetProperty("problem").GetString(), StringComparison.Ordinal);
            Assert.Contains("(Version 0.1.0 of it, loaded before, serves on.)", after.GetProperty("problem").GetString(), StringComparison.Ordinal);
        }
        finally
        {
            await KillAsync(gateway.Process);
        }

        Assert.Equal("usable", (await ListAsync(file)).GetProperty("state").GetString());
    }

    [Fact]
    public async Task Properties_are_described_and_protected_by_files_and_a_changed_protection_counts_without_a_restart()
    {
        var schema = _directory.Write("schema-image.json", """{"rack": {"type": "string", "enum": ["r1", "r2"], "description": "Where it stands"}}""");
        var protections = WriteProtections("admin");
        var file = WriteStores("a: { driver: filesystem, directory: DIR/a }", $"image_schema_file: {schema}\nproperty_protections: {{ file: {protections} }}\n");
        using var gateway = await StartAsync(file);
        try
        {
            using var client = new HttpClient { BaseAddress = gateway.Address };
            var published = JsonElement.Parse(await client.GetStringAsync(new Uri("/v2/schemas/image", UriKind.Relative), TestContext.Current.CancellationToken));
            Assert.Equal(
                """{"type":"string","description":"Where it stands","enum":["r1","r2"],"is_base":false}""",
                published.GetProperty("properties").GetProperty("rack").GetRawText().Replace(" ", "", StringComparison.Ordinal).Replace("Whereitstands", "Where it stands", StringComparison.Ordinal));
            Assert.Equal(400, await CreateAsync(client, "r3"));
            Assert.Equal(201, await CreateAsync(client, "r1"));

            WriteProtections("nobody-has-this");
            await UntilLoggedAsync($"1 sections of property protections in {protections} are in force", times: 2);
            Assert.Equal(403, await CreateAsync(client, "r1"));

            _directory.Write("protections.conf", "[.*]\nread = @\n");
            await UntilLoggedAsync($"The changed file of property protections is not used, the rules stay as they are: {protections}:1: the section [.*] does not say who may create, update, delete");
            Assert.Equal(403, await CreateAsync(client, "r1"));
        }
        finally
        {
            await KillAsync(gateway.Process);
        }
    }

    private static async Task<int> CreateAsync(HttpClient client, string rack)
    {
        using var body = new StringContent($$"""{"rack":"{{rack}}"}""", System.Text.Encoding.UTF8, "application/json");
        using var answer = await client.PostAsync(new Uri("/v2/images", UriKind.Relative), body, TestContext.Current.CancellationToken);
        return (int)answer.StatusCode;
    }

    private string WriteProtections(string role) =>
        _directory.Write("protections.conf", $"[.*]\ncreate = {role}\nread = @\nupdate = {role}\ndelete = {role}\n");

    private static string CopyBuiltPlugin(string name, string target)
    {
        var folder = Path.Join(target, name);
        Directory.CreateDirectory(folder);
        foreach (var file in Directory.EnumerateFiles(Path.Join(BuiltGateway.Directory, "plugins", name)))
        {
            File.Copy(file, Path.Join(folder, Path.GetFileName(file)));
        }

        return folder;
    }

    private static async Task<string> StoresAsync(RunningGateway gateway)
    {
        using var client = new HttpClient();
        return (await client.GetStringAsync(new Uri(gateway.Address, "/v2/info/stores"), TestContext.Current.CancellationToken)).Replace(" ", "", StringComparison.Ordinal);
    }

    private async Task<JsonElement> ListAsync(string file)
    {
        var outcome = await BuiltGateway.RunAsync(_directory.Path, ["plugins", "list", "--json", "-c", file]);
        return Assert.Single(JsonDocument.Parse(outcome.Output).RootElement.GetProperty("plugins").EnumerateArray().ToList());
    }

    private string WriteStores(string stores, string rest = "") => _directory.Write(
        "gateway.yaml",
        $"stores:\n  {stores}\n{rest}data: DIR/data\nlisten: 127.0.0.1:0\n".Replace("DIR", _directory.Path, StringComparison.Ordinal));

    private async Task<RunningGateway> StartAsync(string file)
    {
        var process = BuiltGateway.Start(_directory.Path, ["serve", "--json", "-c", file]);
        process.ErrorDataReceived += (_, line) => _log.Enqueue(line.Data ?? "");
        process.BeginErrorReadLine();
        var said = await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        Assert.True(said is not null, string.Join('\n', _log));
        return new RunningGateway(process, new Uri(JsonDocument.Parse(said).RootElement.GetProperty("address").GetString()!));
    }

    private async Task UntilLoggedAsync(string text, int times = 1)
    {
        var deadline = DateTime.UtcNow.AddMinutes(1);
        while (_log.Count(line => line.Contains(text, StringComparison.Ordinal)) < times)
        {
            Assert.True(DateTime.UtcNow < deadline, $"'{text}' did not appear in the log:\n{string.Join('\n', _log)}");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }

    private static async Task KillAsync(Process process)
    {
        process.Kill();
        await process.WaitForExitAsync(CancellationToken.None);
    }

    private sealed record RunningGateway(Process Process, Uri Address) : IDisposable
    {
        public void Dispose() => Process.Dispose();
    }
}
