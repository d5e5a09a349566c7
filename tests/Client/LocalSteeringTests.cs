using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using GlanceGateway.Testing;

namespace GlanceGateway.Client.Tests;

/// <summary>The mount of a gateway that serves: its cache, and images that are deleted while they are open.</summary>
public sealed class LocalSteeringTests : IDisposable
{
    private readonly TempDirectory _home = new();
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false });

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _http.Dispose();
        _home.Dispose();
    }

    [Fact]
    public async Task The_cache_of_a_gateway_is_steered_through_its_mount_and_open_images_outlive_their_deletion()
    {
        Requires.RootMount();
        await File.WriteAllTextAsync(
            _home["gateway.yaml"],
            $$"""
            stores:
              memory: { driver: memory, max_size: 100MiB, default: true }
            cache: { max_size: 100MiB, min_free: 1MiB }
            mount: { directory: {{_home["images"]}} }
            metrics: 127.0.0.1:0
            """,
            Token);
        await using var gateway = await GatewayProcess.StartAsync(_home["data"], "-c", _home["gateway.yaml"]);
        var disk = new byte[24 << 20];
        RandomNumberGenerator.Fill(disk.AsSpan(4 << 20, 2 << 20));
        await File.WriteAllBytesAsync(_home["disk.raw"], disk, Token);
        (await Command.RunAsync("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", _home["disk.raw"], _home["disk.qcow2"]])).Succeeded();
        var qcow2 = await AddAsync(gateway, "disk", "qcow2", await File.ReadAllBytesAsync(_home["disk.qcow2"], Token));
        var content = RandomNumberGenerator.GetBytes(20 << 20);
        var open = await AddAsync(gateway, "open", "raw", content);

        var hydrated = JsonDocument.Parse((await SteerAsync("hydrate", "disk")).Succeeded().Output).RootElement.GetProperty("images")[0];
        Assert.True(hydrated.GetProperty("raw_disk").GetProperty("verified").GetBoolean());
        Assert.InRange(hydrated.GetProperty("raw_disk").GetProperty("stored_bytes").GetInt64(), 1, 8 << 20);
        var raw = Path.Combine(_home["images"], "raw", qcow2 + ".raw");
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(disk)), await RemoteMount.Sha256Async(raw));
        var status = JsonDocument.Parse(await Command.RunAsync("cat", [Path.Combine(_home["images"], ".status")]) is { Output: var page } ? page : "").RootElement;
        Assert.Equal(status.GetProperty("passthrough").GetBoolean() ? 1 : 0, status.GetProperty("opens_passthrough").GetInt32());
        Assert.Equal(1, status.GetProperty("source").GetProperty("cache").GetProperty("raw_disks").GetInt32());
        Assert.Contains("raw disk", (await Command.RunAsync("dotnet", [Path.Combine(RepositoryPaths.Host, "glance-gateway.dll"), "mount", "status", _home["images"]])).Succeeded().Output, StringComparison.Ordinal);

        // A reader that has read a little; the cache does not hold the rest.
        var reader = Command.RunAsync("sh", ["-c", "exec 3<\"$1\"; head -c 4096 <&3 >/dev/null; touch \"$2\"; while [ ! -e \"$3\" ]; do sleep 0.1; done; cat <&3 | tail -c 1048576 | sha256sum", "sh", Path.Combine(_home["images"], "by-id", open), _home["opened"], _home["go"]], limit: TimeSpan.FromMinutes(2));
        await EventuallyAsync(() => File.Exists(_home["opened"]), "the reader does not open");
        using (var gone = await _http.DeleteAsync(new Uri(gateway.Address, $"/v2/images/{open}"), Token))
            Assert.Equal(HttpStatusCode.NoContent, gone.StatusCode);
        using (var absent = await _http.GetAsync(new Uri(gateway.Address, $"/v2/images/{open}"), Token))
            Assert.Equal(HttpStatusCode.NotFound, absent.StatusCode);
        await EventuallyAsync(() => !File.Exists(Path.Combine(_home["images"], "by-id", open)), "the deleted image is still shown");
        await File.WriteAllTextAsync(_home["go"], "", Token);
        Assert.StartsWith(Convert.ToHexStringLower(SHA256.HashData(content.AsSpan(content.Length - (1 << 20)))), (await reader).Succeeded().Output, StringComparison.Ordinal);

        // With the image its disk leaves the cache.
        using (var gone = await _http.DeleteAsync(new Uri(gateway.Address, $"/v2/images/{qcow2}"), Token))
            Assert.Equal(HttpStatusCode.NoContent, gone.StatusCode);
        await EventuallyAsync(() => Directory.GetDirectories(Path.Combine(_home["data"], "cache", "objects")).Length == 0, "deleted images stay in the cache");
        var metrics = gateway.Log.Split('\n').Single(line => line.Contains("/metrics", StringComparison.Ordinal));
        var text = await _http.GetStringAsync(new Uri(metrics[metrics.IndexOf("http://", StringComparison.Ordinal)..].Trim()), Token);
        Assert.Contains("http_server_request_duration_seconds_count{", text, StringComparison.Ordinal);
        Assert.Contains("glance_gateway_store_io_bytes_total{store=\"memory\",direction=\"write\"}", text, StringComparison.Ordinal);
    }

    private async Task<string> AddAsync(GatewayProcess gateway, string name, string format, byte[] content)
    {
        using var made = await _http.PostAsync(
            new Uri(gateway.Address, "/v2/images"),
            new StringContent(new JsonObject { ["name"] = name, ["disk_format"] = format, ["container_format"] = "bare" }.ToJsonString(), System.Text.Encoding.UTF8, "application/json"),
            Token);
        var id = JsonDocument.Parse(await made.EnsureSuccessStatusCode().Content.ReadAsStringAsync(Token)).RootElement.GetProperty("id").GetString()!;
        using ByteArrayContent body = new(content);
        body.Headers.ContentType = new("application/octet-stream");
        using var put = await _http.PutAsync(new Uri(gateway.Address, $"/v2/images/{id}/file"), body, Token);
        put.EnsureSuccessStatusCode();
        return id;
    }

    private Task<CommandResult> SteerAsync(string command, params string[] arguments) =>
        Command.RunAsync("dotnet", [Path.Combine(RepositoryPaths.Host, "glance-gateway.dll"), "mount", command, "--json", _home["images"], .. arguments], limit: TimeSpan.FromMinutes(2));

    private static async Task EventuallyAsync(Func<bool> condition, string missing)
    {
        var deadline = DateTime.UtcNow.AddMinutes(1);
        while (!condition())
        {
            Assert.True(DateTime.UtcNow < deadline, missing);
            await Task.Delay(100, Token);
        }
    }
}
