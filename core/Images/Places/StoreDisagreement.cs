using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>A store that gateways on one registry do not see alike.</summary>
/// <param name="Store">Its id in the registry.</param>
/// <param name="Text">What is wrong, after the name of the store: which nodes see what.</param>
public sealed record StoreDisagreement(string Store, string Text)
{
    /// <summary>A gateway that has not looked for this long is not compared with the others; it may have been taken out of service.</summary>
    private static readonly TimeSpan alive = TimeSpan.FromMinutes(5);

    /// <summary>What operators call it.</summary>
    public string Name => StagingStore.Owns(Store) ? "the staging area" : $"the store '{Store}'";

    /// <summary>Compares what gateways see that looked lately.</summary>
    /// <param name="places">Of every gateway.</param>
    /// <param name="now">In the database's time.</param>
    public static IReadOnlyList<StoreDisagreement> Find(IReadOnlyList<StorePlace> places, DateTimeOffset now)
    {
        var live = places.Where(place => now - place.SeenAt < alive).ToList();
        var gateways = live.Select(place => place.Instance).Distinct(StringComparer.Ordinal).Count();
        var found = new List<StoreDisagreement>();
        foreach (var store in live.GroupBy(place => place.Store, StringComparer.Ordinal))
        {
            var sides = store.Where(place => place.Place is not null).GroupBy(place => place.Place, StringComparer.Ordinal).ToList();
            if (sides.Count > 1)
            {
                found.Add(new(store.Key, $"is not the same for every gateway: {string.Join(" and ", sides.Select(InWords))} see different directories"));
            }
            else if (store.Count() < gateways)
            {
                found.Add(new(store.Key, $"is known to {InWords(store)} only"));
            }
        }

        return found;
    }

    /// <summary>The nodes of some gateways, each once.</summary>
    internal static IReadOnlyList<string> NodesOf(IEnumerable<StorePlace> places) => [.. places.Select(place => place.Node).Distinct(StringComparer.Ordinal)];

    /// <summary>Nodes in words.</summary>
    internal static string InWords(IReadOnlyList<string> nodes) => $"{(nodes.Count == 1 ? "node" : "nodes")} '{string.Join("', '", nodes)}'";

    private static string InWords(IEnumerable<StorePlace> places) => InWords(NodesOf(places));
}
