using System.Globalization;
using GlanceGateway.Abstractions;
using GlanceGateway.Host.Configuration;
using GlanceGateway.Host.Logging;
using GlanceGateway.Images;
using GlanceGateway.Registry;
using GlanceGateway.Stores;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Host.Commands;

/// <summary><c>stores list</c>: starts every configured store and says how it is. Works beside a gateway that serves.</summary>
internal sealed class StoresListCommand(CommandTerminal terminal, TimeProvider time)
{
    private static readonly TimeSpan CapacityTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan DatabaseTimeout = TimeSpan.FromSeconds(10);

    /// <returns><see cref="ExitCodes.Failure"/> when a store did not start.</returns>
    public async Task<int> RunAsync(GatewayConfiguration configuration, bool probe, bool json, CancellationToken cancellationToken)
    {
        // A serving gateway's scratch must not be emptied under it.
        var scratch = Directory.CreateTempSubdirectory("glance-gateway-");
        try
        {
            var quiet = configuration.Log with { Level = LogLevel.None, File = null };
            using var loggers = LoggerFactory.Create(builder => builder.AddGatewayLog(quiet, terminal.Error, time));
            await using var stores = await ConfiguredStores.OpenAsync(configuration, scratch.FullName, loggers, time, cancellationToken);
            var results = await Task.WhenAll(stores.All.Select(store => probe ? ProbeAsync(store, cancellationToken) : DescribeAsync(store, cancellationToken)));
            var disagreements = await FindDisagreementsAsync(configuration, cancellationToken);
            results = [.. results.Select(result => result with { Disagreement = disagreements.FirstOrDefault(one => one.Store == result.Id)?.Text })];
            Write(results, [.. disagreements.Where(one => !Array.Exists(results, result => result.Id == one.Store)).Select(one => $"{one.Name} {one.Text}")], probe, json);
            return Array.Exists(results, result => result.Problem is not null) ? ExitCodes.Failure : ExitCodes.Success;
        }
        finally
        {
            scratch.Delete(recursive: true);
        }
    }

    private static StoreResult Describe(Store store) => new(
        store.Id,
        store.DriverName,
        store.Plugin?.Version,
        store.Plugin?.Contract,
        store.Plugin?.Hash,
        store.IsDefault,
        store.Weight,
        store.Description,
        store.State.ToString().ToLowerInvariant(),
        store.Problem,
        TotalBytes: null,
        FreeBytes: null,
        Probe: null);

    private static async Task<StoreResult> ProbeAsync(Store store, CancellationToken cancellationToken)
    {
        var probe = new StoreProbe(store);
        var steps = await probe.RunAsync(cancellationToken);
        var wrong = steps.FirstOrDefault(step => step.Verdict == ProbeVerdict.Wrong);
        return Describe(store) with
        {
            State = store.State != StoreState.Ready ? "failed" : wrong is null ? "ready" : "faulty",
            Problem = wrong?.Problem,
            TotalBytes = probe.Capacity?.Total,
            FreeBytes = probe.Capacity?.Free,
            Probe = [.. steps.Select(ProbeStepResult.Of)],
        };
    }

    private static async Task<StoreResult> DescribeAsync(Store store, CancellationToken cancellationToken)
    {
        var result = Describe(store);
        if (store.State != StoreState.Ready || store.Driver is not IStoreCapacity driver)
        {
            return result;
        }

        try
        {
            var capacity = await driver.GetCapacityAsync(cancellationToken).AsTask().WaitAsync(CapacityTimeout, cancellationToken);
            return result with { TotalBytes = capacity.Total, FreeBytes = capacity.Free };
        }
        catch (Exception fault) when (fault is StoreException or TimeoutException)
        {
            return result with { State = "unreachable", Problem = fault.Message };
        }
    }

    /// <summary>Which stores the gateways on one database do not see alike, as they said lately; none on a database of one gateway.</summary>
    private async Task<IReadOnlyList<StoreDisagreement>> FindDisagreementsAsync(GatewayConfiguration configuration, CancellationToken cancellationToken)
    {
        if (RegistryPlace.Postgres(configuration) is null)
        {
            return [];
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(DatabaseTimeout);
        try
        {
            await using var registry = await ImageRegistry.OpenAsync(RegistryPlace.Options(configuration, data: null), time, NullLoggerFactory.Instance, limit.Token);
            return StoreDisagreement.Find(await registry.ListPlacesAsync(limit.Token), time.GetUtcNow());
        }
        catch (RegistryException fault)
        {
            terminal.WriteWarning($"what the other gateways see is not known: {fault.Message}");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            terminal.WriteWarning($"what the other gateways see is not known: no answer from the database within {DatabaseTimeout.TotalSeconds:0} s");
        }

        return [];
    }

    private void Write(StoreResult[] results, IReadOnlyList<string> disagreements, bool probe, bool json)
    {
        if (json)
        {
            terminal.WriteJson(new StoreListResult(results, disagreements), CommandJson.Readable.StoreListResult);
            return;
        }

        string[] headings = ["id", "driver", "version", "contract", "default", "weight", "state", "free", "total"];
        terminal.WriteTable(
            probe ? [.. headings, "write", "read", "range", "delete"] : headings,
            results.Select(store => (IReadOnlyList<string>)
            [
                store.Id,
                store.Driver,
                store.Version ?? "-",
                store.Contract ?? "-",
                store.Default ? "yes" : "",
                store.Weight.ToString(CultureInfo.InvariantCulture),
                (store.Problem ?? store.Disagreement) is { } trouble ? $"{store.State}: {trouble}" : store.State,
                Size(store.FreeBytes),
                Size(store.TotalBytes),
                .. probe ? (string[])[Took(store, "write"), Took(store, "read"), Took(store, "range"), Took(store, "delete")] : [],
            ]));
        foreach (var disagreement in disagreements)
        {
            terminal.WriteWarning(disagreement);
        }
    }

    private static string Took(StoreResult store, string step) =>
        store.Probe?.FirstOrDefault(done => done.Step == step) is { Verdict: "fine" } fine ? string.Create(CultureInfo.InvariantCulture, $"{fine.Milliseconds:0.#} ms") : "-";

    private static string Size(long? bytes)
    {
        if (bytes is not { } count)
        {
            return "-";
        }

        string[] units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
        var power = count > 0 ? Math.Min(BitIndex(count) / 10, units.Length - 1) : 0;
        return string.Create(CultureInfo.InvariantCulture, $"{count / Math.Pow(1024, power):0.#} {units[power]}");
    }

    private static int BitIndex(long count) => System.Numerics.BitOperations.Log2((ulong)count);
}
