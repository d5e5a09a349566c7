using GlanceGateway.Registry;

namespace GlanceGateway.Registry.Tests;

/// <summary>A list that no index helps ends in time, says what it was about, and leaves its connection fit for the next.</summary>
public abstract class ListTimeoutTests(RegistryHome home) : IAsyncDisposable
{
    private static readonly ImageQuery Everything = new() { Viewer = new ImageViewer("many", SeesEverything: true) };

    /// <summary>Nothing passes, and each image is asked a hundred times before that is known.</summary>
    private static readonly ImageQuery Slow = Everything with
    {
        Sort = [new(ImageColumn.UpdatedAt, Descending: true)],
        Tags = ["common"],
        Filters = [.. Enumerable.Range(0, 100).Select(number => new ImageFilter(ImageColumn.MinRam, Comparison.NotEqual, [1L + number])), new(ImageColumn.MinRam, Comparison.Greater, [0L])],
    };

    public async ValueTask DisposeAsync()
    {
        await home.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_list_that_takes_too_long_ends_with_what_it_was_about()
    {
        var registry = await home.OpenAsync(listTimeout: TimeSpan.FromMilliseconds(1));
        ListTimeoutException? fault = null;

        // How many images take a millisecond is the machine's affair.
        for (var batch = 1; fault is null; batch++)
        {
            Assert.True(batch <= 30, "30,000 images are gone through in a millisecond");
            await registry.Do(async (unit, token) =>
            {
                for (var number = 0; number < 1000; number++)
                    await unit.InsertImageAsync(new Image { Id = Units.NewId(), Owner = "many", Tags = ["common"] }, token);
                return 0;
            });
            fault = await Record.ExceptionAsync(async () => await registry.ListImagesAsync(Slow, TestContext.Current.CancellationToken)) as ListTimeoutException;
        }

        Assert.Contains("longer than 0.001 seconds", fault.Message, StringComparison.Ordinal);
        Assert.Contains("sorted by updated_at, filtered by min_ram, tag:", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_gives_up_first_hears_of_no_time_out()
    {
        var registry = await home.OpenAsync();
        await registry.Insert(new Image { Id = Units.NewId(), Owner = "many" });
        using var gone = new CancellationTokenSource();
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await registry.ListImagesAsync(Everything, gone.Token));
        Assert.Single(await registry.ListImagesAsync(Everything, TestContext.Current.CancellationToken));
    }
}
