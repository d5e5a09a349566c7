using System.Collections.Concurrent;
using GlanceGateway.Abstractions;

// The bytes of one attempt: its id, its chunks, and its length and occupied bytes. A type of the runtime, see Backend.
using State = System.Tuple<string, System.Collections.Generic.List<byte[]?>, long[]>;

namespace GlanceGateway.Plugins.Memory;

/// <summary>
/// What a backend is to other drivers: it outlives the driver while another takes over its store, so that a swap loses nothing. Two tables:
/// <list type="bullet">
/// <item><c>objects</c>: image id → finished object, the names that locations point to;</item>
/// <item><c>attempts</c>: every attempt that is not settled, with the bytes that it wrote.</item>
/// </list>
/// The driver that takes over may be another version of this code, in a load context of its own, where each type of this assembly is another one. So
/// what is handed on is made of types of the runtime and the contract alone, and nothing of a driver that has gone is kept from being unloaded. It
/// ends with the last driver of the store. No other driver needs the like: their backends are outside of the process.
/// </summary>
internal sealed class Backend : IDisposable
{
    private readonly string? _key;
    private readonly Tuple<ConcurrentDictionary<string, State>, ConcurrentDictionary<WriteAttempt, State>, long[], object, int[]> _shared;

    private int _isDisposed;

    private Backend(string? key)
    {
        _key = key;
        if (key is null)
        {
            _shared = Empty();
            return;
        }

        lock (AppDomain.CurrentDomain)
        {
            if (AppDomain.CurrentDomain.GetData(key) is not Tuple<ConcurrentDictionary<string, State>, ConcurrentDictionary<WriteAttempt, State>, long[], object, int[]> known)
            {
                known = Empty();
                AppDomain.CurrentDomain.SetData(key, known);
            }

            _shared = known;
            _shared.Item5[0]++;
        }
    }

    /// <summary>Finished objects by image id.</summary>
    public ConcurrentDictionary<string, State> Objects => _shared.Item1;

    /// <summary>Attempts that are not settled.</summary>
    public ConcurrentDictionary<WriteAttempt, State> Attempts => _shared.Item2;

    /// <summary>The bytes that all of them occupy, in its one element.</summary>
    public long[] Used => _shared.Item3;

    /// <summary>Commit and settle of one attempt may meet when another process believes this one dead: one of them comes first.</summary>
    public object Settling => _shared.Item4;

    /// <summary>That of a store: what its other driver has, or an empty one.</summary>
    public static Backend Of(IStoreContext context)
    {
        // The scratch directories of one store's drivers lie side by side, named after the store; those of other sets of stores lie elsewhere. A host
        // that does it otherwise gets a backend for each driver.
        var name = Path.GetFileName(context.ScratchDirectory);
        var isNamed = name == context.StoreId || name.StartsWith($"{context.StoreId}.", StringComparison.Ordinal);
        return new Backend(isNamed ? $"{typeof(Backend).FullName} {context.StoreId} {Path.GetDirectoryName(context.ScratchDirectory)}" : null);
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
            return;
        if (_key is not null)
        {
            lock (AppDomain.CurrentDomain)
            {
                if (--_shared.Item5[0] > 0)
                    return;
                AppDomain.CurrentDomain.SetData(_key, null);
            }
        }

        Objects.Clear();
        Attempts.Clear();
    }

    private static Tuple<ConcurrentDictionary<string, State>, ConcurrentDictionary<WriteAttempt, State>, long[], object, int[]> Empty() =>
        Tuple.Create(new ConcurrentDictionary<string, State>(), new ConcurrentDictionary<WriteAttempt, State>(), new long[1], new object(), new int[1]);
}
