using System.Security.Cryptography;
using System.Text;
using GlanceGateway.Images;
using GlanceGateway.Testing;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Api.Tests;

public sealed class TokenFileCallersTests : IDisposable
{
    private readonly TempDirectory directory = new();
    private readonly ManualTime time = new();
    private int reads;

    public void Dispose() => directory.Dispose();

    [Fact]
    public async Task A_token_of_the_file_says_who_asks_until_it_expires()
    {
        Write("alice");
        var callers = Callers();
        Assert.Equal("project-of-alice", (await AskAsync(callers, "alice"))?.ProjectId);
        Assert.Null(await AskAsync(callers, "bob"));
        Assert.Null(await AskAsync(callers, "ALICE"));
        Assert.Null(await AskAsync(callers, ""));
        time.Advance(TimeSpan.FromHours(1));
        Assert.Null(await AskAsync(callers, "alice"));
    }

    [Fact]
    public async Task A_change_is_seen_within_a_second_and_the_file_is_not_read_without_one()
    {
        Write("alice");
        var callers = Callers();
        for (var i = 0; i < 5; i++)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            Assert.NotNull(await AskAsync(callers, "alice"));
        }
        Assert.Equal(1, reads);

        Write("bobby");
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.NotNull(await AskAsync(callers, "bobby"));
        Assert.Null(await AskAsync(callers, "alice"));
        Assert.Equal(2, reads);
    }

    [Theory]
    [InlineData("unreadable nonsense")]
    [InlineData(null)]
    public async Task A_file_that_cannot_be_used_leaves_the_tokens_as_they_were(string? content)
    {
        Write("alice");
        var callers = Callers();
        if (content is null)
            File.Delete(directory["tokens"]);
        else
            Write(content);
        for (var i = 0; i < 3; i++)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            Assert.NotNull(await AskAsync(callers, "alice"));
        }
        Assert.Equal(2, reads);
        Write("carol");
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.NotNull(await AskAsync(callers, "carol"));
    }

    private TokenFileCallers Callers() => new(new TokenFileOptions(directory["tokens"], Read), time, NullLogger.Instance);

    private List<TokenGrant> Read()
    {
        reads++;
        var token = File.ReadAllText(directory["tokens"]);
        if (token.Contains(' '))
            throw new InvalidDataException("nonsense");
        return [new(Convert.ToHexString(SHA256.HashData(Encoding.ASCII.GetBytes(token))), new Caller($"project-of-{token}", null, ["member"]), time.GetUtcNow().AddHours(1))];
    }

    private void Write(string content)
    {
        File.WriteAllText(directory["tokens"], content);
        // The clock of the tests stands: a write must still be another one.
        File.SetLastWriteTimeUtc(directory["tokens"], DateTime.UtcNow.AddSeconds(Random.Shared.Next(1_000_000)));
    }

    private static async Task<Caller?> AskAsync(TokenFileCallers callers, string token)
    {
        var http = new DefaultHttpContext();
        http.Request.Headers["X-Auth-Token"] = token;
        http.Request.Headers["X-Project-Id"] = "forged";
        return await callers.IdentifyAsync(http, TestContext.Current.CancellationToken);
    }
}
