using System.Collections.Concurrent;
using GlanceGateway.Abstractions;
using GlanceGateway.Registry;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Images;

/// <summary>
/// Runs the tasks of this gateway, and takes up those on which nobody works any more.
/// </summary>
/// <remarks>
/// A task lives as long as its lease. The request that asks for it takes the lease in the unit of work that records it, so there is no moment
/// in which a task exists that nobody would find: who dies leaves a lease that runs out, and <see cref="SweepAsync"/> of any gateway takes the task
/// up again, at the start of the same gateway at once. Invariants:
/// <list type="bullet">
/// <item>everything that a task writes to the registry requires its lease, so a gateway that was paused past the expiry changes nothing;</item>
/// <item>before a task begins, and after it failed, every store attempt under its lease that the registry has not recorded is undone;</item>
/// <item>a task is taken up at most <see cref="MostAttempts"/> times: what kills its gateway each time must not do so for ever;</item>
/// <item>a gateway that stops gives its tasks back, so that another goes on with them at once; that does not count as an attempt.</item>
/// </list>
/// </remarks>
public sealed class TaskRunner : IAsyncDisposable
{
    /// <summary>How often a task is begun before it is given up.</summary>
    internal const int MostAttempts = 4;

    private readonly ImageRegistry registry;
    private readonly IntentSweeper sweeper;
    private readonly ImageOptions options;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly Dictionary<string, ITaskWork> works;
    private readonly SemaphoreSlim slots;
    private readonly ConcurrentDictionary<string, RunningTask> running = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource stopping = new();
    private HashSet<string> elsewhere = [];
    private Task sweeping = Task.CompletedTask;

    internal TaskRunner(
        ImageRegistry registry, IntentSweeper sweeper, IReadOnlyList<ITaskWork> works, int parallel, ImageOptions options, TimeProvider time, ILogger<TaskRunner> log)
    {
        this.registry = registry;
        this.sweeper = sweeper;
        this.options = options;
        this.time = time;
        this.log = log;
        this.works = works.SelectMany(work => work.Types, (work, type) => (type, work)).ToDictionary(pair => pair.type, pair => pair.work, StringComparer.Ordinal);
        slots = new SemaphoreSlim(parallel);
    }

