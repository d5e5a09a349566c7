using GlanceGateway.Registry;
using GlanceGateway.Stores;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Images;

/// <summary>
/// Notices stores that not every gateway on one registry sees alike: a directory that is not shared, a share that is not mounted, a store that
/// only some have.
/// </summary>
/// <remarks>
/// Each gateway looks at its stores when it starts, when they change and once a minute, and records the place that it finds behind each name
/// (<see cref="PlaceMarker"/>). Whoever writes data records the place with it. So where data lies is known by place and not only by name, and:
/// <list type="bullet">
/// <item>gateways whose places differ say so once, naming the store and the nodes;</item>
/// <item>data that is absent here and lies in the place of another gateway is not lost: reads, imports and deletions name its node;</item>
/// <item>what an attempt left in another gateway's place is left for that gateway to sweep.</item>
/// </list>
/// A gateway that is alone on its registry looks at nothing, and nothing is ever elsewhere.
/// </remarks>
internal sealed class StorePlaces : IAsyncDisposable
{
    private static readonly TimeSpan interval = TimeSpan.FromMinutes(1);

    /// <summary>How long the place of a gateway that is gone is remembered: data may still lie there.</summary>
    private static readonly TimeSpan remembered = TimeSpan.FromDays(30);

    private static readonly TimeSpan readLimit = TimeSpan.FromSeconds(10);

    private readonly ImageRegistry registry;
    private readonly StoreSet stores;
    private readonly StoreSet? staging;
    private readonly string? node;
    private readonly ILogger log;
    private readonly CancellationTokenSource stopping = new();
    private readonly SemaphoreSlim noticed = new(0, 1);
    private volatile Dictionary<string, string?> mine = new Dictionary<string, string?>();
    private Dictionary<string, StoreDisagreement> told = [];
    private Task running = Task.CompletedTask;

    /// <param name="registry">Where places are compared.</param>
    /// <param name="stores">Those of images.</param>
    /// <param name="staging">That of staged data; null for none.</param>
    /// <param name="node">What operators call this gateway; null when it is alone on its registry.</param>
    /// <param name="log">Takes the warnings.</param>
    public StorePlaces(ImageRegistry registry, StoreSet stores, StoreSet? staging, string? node, ILogger log)
    {
        this.registry = registry;
        this.stores = stores;
        this.staging = staging;
        this.node = node;
        this.log = log;
    }

    /// <summary>The place of a store as this gateway last saw it; null when it is not known or does not matter.</summary>
    /// <param name="store">Its id in the registry.</param>
    public string? Of(string store) => mine.GetValueOrDefault(store);

    /// <summary>Looks for the first time, then keeps looking until disposed.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (node is null)
        {
            return;
        }

        await LookAsync(cancellationToken);
        stores.Changed += Notice;
        running = Task.Run(RunAsync, CancellationToken.None);
    }

    /// <summary>The nodes that have what this gateway does not see; asked when a store says that it has not got what the registry says is there.</summary>
    /// <param name="store">The store's id in the registry.</param>
    /// <param name="place">Where the data lies, as it was recorded; null when that is not known.</param>
    /// <param name="cancellationToken">Ends the question.</param>
    /// <returns>Empty when no other gateway would find it either.</returns>
    public async Task<IReadOnlyList<string>> NodesWithAsync(string store, string? place, CancellationToken cancellationToken)
    {
        if (node is null)
        {
            return [];
        }

        var isHere = mine.TryGetValue(store, out var own);
        if (isHere && place == own)
        {
            return [];
        }

        var others = (await registry.ListPlacesAsync(cancellationToken)).Where(other => other.Store == store && other.Instance != registry.InstanceId);
        return StoreDisagreement.NodesOf(place is not null
            ? others.Where(other => other.Place == place)
            : others.Where(other => !isHere || (other.Place is not null && other.Place != own)));
    }

    /// <summary>Nodes in words.</summary>
    public static string InWords(IReadOnlyList<string> nodes) => StoreDisagreement.InWords(nodes);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        stores.Changed -= Notice;
        await stopping.CancelAsync();
        await running;
        stopping.Dispose();
        noticed.Dispose();
    }

    /// <summary>One look at every store, and the comparison with the other gateways.</summary>
    internal async Task LookAsync(CancellationToken cancellationToken)
    {
        var found = await Task.WhenAll(
            stores.All.Select(store => (Id: store.Id, Store: store))
                .Concat(staging is null ? [] : staging.All.Select(store => (Id: StagingStore.IdOf(store), Store: store)))
                .Select(async each => KeyValuePair.Create(each.Id, await ReadAsync(each.Id, each.Store, cancellationToken))));
        var places = new Dictionary<string, string?>(found, StringComparer.Ordinal);
        mine = places;
        var (all, now) = await registry.WriteAsync(
            async (tx, ct) =>
            {
                await tx.SavePlacesAsync(node!, places, remembered, ct);
                return (await tx.ListPlacesAsync(ct), tx.Now);
            },
            cancellationToken);
        Tell(StoreDisagreement.Find(all, now));
    }

    private async Task<string?> ReadAsync(string id, Store store, CancellationToken cancellationToken)
    {
        try
        {
            return await PlaceMarker.ReadAsync(store, cancellationToken).WaitAsync(readLimit, cancellationToken);
        }
        catch (TimeoutException)
        {
            // A server that does not answer for now: what was known of it holds on.
            return Of(id);
        }
    }

    private void Tell(IReadOnlyList<StoreDisagreement> disagreements)
    {
        foreach (var one in disagreements.Where(one => told.GetValueOrDefault(one.Store)?.Text != one.Text))
        {
            ImageLog.StoreNotShared(log, one.Name, one.Text);
        }

        foreach (var one in told.Values.Where(one => disagreements.All(other => other.Store != one.Store)))
        {
            ImageLog.StoreShared(log, one.Name);
        }

        told = disagreements.ToDictionary(one => one.Store, StringComparer.Ordinal);
    }

    private void Notice(object? sender, EventArgs change)
    {
        try
        {
            noticed.Release();
        }
        catch (Exception known) when (known is SemaphoreFullException or ObjectDisposedException)
        {
            // It is noticed already, or nobody looks any more.
        }
    }

    private async Task RunAsync()
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await noticed.WaitAsync(interval, stopping.Token);
                await LookAsync(stopping.Token);
            }
            catch (Exception) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure)
            {
                ImageLog.PlacesFailed(log, failure.Message);
            }
        }
    }
}
