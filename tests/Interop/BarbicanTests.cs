using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>Signed images whose certificates lie in a real Barbican, found through a real Keystone.</summary>
public sealed class BarbicanTests(KeystoneServer keystone) : IAsyncLifetime
{
    private const string Configuration = """
          username: glance
          password: glancesecret
          project_name: service
        signatures: { barbican: true }
        quotas: { image_stage_total: 1GiB }
        """;

    private static readonly byte[] data = PatternContent.Start(300_000).ToArray();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => await keystone.StartedAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Signed_data_is_taken_by_the_certificate_that_the_user_keeps_in_Barbican_and_any_other_is_refused()
    {
        Requires.Programs("barbican-wsgi-api", "uwsgi");
        await using var barbican = await ServerScript.StartAsync("barbican", new()
        {
            ["BARBICAN_PORT"] = FreePorts.First(1).ToString(CultureInfo.InvariantCulture),
            ["BARBICAN_AUTH_URL"] = keystone.Url.ToString(),
        });
        var url = barbican.Settings["BARBICAN_URL"];
        await keystone.RegisterAsync("key-manager", "RegionOne", url);
        await using var gateway = await keystone.StartGatewayAsync("signed", Configuration);
        var demo = await keystone.TokenAsync("demo", "demo");

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using var certificate = new CertificateRequest("CN=signer", key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        var signature = Convert.ToBase64String(key.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence));
        var flipped = (byte[])data.Clone();
        flipped[150_000] ^= 1;

        foreach (var secret in new[]
        {
            await KeepAsync(url, demo, certificate.RawData),
            await KeepAsync(url, demo, certificate.ExportCertificatePem()),
        })
        {
            var id = await CreateAsync(gateway, demo, signature, secret);
            var (refused, why) = await UploadAsync(gateway, demo, id, flipped);
            Assert.Equal(HttpStatusCode.BadRequest, refused);
            Assert.Contains("Signature verification failed", why, StringComparison.Ordinal);
            Assert.Equal(HttpStatusCode.NoContent, (await UploadAsync(gateway, demo, id, data)).Status);
            using var shown = await keystone.SendAsync(HttpMethod.Get, $"/v2/images/{id}", demo, other: gateway);
            Assert.Equal("active", JsonElement.Parse(await shown.Content.ReadAsStringAsync(Token)).GetProperty("status").GetString());
        }

        // The same by an import: the reason is the task's, and what was staged is gone.
        var kept = await KeepAsync(url, demo, certificate.RawData);
        foreach (var (content, status, message) in new[] { (data, "success", ""), (flipped, "failure", "Signature verification failed") })
        {
            var id = await CreateAsync(gateway, demo, signature, kept);
            using (var body = new ByteArrayContent(content) { Headers = { ContentType = new("application/octet-stream") } })
            using (var staged = await keystone.SendAsync(HttpMethod.Put, $"/v2/images/{id}/stage", demo, body, other: gateway))
            {
                Assert.Equal(HttpStatusCode.NoContent, staged.StatusCode);
            }

            using (var request = new StringContent("""{"method":{"name":"glance-direct"}}""", Encoding.UTF8, "application/json"))
            using (var begun = await keystone.SendAsync(HttpMethod.Post, $"/v2/images/{id}/import", demo, request, other: gateway))
            {
                Assert.Equal(HttpStatusCode.Accepted, begun.StatusCode);
            }

            var task = await EndOfTaskAsync(gateway, demo, id);
            Assert.Equal(status, task.GetProperty("status").GetString());
            Assert.Contains(message, task.GetProperty("message").GetString() ?? "", StringComparison.Ordinal);
            var image = await ReadAsync(gateway, demo, $"/v2/images/{id}");
            Assert.Equal(status == "success" ? "active" : "queued", image.GetProperty("status").GetString());
            if (status == "failure")
            {
                Assert.Equal(JsonValueKind.Null, image.GetProperty("size").ValueKind);
                Assert.True(!image.TryGetProperty("stores", out var stores) || stores.GetString()!.Length == 0);
            }
        }

        var usage = (await ReadAsync(gateway, demo, "/v2/info/usage")).GetProperty("usage");
        Assert.Equal(0, usage.GetProperty("image_stage_total").GetProperty("usage").GetInt64());

        // Certificates that there are none of, that others keep, and secrets that are none.
        var alien = await KeepAsync(url, await keystone.TokenAsync("alt", "alt"), certificate.RawData);
        var nonsense = await KeepAsync(url, demo, "no certificate"u8.ToArray());
        foreach (var secret in new[] { Guid.NewGuid().ToString(), alien, nonsense })
        {
            Assert.Equal(HttpStatusCode.BadRequest, (await UploadAsync(gateway, demo, await CreateAsync(gateway, demo, signature, secret), data)).Status);
        }

        Assert.DoesNotContain(demo, gateway.Log, StringComparison.Ordinal);
    }

