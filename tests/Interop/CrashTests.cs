using System.Net;
using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary><c>kill -9</c>: the next life finds everything that was acknowledged, and nothing of what was not.</summary>
public sealed class CrashTests(ITestOutputHelper output)
{
    private const long Size = 24 << 20;

    /// <summary>Every moment of an upload is drawn: before the first byte, between bytes, and while it is committed.</summary>
    [Fact]
    public async Task A_kill_during_an_upload_leaves_the_image_queued_at_once()
    {
        var md5 = PatternContent.Md5(Size);
        var cut = 0;
        await Kills.RunAsync(seed: 4711, reduced: 3, async (random, kills) =>
        {
            await using var site = await Site.StartedAsync();
            var whole = new HashSet<string>(StringComparer.Ordinal);
            for (var kill = 0; kill < kills; kill++)
            {
                var id = await site.Images.CreateAsync($"kill {kill}");
                // The first kill of each three comes after the last byte, when hashes, commit and registration follow.
                var moment = kill % 3 == 0 ? Size : random.NextInt64(Size);
                var delay = random.Next(kill % 3 == 0 ? 250 : 5);
                var acknowledged = await UploadAndKillAsync(site, id, moment, TimeSpan.FromMilliseconds(delay));

                await site.StartAsync();
                var state = await site.Images.StateAsync(id);
                output.WriteLine($"killed {delay} ms after {moment} bytes: acknowledged {acknowledged}, {state}");
                if (acknowledged)
                {
                    Assert.Equal("active", state);
                }

                if (state == "queued")
                {
                    Interlocked.Increment(ref cut);
                    await site.HoldsOnlyAsync([.. whole]);
                    Assert.Equal(HttpStatusCode.NoContent, await site.Images.UploadAsync(id, new PatternContent(Size)));
                }

                Assert.Equal((Size, md5), await site.Images.DownloadAsync(id));
                whole.Add(id);
                await site.HoldsOnlyAsync([.. whole]);
            }
        });

        Assert.True(cut > 0, "no kill came during an upload, so nothing was tested");
    }

    [Fact]
    public async Task An_acknowledged_upload_survives_a_kill_right_after()
    {
        await using var site = await Site.StartedAsync();
        var id = await site.Images.CreateAsync("kept", new PatternContent(Size, lengthKnown: false));

        await site.Gateway.KillAsync();
        await site.StartAsync();

        Assert.Equal("active", await site.Images.StateAsync(id));
        Assert.Equal((Size, PatternContent.Md5(Size)), await site.Images.DownloadAsync(id));
        await site.HoldsOnlyAsync(id);
    }

    private static async Task<bool> UploadAndKillAsync(Site site, string id, long moment, TimeSpan delay)
    {
        Task? killing = null;
        try
        {
            var content = new PatternContent(Size, lengthKnown: id[0] % 2 == 0, async sent =>
            {
                if (sent >= moment && killing is null)
                {
                    killing = KillLaterAsync();
                    await Task.Yield();
                }
            });
            var status = await site.Images.UploadAsync(id, content);
            await killing!;
            return status == HttpStatusCode.NoContent;
        }
        catch (HttpRequestException)
        {
            await killing!;
            return false;
        }

        async Task KillLaterAsync()
        {
            await Task.Delay(delay, TestContext.Current.CancellationToken);
            await site.Gateway.KillAsync();
        }
    }
}
