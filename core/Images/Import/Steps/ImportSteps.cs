using System.IO.Pipelines;
using GlanceGateway.Registry;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Images;

/// <summary>
/// Runs the steps between staging and stores. What a step makes is staged like what came: under a write intent, through the same pipeline with
/// its size cap, and in one unit of work it takes the place of the data before it, which goes after that. Dying between any two steps loses
/// nothing: the next run finds what the last finished step left.
/// </summary>
internal sealed class ImportSteps(
    ImageRegistry registry, IReadOnlyList<IImportStep> steps, QuotaLedger quotas, StagingArea area, ILogger log)
{
    /// <summary>Runs them all over staged data.</summary>
    /// <param name="image">Whose.</param>
    /// <param name="staged">The data.</param>
    /// <param name="lease">The task's.</param>
    /// <param name="wanted">Reads the image in a unit of work, or throws when the import is no longer wanted.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The image and its data as they are then.</returns>
    /// <exception cref="ImageException">A step refuses the data.</exception>
    public async Task<(Image Image, StagedData Staged)> RunAsync(
        Image image, StagedData staged, Lease lease, Func<RegistryTransaction, CancellationToken, Task<Image>> wanted, CancellationToken cancellationToken)
    {
        foreach (var step in steps)
        {
            await using var source = await area.OpenAsync(staged, cancellationToken);
            if (await step.RunAsync(image, source, cancellationToken) is not { } result)
            {
                continue;
            }

            await using (result)
            {
                (image, staged) = await ReplaceAsync(image, result, lease, wanted, cancellationToken);
            }

            ImageLog.StepDone(log, image.Id, step.Name, staged.Size);
        }

        return (image, staged);
    }

    private async Task<(Image Image, StagedData Staged)> ReplaceAsync(
        Image image, StepResult result, Lease lease, Func<RegistryTransaction, CancellationToken, Task<Image>> wanted, CancellationToken cancellationToken)
    {
        using var hold = await quotas.ReserveAsync(image.Owner, UsageKind.StagedBytes, result.Length, lease, cancellationToken);
        var intent = await registry.WriteAsync(
            async (tx, ct) =>
            {
                await tx.RequireLeaseAsync(lease, ct);
                var begun = area.NewIntent(image.Id, lease, tx.Now);
                await tx.InsertIntentAsync(begun, ct);
                return begun;
            },
            cancellationToken);
        var body = PipeReader.Create(result.Data, new StreamPipeReaderOptions(bufferSize: 1 << 16, leaveOpen: true));
        try
        {
            var made = await area.WriteAsync(intent, body, result.Length, image.Owner, hold, cancellationToken);
            var (changed, staged, forgotten) = await registry.WriteAsync(
                async (tx, ct) =>
                {
                    var now = await wanted(tx, ct);
                    var before = await StagingArea.ForgetAsync(tx, image.Id, ct);
                    await StagingArea.RecordAsync(tx, made, ct);
                    var after = await tx.UpdateImageAsync(result.Change(now), ct)
                        ?? throw new ImageException(ImageError.Gone, $"Image {image.Id} was deleted, or its import was cancelled.");
                    return (after, await tx.FindStagedAsync(image.Id, ct), before);
                },
                CancellationToken.None);
            area.Settle(made);
            await area.DeleteAsync(forgotten);
            return (changed, staged!);
        }
        finally
        {
            await body.CompleteAsync();
        }
    }
}
