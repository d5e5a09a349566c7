using System.Globalization;
using GlanceGateway.Abstractions;
using GlanceGateway.Host.Configuration;
using GlanceGateway.Host.Logging;
using GlanceGateway.Stores;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Host.Commands;

/// <summary><c>stores list</c>: starts every configured store and says how it is. Works beside a gateway that serves.</summary>
internal sealed class StoresListCommand(CommandTerminal terminal, TimeProvider time)
{
    private static readonly TimeSpan CapacityTimeout = TimeSpan.FromSeconds(10);

    /// <returns><see cref="ExitCodes.Failure"/> when a store did not start.</returns>
    public async Task<int> RunAsync(GatewayConfiguration configuration, bool json, CancellationToken cancellationToken)
    {
        // A serving gateway's scratch must not be emptied under it.
        var scratch = Directory.CreateTempSubdirectory("glance-gateway-");
        try
        {
            var quiet = configuration.Log with { Level = LogLevel.None, File = null };
            using var loggers = LoggerFactory.Create(builder => builder.AddGatewayLog(quiet, terminal.Error, time));
            await using var stores = await ConfiguredStores.OpenAsync(configuration, scratch.FullName, loggers, time, cancellationToken);
            var results = await Task.WhenAll(stores.All.Select(store => DescribeAsync(store, cancellationToken)));
            Write(results, json);
            return Array.Exists(results, result => result.Problem is not null) ? ExitCodes.Failure : ExitCodes.Success;
        }
        finally
        {
            scratch.Delete(recursive: true);
        }
    }

    private static async Task<StoreResult> DescribeAsync(Store store, CancellationToken cancellationToken)
    {
        var result = new StoreResult(
            store.Id,
            store.DriverName,
            store.IsDefault,
            store.Weight,
            store.Description,
            store.State.ToString().ToLowerInvariant(),
            store.Problem,
            TotalBytes: null,
            FreeBytes: null);
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

    private void Write(StoreResult[] results, bool json)
    {
        if (json)
        {
            terminal.WriteJson(new StoreListResult(results), CommandJson.Readable.StoreListResult);
            return;
        }

        terminal.WriteTable(
            ["id", "driver", "default", "weight", "state", "free", "total"],
            results.Select(store => (IReadOnlyList<string>)
            [
                store.Id,
                store.Driver,
                store.Default ? "yes" : "",
                store.Weight.ToString(CultureInfo.InvariantCulture),
                store.Problem is null ? store.State : $"{store.State}: {store.Problem}",
                Size(store.FreeBytes),
                Size(store.TotalBytes),
            ]));
    }

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
