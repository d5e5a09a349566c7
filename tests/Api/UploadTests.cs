using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace GlanceGateway.Api.Tests;

public sealed class UploadTests(Gateway gateway)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("files", 0)]
    [InlineData("files", 1)]
    [InlineData("memory", 1 << 20)]
    public async Task Chunks_are_taken_like_a_body_of_known_length(string store, int size)
    {
        var data = RandomNumberGenerator.GetBytes(size);
        var id = await gateway.ImageAsync("queued");
        using (var response = await gateway.SendAsync([.. Gateway.HeadersOf(Persona.Owner), ("X-Image-Meta-Store", store)], "PUT", $"/v2/images/{id}/file", new PushContent(data)))
            Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);

        var image = await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Owner), "GET", $"/v2/images/{id}");
        Assert.Equal((size, store, "active"), (image.GetProperty("size").GetInt32(), image.GetProperty("stores").GetString(), image.GetProperty("status").GetString()));
        Assert.Equal(Convert.ToHexStringLower(SHA512.HashData(data)), image.GetProperty("os_hash_value").GetString());
        using var download = await gateway.SendAsync(Persona.Owner, "GET", $"/v2/images/{id}/file");
        Assert.Equal(data, await download.Content.ReadAsByteArrayAsync(Cancel));
    }

    [Fact]
    public async Task A_client_that_expects_100_Continue_gets_it_when_the_checks_have_passed()
    {
        var id = await gateway.ImageAsync("queued");
        await using var connection = await RawConnection.OpenAsync(gateway.Url);
        await connection.SendRequestAsync($"PUT /v2/images/{id}/file", Persona.Owner, "Content-Type: application/octet-stream", "Content-Length: 3", "Expect: 100-continue");
        Assert.StartsWith("HTTP/1.1 100 Continue", await connection.ReadHeadAsync(), StringComparison.Ordinal);
        await connection.SendAsync("abc");
        Assert.StartsWith("HTTP/1.1 204 No Content", await connection.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("active", Persona.Owner, "409 Conflict")]
    [InlineData("queued", Persona.Reader, "403 Forbidden")]
    [InlineData("queued", Persona.Stranger, "404 Not Found")]
    [InlineData("queued", Persona.Nobody, "401 Unauthorized")]
    [InlineData("formatless", Persona.Owner, "400 Bad Request")]
    public async Task A_client_that_expects_100_Continue_is_refused_without_it(string kind, Persona who, string status)
    {
        var id = await gateway.ImageAsync(kind);
        await using var connection = await RawConnection.OpenAsync(gateway.Url);
        await connection.SendRequestAsync(
            $"PUT /v2/images/{id}/file", who, "Content-Type: application/octet-stream", "Content-Length: 1000", "Expect: 100-continue");
        var head = await connection.ReadHeadAsync();
        Assert.StartsWith($"HTTP/1.1 {status}", head, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: close\r\n", head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_sends_without_asking_still_sees_the_refusal()
    {
        var id = await gateway.ImageAsync("queued");
        await using var connection = await RawConnection.OpenAsync(gateway.Url);
        const int size = 8 << 20;
        await connection.SendRequestAsync(
            $"PUT /v2/images/{id}/file", Persona.Owner, "Content-Type: text/plain", string.Create(CultureInfo.InvariantCulture, $"Content-Length: {size}"));
        await connection.SendAsync(new byte[size]);
        var (bytes, reset) = await connection.ReadToEndAsync(TimeSpan.FromSeconds(20));
        Assert.False(reset);
        Assert.StartsWith("HTTP/1.1 415 Unsupported Media Type", Encoding.ASCII.GetString(bytes), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refusal_of_a_small_body_keeps_the_connection()
    {
        var id = await gateway.ImageAsync("active");
        await using var connection = await RawConnection.OpenAsync(gateway.Url);
        for (var i = 0; i < 2; i++)
        {
            await connection.SendRequestAsync($"PUT /v2/images/{id}/file", Persona.Owner, "Content-Type: application/json", "Content-Length: 3", "Accept: application/json");
            await connection.SendAsync("abc");
            var head = await connection.ReadHeadAsync();
            Assert.StartsWith("HTTP/1.1 415 Unsupported Media Type", head, StringComparison.Ordinal);
            Assert.DoesNotContain("Connection: close", head, StringComparison.Ordinal);
            var length = int.Parse(head.Split("Content-Length: ")[1].Split('\r')[0], CultureInfo.InvariantCulture);
            await connection.SkipAsync(length);
        }
    }

    [Fact]
    public async Task A_client_that_goes_away_leaves_the_image_queued()
    {
        var id = await gateway.ImageAsync("queued");
        await using (var connection = await RawConnection.OpenAsync(gateway.Url))
        {
            await connection.SendRequestAsync($"PUT /v2/images/{id}/file", Persona.Owner, "Content-Type: application/octet-stream", "Content-Length: 1000000");
            await connection.SendAsync(new byte[100_000]);
            await WaitForStatusAsync(id, "saving");
            connection.Reset();
        }
        await WaitForStatusAsync(id, "queued");
        await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Owner), "PUT", $"/v2/images/{id}/file", Gateway.Octets(Gateway.Data));
    }

    [Fact]
    public async Task A_client_that_stops_sending_is_told_so()
    {
        var id = await gateway.ImageAsync("queued");
        await using var connection = await RawConnection.OpenAsync(gateway.Url);
        await connection.SendRequestAsync($"PUT /v2/images/{id}/file", Persona.Owner, "Content-Type: application/octet-stream", "Content-Length: 1000000");
        await connection.SendAsync(new byte[1000]);
        Assert.StartsWith("HTTP/1.1 408 Request Timeout", await connection.ReadHeadAsync(), StringComparison.Ordinal);
        await WaitForStatusAsync(id, "queued");
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("FFFFFFFFFFFFFFFFF")]
    public async Task A_body_that_breaks_off_leaves_the_image_queued(string chunkLength)
    {
        var id = await gateway.ImageAsync("queued");
        await using (var connection = await RawConnection.OpenAsync(gateway.Url))
        {
            await connection.SendRequestAsync($"PUT /v2/images/{id}/file", Persona.Owner, "Content-Type: application/octet-stream", "Transfer-Encoding: chunked");
            await connection.SendAsync($"5\r\nhello\r\n{chunkLength}\r\n");
            Assert.StartsWith("HTTP/1.1 400 Bad Request", await connection.ReadHeadAsync(), StringComparison.Ordinal);
        }
        await WaitForStatusAsync(id, "queued");
    }

    private async Task WaitForStatusAsync(string id, string status)
    {
        for (var i = 0; ; i++)
        {
            var now = (await gateway.GetJsonAsync(Gateway.HeadersOf(Persona.Owner), "GET", $"/v2/images/{id}")).GetProperty("status").GetString();
            if (now == status)
                return;
            Assert.True(i < 200, $"The image is {now}, not {status}.");
            await Task.Delay(25, Cancel);
        }
    }
}
