using System.Net;
using System.Security.Cryptography;

namespace GlanceGateway.Api.Tests;

public sealed class DownloadTests(Gateway gateway)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("files")]
    [InlineData("memory")]
    public async Task The_whole_image_comes_with_its_checksum(string store)
    {
        var data = RandomNumberGenerator.GetBytes(1 << 20);
        var id = await gateway.CreateActiveAsync(data, store: store);
        using var response = await gateway.SendAsync(Persona.Owner, "GET", $"/v2/images/{id}/file");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(data, await response.Content.ReadAsByteArrayAsync(Cancel));
        Assert.Equal("application/octet-stream", response.Content.Headers.ContentType!.ToString());
        Assert.Equal(data.Length, response.Content.Headers.ContentLength);
#pragma warning disable CA5351 // The API's checksum.
        Assert.Equal(Convert.ToHexStringLower(MD5.HashData(data)), Assert.Single(response.Content.Headers.GetValues("Content-MD5")));
#pragma warning restore CA5351
    }

    [Theory]
    [InlineData("files", "Range", "bytes=10-19", 10, 10)]
    [InlineData("memory", "Range", "bytes=10-19", 10, 10)]
    [InlineData("files", "Range", "bytes=990-", 990, 10)]
    [InlineData("memory", "Range", "bytes=-5", 995, 5)]
    [InlineData("files", "Range", "bytes=-5000", 0, 1000)]
    [InlineData("files", "Range", "bytes=999-5000", 999, 1)]
    [InlineData("memory", "Content-Range", "bytes 10-19/1000", 10, 10)]
    public async Task A_part_comes_with_the_checksum_of_the_whole(string store, string header, string value, int offset, int length)
    {
        var id = await gateway.CreateActiveAsync(Gateway.Data, store: store);
        using var response = await gateway.SendAsync(Persona.Owner, "GET", $"/v2/images/{id}/file", null, (header, value));
        Assert.Equal(HttpStatusCode.PartialContent, response.StatusCode);
        Assert.Equal(Gateway.Data[offset..(offset + length)], await response.Content.ReadAsByteArrayAsync(Cancel));
        Assert.Equal($"bytes {offset}-{offset + length - 1}/1000", response.Content.Headers.ContentRange!.ToString());
#pragma warning disable CA5351 // The API's checksum.
        Assert.Equal(Convert.ToHexStringLower(MD5.HashData(Gateway.Data)), Assert.Single(response.Content.Headers.GetValues("Content-MD5")));
#pragma warning restore CA5351
    }

    [Fact]
    public async Task A_range_that_cannot_be_satisfied_is_told_the_size()
    {
        var id = await gateway.ImageAsync("active");
        using var response = await gateway.SendAsync(Persona.Owner, "GET", $"/v2/images/{id}/file", null, ("Range", "bytes=5000-6000"));
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, response.StatusCode);
        Assert.Equal("bytes */1000", response.Content.Headers.ContentRange!.ToString());
        Assert.False(response.Content.Headers.Contains("Content-MD5"));
        Assert.Equal(
            "416 Request Range Not Satisfiable\n\nThe Range requested is not available.\n\n "
            + "Invalid start position in Range header. Start position MUST be in the inclusive range [0, 999].  ",
            await response.Content.ReadAsStringAsync(Cancel));
    }

    [Fact]
    public async Task A_conditional_range_gets_the_whole()
    {
        var id = await gateway.ImageAsync("active");
        using var response = await gateway.SendAsync(Persona.Owner, "GET", $"/v2/images/{id}/file", null, ("Range", "bytes=1-2"), ("If-Range", "\"x\""));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(Gateway.Data, await response.Content.ReadAsByteArrayAsync(Cancel));
    }

    [Fact]
    public async Task No_data_is_204()
    {
        var id = await gateway.ImageAsync("queued");
        using var response = await gateway.SendAsync(Persona.Owner, "GET", $"/v2/images/{id}/file", null, ("Range", "bytes=1-2"));
        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
        Assert.Empty(await response.Content.ReadAsByteArrayAsync(Cancel));
    }
}
