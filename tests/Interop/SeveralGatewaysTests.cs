using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>Gateways on one PostgreSQL: what one does not see of another's stores, and one that wakes after its work was taken over.</summary>
public sealed class SeveralGatewaysTests
{
    private const int Size = 8 << 20;

    private const int Smaller = 3 << 20;

    private const string Warning = "Not every gateway sees";

    private static readonly TimeSpan limit = TimeSpan.FromMinutes(3);

    private static readonly object glanceDirect = new { method = new { name = "glance-direct" } };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_store_that_not_every_gateway_sees_is_warned_of_and_answered_with_the_node()
    {
        await using var cluster = await Cluster.StartedAsync();
        var (owner, other) = (await cluster.AddAsync("node-a", "a"), await cluster.AddAsync("node-b", "b"));
        var id = await owner.Images.CreateAsync("at one", new PatternContent(Size));

        await RefusesAsync(() => other.Images.SendAsync(HttpMethod.Get, $"v2/images/{id}/file"));
        await RefusesAsync(() => other.Images.SendRangeAsync($"v2/images/{id}/file", new RangeHeaderValue(5, 99)));
        await RefusesAsync(() => other.Images.SendAsync(HttpMethod.Delete, $"v2/images/{id}"));
        Assert.Equal((Size, PatternContent.Md5(Size)), await owner.Images.DownloadAsync(id));

        var staged = await owner.Images.CreateAsync("staged at one");
        Assert.Equal(HttpStatusCode.NoContent, await owner.Images.StageAsync(staged, new PatternContent(Size)));
        await RefusesAsync(() => other.Images.SendAsync(HttpMethod.Post, $"v2/images/{staged}/import", glanceDirect));
        Assert.Equal(HttpStatusCode.Accepted, await owner.Images.StatusAsync(HttpMethod.Post, $"v2/images/{staged}/import", glanceDirect));
        await Eventually.TrueAsync("it is imported", limit, async () => await other.Images.StateAsync(staged) == "active");

        await Eventually.TrueAsync("the warning is logged", limit, () => other.Log.Contains(Warning, StringComparison.Ordinal));
        var lines = other.Log.Split('\n').Where(line => line.Contains(Warning, StringComparison.Ordinal)).ToList();
        Assert.Equal(2, lines.Count);
        Assert.Single(lines, line => line.Contains("the store 'disk'", StringComparison.Ordinal));
        Assert.Single(lines, line => line.Contains("the staging area", StringComparison.Ordinal));
        Assert.All(lines, line => Assert.Matches("node-a.*node-b", line));

        // The list of the stores says it too. A gateway that looked long ago does not count, so on a very busy machine it is asked again.
        await Eventually.TrueAsync("the list of stores says it", limit, async () =>
        {
            var listed = (await cluster.CommandAsync("node-b", "stores", "list", "--json")).Succeeded();
            var list = JsonElement.Parse(listed.Output);
            var disk = list.GetProperty("stores").EnumerateArray().Single(store => store.GetProperty("id").GetString() == "disk");
            return disk.TryGetProperty("disagreement", out var text)
                && text.GetString() == "is not the same for every gateway: node 'node-a' and node 'node-b' see different directories"
                && list.GetProperty("disagreements").EnumerateArray().Any(one => one.GetString()!.StartsWith("the staging area is not the same", StringComparison.Ordinal));
        });
        var table = (await cluster.CommandAsync("node-b", "stores", "list")).Succeeded();
        Assert.Contains("ready: is not the same for every gateway", table.Output, StringComparison.Ordinal);
        Assert.Contains("warning: the staging area is not the same for every gateway", table.Error, StringComparison.Ordinal);
    }

    /// <summary>Asleep in the middle of an upload; the other gateway undoes it, and uploads something else if wanted.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_gateway_that_sleeps_through_the_end_of_its_upload_changes_nothing(bool finishedByOther)
    {
        await using var cluster = await Cluster.StartedAsync();
        var (asleep, awake) = (await cluster.AddAsync("node-a", "shared"), await cluster.AddAsync("node-b", "shared"));
        var id = await awake.Images.CreateAsync("interrupted");
        var half = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var sending = asleep.Images.UploadAsync(id, new PatternContent(Size, lengthKnown: true, async sent =>
        {
            if (sent >= Size / 2)
            {
                half.TrySetResult();
                await goOn.Task;
            }
        }));
        await half.Task.WaitAsync(limit, Token);
        await Eventually.TrueAsync("bytes arrive", limit, () => cluster.FilesIn("shared").Length > 0);

        await asleep.PauseAsync();
        await Eventually.TrueAsync("the upload is taken over", limit, async () => await awake.Images.StateAsync(id) == "queued");
        if (finishedByOther)
        {
            Assert.Equal(HttpStatusCode.NoContent, await awake.Images.UploadAsync(id, new PatternContent(Smaller)));
        }

        await cluster.SettledAsync(limit);
        var (rows, files) = (await cluster.RowsAsync(), cluster.FilesIn("shared"));
        Assert.Equal(finishedByOther ? [Path.Combine("disk", id)] : [], files);

        await asleep.ResumeAsync();
        goOn.SetResult();
        Assert.True(await AnswerAsync(sending) is null or >= HttpStatusCode.BadRequest, "an upload that was undone is acknowledged");
        await SameAsync(cluster, rows, files);
        if (finishedByOther)
        {
            Assert.Equal((Smaller, PatternContent.Md5(Smaller)), await asleep.Images.DownloadAsync(id));
            Assert.Equal((Smaller, PatternContent.Md5(Smaller)), await awake.Images.DownloadAsync(id));
        }

        Assert.DoesNotContain(Warning, asleep.Log + awake.Log, StringComparison.Ordinal);
    }

