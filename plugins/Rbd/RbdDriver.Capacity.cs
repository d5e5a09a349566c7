using System.Text.Json;
using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.Rbd.Native;

namespace GlanceGateway.Plugins.Rbd;

/// <summary>How much room the pool has: what the monitors say after replication, less what a quota forbids.</summary>
internal sealed partial class RbdDriver
{
    public async ValueTask<StoreCapacity> GetCapacityAsync(CancellationToken cancellationToken)
    {
        try
        {
            var answer = await connection.RunAsync(cluster => cluster.Ask("""{"prefix":"df","detail":"detail","format":"json"}"""), cancellationToken);
            var capacity = CapacityIn(answer, settings.Pool)
                ?? throw new StoreException(StoreError.Unavailable, "The monitors have no statistics of the pool; is a manager (ceph-mgr) running?");
            lastCapacity = new MeasuredCapacity(context.Time.GetTimestamp(), capacity);
            return capacity;
        }
        catch (CephException failure)
        {
            throw failure.ToFault();
        }
    }

    /// <summary>Reads the answer of <c>ceph df detail</c>. Without a manager nobody counts: the pool is missing in it, or all its numbers are 0.</summary>
    internal static StoreCapacity? CapacityIn(ReadOnlyMemory<byte> answer, string pool)
    {
        using var document = JsonDocument.Parse(answer);
        if (!document.RootElement.TryGetProperty("pools", out var pools))
            return null;
        foreach (var one in pools.EnumerateArray())
        {
            if (one.GetProperty("name").GetString() != pool || !one.TryGetProperty("stats", out var stats))
                continue;
            var (stored, free) = (Number(stats, "stored"), Number(stats, "max_avail"));
            if (Number(stats, "quota_bytes") is > 0 and var quota)
                free = Math.Min(free, Math.Max(0, quota - stored));
            return stored == 0 && free == 0 ? null : new StoreCapacity(stored + free, free);
        }

        return null;

        static long Number(JsonElement stats, string name) =>
            stats.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : 0;
    }

    // Only to refuse early what cannot fit: a number some seconds old will do, and none is no reason to refuse.
    private async Task<long?> FindFreeAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (lastCapacity is { } last && context.Time.GetElapsedTime(last.At) < capacityAge)
                return last.Value.Free;
            return (await GetCapacityAsync(cancellationToken)).Free;
        }
        catch (StoreException)
        {
            return null;
        }
    }

    private sealed record MeasuredCapacity(long At, StoreCapacity Value);
}