    /// <summary>Takes up the tasks of this instance's earlier life and of dead gateways, then keeps doing so until disposed.</summary>
    /// <param name="cancellationToken">Ends the first round, not those that follow.</param>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await SweepAsync(ownToo: true, cancellationToken);
        sweeping = Task.Run(RunAsync, CancellationToken.None);
    }

    /// <summary>Stops all tasks where they are and gives them back.</summary>
    public async ValueTask DisposeAsync()
    {
        if (stopping.IsCancellationRequested)
        {
            return;
        }

        await stopping.CancelAsync();
        await sweeping;
        await Task.WhenAll(running.Values.Select(task => task.Ended));
        slots.Dispose();
    }

    /// <summary>Begins to work on a task under a lease that was taken for it.</summary>
    /// <param name="task">The task.</param>
    /// <param name="lease">Its lease.</param>
    /// <param name="asker">Whose request it is; null for a task that is taken up. Kept while the task runs and nowhere else.</param>
    internal void Start(TaskRecord task, Lease lease, Caller? asker = null)
    {
        var unwanted = new CancellationTokenSource();
        var ended = new TaskCompletionSource();
        running[task.Id] = new RunningTask(task.ImageId, ended.Task, unwanted);
        _ = Task.Run(
            async () =>
            {
                try
                {
                    await WorkAsync(task, lease, asker, unwanted.Token);
                }
                finally
                {
                    running.TryRemove(task.Id, out _);
                    ended.SetResult();
                }
            },
            CancellationToken.None);
    }

    /// <summary>Lets the task of an image see now, not at its next renewal, that it is no longer wanted.</summary>
    internal void Cancel(string imageId)
    {
        foreach (var task in running.Values.Where(task => task.ImageId == imageId))
        {
            task.Unwanted.Cancel();
        }
    }

    /// <summary>One round over the tasks on which nobody works; also removes the records of old ones.</summary>
    internal async Task SweepAsync(bool ownToo, CancellationToken cancellationToken)
    {
        var waiting = new HashSet<string>(StringComparer.Ordinal);
        foreach (var found in await registry.ListDeadTasksAsync(ownToo, cancellationToken))
        {
            if (!works.TryGetValue(found.Type, out var work))
            {
                continue;
            }

            if (await work.NodesWithAsync(found, cancellationToken) is { Count: > 0 } nodes)
            {
                // Taken up here it would fail, and what is staged would be given up.
                waiting.Add(found.Id);
                if (!elsewhere.Contains(found.Id))
                {
                    ImageLog.TaskElsewhere(log, found.Id, found.ImageId, StorePlaces.InWords(nodes));
                }

                continue;
            }

            if (await registry.WriteAsync((tx, ct) => TakeUpAsync(tx, found, ownToo, ct), cancellationToken) is var (task, lease))
            {
                ImageLog.TaskTakenUp(log, task.Type, task.Id, task.ImageId);
                Start(task, lease, asker: null);
            }
        }

        elsewhere = waiting;
        await registry.WriteAsync((tx, ct) => tx.RemoveExpiredTasksAsync(ct), cancellationToken);
    }

    private async Task<(TaskRecord, Lease)?> TakeUpAsync(RegistryTransaction tx, TaskRecord found, bool ownToo, CancellationToken cancellationToken)
    {
        if (await tx.FindTaskAsync(found.Id, cancellationToken) is not { HasEnded: false } task
            || await tx.TakeLeaseAsync(task.LeaseName, options.LeaseDuration, ownToo, cancellationToken) is not { } lease)
        {
            return null;
        }

        return (task, lease);
    }

    private async Task WorkAsync(TaskRecord task, Lease lease, Caller? asker, CancellationToken unwanted)
    {
        var work = works[task.Type];
        try
        {
            await using var held = new HeldLease(registry, lease, options.LeaseDuration, (tx, ct) => work.IsWantedAsync(tx, task, ct), time);
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(held.Lost, stopping.Token, unwanted);
            var failure = await TryRunAsync(work, task, lease, asker, ending.Token);
            if (failure is null)
            {
                return;
            }

            // The lease may be about to run out unrenewed; what follows is fenced like everything else.
            await UndoAttemptsAsync(lease);
            if (stopping.IsCancellationRequested)
            {
                await GiveBackAsync(task, lease);
                return;
            }

            var reason = failure switch
            {
                ImageException refusal => refusal.Message,
                StoreException fault => StoreRefusals.Of(fault).Message,
                OperationCanceledException => "The image was deleted, or the task was cancelled.",
                _ => "The gateway failed.",
            };
            ImageLog.TaskFailed(log, task.Type, task.Id, task.ImageId, failure is ImageException ? reason : $"{failure.GetType().Name}: {failure.Message}");
            await work.FailAsync(task, lease, reason);
        }
        catch (LeaseLostException)
        {
            ImageLog.TaskLost(log, task.Type, task.Id, task.ImageId);
        }
        catch (Exception fault)
        {
            // The registry is away, most likely. The lease runs out, and the task is taken up by whoever sees it first.
            ImageLog.TaskFailed(log, task.Type, task.Id, task.ImageId, fault.Message);
        }
    }

    /// <summary>Runs the task when there is a slot for it.</summary>
    /// <returns>Why it did not come to its end; null when it did.</returns>
    private async Task<Exception?> TryRunAsync(ITaskWork work, TaskRecord task, Lease lease, Caller? asker, CancellationToken cancellationToken)
    {
        var hasSlot = false;
        try
        {
            await slots.WaitAsync(cancellationToken);
            hasSlot = true;
            await UndoAttemptsAsync(lease);
            if (task.Attempts >= MostAttempts)
            {
                throw new ImageException(ImageError.Failed, $"Given up: its gateway died {task.Attempts} times under it.");
            }

            var begun = task with { Status = WorkStatus.Processing, Attempts = task.Attempts + 1 };
            await registry.WriteAsync(
                async (tx, ct) =>
                {
                    await tx.RequireLeaseAsync(lease, ct);
                    return await tx.UpdateTaskAsync(begun, ct);
                },
                cancellationToken);
            await work.RunAsync(begun, lease, asker, cancellationToken);
            return null;
        }
        catch (LeaseLostException)
        {
            throw;
        }
        catch (Exception failure)
        {
            return failure;
        }
        finally
        {
            if (hasSlot)
            {
                slots.Release();
            }
        }
    }

    private async Task UndoAttemptsAsync(Lease lease)
    {
        var intents = await registry.WriteAsync(
            async (tx, ct) =>
            {
                await tx.RequireLeaseAsync(lease, ct);
                return await tx.ListIntentsAsync(lease.Name, ct);
            },
            CancellationToken.None);
        foreach (var intent in intents.Where(intent => intent.Kind == IntentKind.Write && !intent.Registered))
        {
            await sweeper.TryDiscardAsync(intent, lease);
        }
    }

    private Task<bool> GiveBackAsync(TaskRecord task, Lease lease) => registry.WriteAsync(
        async (tx, ct) =>
        {
            await tx.RequireLeaseAsync(lease, ct);
            await tx.UpdateTaskAsync(task with { Status = WorkStatus.Pending }, ct);
            await tx.ReleaseLeaseAsync(lease, ct);
            return true;
        },
        CancellationToken.None);

    private async Task RunAsync()
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(options.LeaseDuration / 2, time, stopping.Token);
                await SweepAsync(ownToo: false, stopping.Token);
            }
            catch (Exception) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure)
            {
                ImageLog.SweepRoundFailed(log, failure.Message);
            }
        }
    }

    /// <summary>A task that this process works on.</summary>
    private sealed record RunningTask(string ImageId, Task Ended, CancellationTokenSource Unwanted);
}