    /// <summary>Keeps a certificate as a secret of the user's project: in binary as DER is kept, or as text.</summary>
    private static async Task<string> KeepAsync(string url, string token, object payload)
    {
        var secret = new JsonObject { ["name"] = "signer", ["secret_type"] = "certificate" };
        if (payload is byte[] bytes)
        {
            (secret["payload"], secret["payload_content_type"], secret["payload_content_encoding"]) = (Convert.ToBase64String(bytes), "application/octet-stream", "base64");
        }
        else
        {
            (secret["payload"], secret["payload_content_type"]) = ((string)payload, "text/plain");
        }

        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"{url}/v1/secrets"))
        {
            Content = new StringContent(secret.ToJsonString(), Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("X-Auth-Token", token);
        using var answer = await http.SendAsync(request, Token);
        Assert.True(answer.StatusCode == HttpStatusCode.Created, await answer.Content.ReadAsStringAsync(Token));
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("secret_ref").GetString()!.Split('/')[^1];
    }

    private async Task<string> CreateAsync(GatewayProcess gateway, string token, string signature, string secret)
    {
        var image = new JsonObject
        {
            ["name"] = "signed",
            ["disk_format"] = "raw",
            ["container_format"] = "bare",
            ["img_signature"] = signature,
            ["img_signature_hash_method"] = "SHA-256",
            ["img_signature_key_type"] = "ECC_SECP384R1",
            ["img_signature_certificate_uuid"] = secret,
        };
        using var body = new StringContent(image.ToJsonString(), Encoding.UTF8, "application/json");
        using var made = await keystone.SendAsync(HttpMethod.Post, "/v2/images", token, body, other: gateway);
        var text = await made.Content.ReadAsStringAsync(Token);
        Assert.True(made.StatusCode == HttpStatusCode.Created, text);
        return JsonElement.Parse(text).GetProperty("id").GetString()!;
    }

    /// <summary>The task of an import, when it ended; a busy machine may take long.</summary>
    private async Task<JsonElement> EndOfTaskAsync(GatewayProcess gateway, string token, string id)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Token);
        patience.CancelAfter(TimeSpan.FromMinutes(2));
        while (true)
        {
            var task = (await ReadAsync(gateway, token, $"/v2/images/{id}/tasks")).GetProperty("tasks")[0];
            if (task.GetProperty("status").GetString() is "success" or "failure")
            {
                return task;
            }

            await Task.Delay(100, patience.Token);
        }
    }

    private async Task<JsonElement> ReadAsync(GatewayProcess gateway, string token, string path)
    {
        using var answer = await keystone.SendAsync(HttpMethod.Get, path, token, other: gateway);
        var text = await answer.Content.ReadAsStringAsync(Token);
        Assert.True(answer.StatusCode == HttpStatusCode.OK, text);
        return JsonElement.Parse(text);
    }

    private async Task<(HttpStatusCode Status, string Why)> UploadAsync(GatewayProcess gateway, string token, string id, byte[] content)
    {
        using var body = new ByteArrayContent(content) { Headers = { ContentType = new("application/octet-stream") } };
        using var answer = await keystone.SendAsync(HttpMethod.Put, $"/v2/images/{id}/file", token, body, other: gateway);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync(Token));
    }
}
