using System.Diagnostics;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Stores;

/// <summary>How a step of a probe went.</summary>
public enum ProbeVerdict
{
    /// <summary>As it should.</summary>
    Fine,

    /// <summary>Not as a writable store, which may be meant so.</summary>
    Doubtful,

    /// <summary>Wrong.</summary>
    Wrong,
}

/// <summary>One step of a probe.</summary>
/// <param name="Name">What was done: start, capacity, write, read, range or delete.</param>
/// <param name="Verdict">How it went.</param>
/// <param name="Took">How long it took.</param>
/// <param name="Problem">What is wrong; null when nothing is.</param>
/// <param name="Remedy">How to mend it; null when nothing is wrong.</param>
public sealed record ProbeStep(string Name, ProbeVerdict Verdict, TimeSpan Took, string? Problem = null, string? Remedy = null);

/// <summary>
/// Tries a store out as an upload and a download would: writes a small object under a new id, reads it as a whole and in part, deletes it.
/// Whatever fails, the object and its traces are removed as far as the store lets it.
/// </summary>
public sealed class StoreProbe(Store store)
{
    private const int Size = 96 * 1024;

    private readonly List<ProbeStep> steps = [];
    private readonly byte[] bytes = MakeBytes();

    /// <summary>What the store said of its room; null when it does not tell.</summary>
    public StoreCapacity? Capacity { get; private set; }

    /// <summary>Runs the steps; after one that is wrong, only the clean-up.</summary>
    public async Task<IReadOnlyList<ProbeStep>> RunAsync(CancellationToken cancellationToken)
    {
        if (store.State != StoreState.Ready)
            return [new ProbeStep("start", ProbeVerdict.Wrong, TimeSpan.Zero, store.Problem, StoreRemedies.Of(StoreError.Misconfigured))];

        steps.Clear();
        var driver = store.Driver;
        if (driver is IStoreCapacity room && !await TryAsync("capacity", async () => Capacity = await room.GetCapacityAsync(cancellationToken)))
            return steps;

        var attempt = new WriteAttempt(Guid.NewGuid().ToString("D"), Guid.NewGuid().ToString("N"));
        string? location = null;
        try
        {
            if (await TryAsync("write", async () => location = await WriteAsync(driver, attempt, cancellationToken)) && location is not null)
            {
                var written = location;
                _ = await TryAsync("read", () => ReadAsync(driver, written, cancellationToken))
                    && await TryAsync("range", () => ReadRangeAsync(driver, written, cancellationToken))
                    && await TryAsync("delete", () => DeleteAsync(driver, written, cancellationToken));
            }
        }
        finally
        {
            await CleanUpAsync(driver, attempt);
        }

        return steps;
    }

    private async Task<bool> TryAsync(string name, Func<Task> step)
    {
        var started = Stopwatch.GetTimestamp();
        try
        {
            await step();
            steps.Add(new ProbeStep(name, ProbeVerdict.Fine, Stopwatch.GetElapsedTime(started)));
            return true;
        }
        catch (RefusedException refused)
        {
            var verdict = refused.Outcome == StoreOutcome.Denied && name == "write" ? ProbeVerdict.Doubtful : ProbeVerdict.Wrong;
            steps.Add(new ProbeStep(name, verdict, Stopwatch.GetElapsedTime(started), refused.Message, StoreRemedies.Of(refused.Outcome)));
        }
        catch (StoreException fault)
        {
            steps.Add(new ProbeStep(name, ProbeVerdict.Wrong, Stopwatch.GetElapsedTime(started), fault.Message, StoreRemedies.Of(fault.Error)));
        }

        return false;
    }

    private async Task<string> WriteAsync(IStorageDriver driver, WriteAttempt attempt, CancellationToken cancellationToken)
    {
        var begin = await driver.BeginWriteAsync(new WriteRequest(attempt, Size, ProjectId: null), cancellationToken);
        await using var writer = begin.Value ?? throw new RefusedException("begin to write", begin.Outcome, begin.Detail);
        for (var at = 0; at < Size;)
        {
            var count = Math.Min(Size - at, writer.PreferredWriteSize);
            Require("write", await writer.WriteAsync(bytes.AsMemory(at, count), cancellationToken));
            at += count;
        }

        var commit = await writer.CommitAsync(cancellationToken);
        var stored = commit.Value ?? throw new RefusedException("commit", commit.Outcome, commit.Detail);
        await driver.SettleAsync(attempt, keepCommitted: true, cancellationToken);
        return stored.Location;
    }

    private async Task ReadAsync(IStorageDriver driver, string location, CancellationToken cancellationToken)
    {
        await using var source = await OpenAsync(driver, location, cancellationToken);
        await using var stream = await source.OpenRangeAsync(0, null, cancellationToken);
        using var copy = new MemoryStream();
        await stream.CopyToAsync(copy, cancellationToken);
        if (!copy.ToArray().AsSpan().SequenceEqual(bytes))
            throw new StoreException(StoreError.Corrupt, $"The {Size} bytes that were written read back as {copy.Length} other ones.");
    }

    private async Task ReadRangeAsync(IStorageDriver driver, string location, CancellationToken cancellationToken)
    {
        await using var source = await OpenAsync(driver, location, cancellationToken);
        var middle = new byte[5000];
        var read = await source.ReadAsync(40_001, middle, cancellationToken);
        if (read != middle.Length || !middle.AsSpan().SequenceEqual(bytes.AsSpan(40_001, middle.Length)))
            throw new StoreException(StoreError.Corrupt, $"{middle.Length} bytes from the middle read back as {read} other ones.");
    }

    private static async Task DeleteAsync(IStorageDriver driver, string location, CancellationToken cancellationToken)
    {
        Require("delete", await driver.DeleteAsync(location, cancellationToken));
        var gone = await driver.OpenAsync(location, cancellationToken);
        if (gone.Value is not { } left)
            return;
        await left.DisposeAsync();
        throw new StoreException(StoreError.Unexpected, "The object can still be opened after it was deleted.", location);
    }

    private static async Task<IByteSource> OpenAsync(IStorageDriver driver, string location, CancellationToken cancellationToken)
    {
        var open = await driver.OpenAsync(location, cancellationToken);
        return open.Value ?? throw new RefusedException("open", open.Outcome, open.Detail);
    }

    // Also when the caller gave up: the probe must not be what fills the store.
    private static async Task CleanUpAsync(IStorageDriver driver, WriteAttempt attempt)
    {
        try
        {
            await driver.SettleAsync(attempt, keepCommitted: false, CancellationToken.None);
        }
        catch (StoreException)
        {
            // The step that failed says why.
        }
    }

    private static void Require(string action, StoreOutcome outcome)
    {
        if (outcome != StoreOutcome.Ok)
            throw new RefusedException(action, outcome, null);
    }

    private static byte[] MakeBytes()
    {
        var made = new byte[Size];
        Random.Shared.NextBytes(made);
        return made;
    }

    private sealed class RefusedException(string action, StoreOutcome outcome, string? detail)
        : Exception($"The store refused to {action}: {StoreGuard.NameOf(outcome)}{(detail is null ? "" : $" ({detail})")}.")
    {
        public StoreOutcome Outcome => outcome;
    }
}