    /// <summary>Asleep in the middle of an import; the other gateway takes the task up and ends it.</summary>
    [Theory]
    [InlineData("web-download")]
    [InlineData("glance-direct")]
    public async Task A_gateway_that_sleeps_through_the_end_of_its_import_changes_nothing(string method)
    {
        var content = new byte[Size];
        PatternContent.Start(1 << 20).CopyTo(content);
        await using var web = new FileServer(content, TimeSpan.FromMilliseconds(20));
        await using var cluster = await Cluster.StartedAsync();
        var (asleep, awake) = (await cluster.AddAsync("node-a", "shared"), await cluster.AddAsync("node-b", "shared"));
        var id = method == "web-download"
            ? await BeginFetchAsync(cluster, asleep, web)
            : await BeginStagedAsync(asleep, awake);

        await Eventually.TrueAsync("the import is taken over and ends", limit, async () => await awake.Images.StateAsync(id) == "active");
        await cluster.SettledAsync(limit);
        var (rows, files) = (await cluster.RowsAsync(), cluster.FilesIn("shared"));
        Assert.Contains(Path.Combine("disk", id), files);
        var whole = await awake.Images.DownloadAsync(id);

        await asleep.ResumeAsync();
        await Eventually.TrueAsync("it notices", limit, () => asleep.Log.Contains("is another gateway's now", StringComparison.Ordinal));
        await SameAsync(cluster, rows, files);
        Assert.Equal(whole, await asleep.Images.DownloadAsync(id));
    }

    /// <summary>Puts the gateway to sleep while it fetches.</summary>
    private static async Task<string> BeginFetchAsync(Cluster cluster, ClusterNode asleep, FileServer web)
    {
        var id = await asleep.Images.CreateAsync("fetched");
        Assert.Equal(
            HttpStatusCode.Accepted, await asleep.Images.StatusAsync(HttpMethod.Post, $"v2/images/{id}/import", new { method = new { name = "web-download", uri = web.Url } }));
        await Eventually.TrueAsync("it fetches", limit, () => cluster.FilesIn("shared").Length > 0);
        await asleep.PauseAsync();
        return id;
    }

    /// <summary>Puts the gateway to sleep while it imports what is staged. A fast machine may be done before: then again with another image.</summary>
    private static async Task<string> BeginStagedAsync(ClusterNode asleep, ClusterNode awake)
    {
        for (var tries = 0; tries < 20; tries++)
        {
            var id = await asleep.Images.CreateAsync($"staged {tries}");
            Assert.Equal(HttpStatusCode.NoContent, await asleep.Images.StageAsync(id, new PatternContent(64 << 20)));
            Assert.Equal(HttpStatusCode.Accepted, await asleep.Images.StatusAsync(HttpMethod.Post, $"v2/images/{id}/import", glanceDirect));
            await asleep.PauseAsync();
            if (await awake.Images.StateAsync(id) == "importing")
            {
                return id;
            }

            await asleep.ResumeAsync();
        }

        Assert.Fail("every import ended before its gateway could be stopped");
        return "";
    }

    private static async Task<HttpStatusCode?> AnswerAsync(Task<HttpStatusCode> sending)
    {
        try
        {
            return await sending.WaitAsync(limit, Token);
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    /// <summary>Nothing is otherwise than it was, neither now nor after the rounds of two more leases.</summary>
    private static async Task SameAsync(Cluster cluster, string rows, string[] files)
    {
        for (var look = 0; look < 3; look++)
        {
            await cluster.SettledAsync(limit);
            Assert.Equal(rows, await cluster.RowsAsync());
            Assert.Equal(files, cluster.FilesIn("shared"));
            await Task.Delay(TimeSpan.FromSeconds(2), Token);
        }
    }

    private static async Task RefusesAsync(Func<Task<HttpResponseMessage>> ask)
    {
        using var answer = await ask();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Contains("node-a", await answer.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
    }
}
