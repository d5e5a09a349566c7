using System.Text;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Stores;

/// <summary>
/// Tells directories apart that have one name on several machines: a small hidden file in each holds an id that was drawn when the first gateway
/// looked for it. Whoever reads the same id looks into the same directory; a share that is not mounted shows the directory below it, whose id is
/// another one. Drivers take no name that begins with a dot for an image or for their own, so nobody sees the file as either.
/// </summary>
public static class PlaceMarker
{
    /// <summary>The file's name.</summary>
    public const string FileName = ".glance-gateway-place";

    private const int IdLength = 32;

    private const string Words =
        "\n# Tells gateways that use this directory under one name whether it is the same one for all of them. Keep it; do not copy it to another directory.\n";

    /// <summary>What a store's place is, seen from this machine: its directories and the ids in them.</summary>
    /// <param name="store">A store that serves.</param>
    /// <param name="cancellationToken">Ends the waiting; a directory on a server that does not answer is given up by the caller's time limit.</param>
    /// <returns>Null for a store without directories of this machine, and when a directory has no id and cannot be given one; one of a read-only store is given none.</returns>
    public static async Task<string?> ReadAsync(Store store, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(store);
        if (store.State != StoreState.Ready || store.Driver is not ILocalPaths { Paths: { Count: > 0 } paths })
            return null;

        // In the thread pool: a system call on a dead network server does not return.
        return await Task.Run(() => Read(paths, mayMark: !store.IsReadOnly), cancellationToken).WaitAsync(cancellationToken);
    }

    private static string? Read(IReadOnlyList<string> paths, bool mayMark)
    {
        var places = new List<string>();
        foreach (var path in paths.Order(StringComparer.Ordinal))
        {
            if ((Find(path) ?? (mayMark ? Make(path) : null)) is not { } id)
                return null;

            // Locations hold the path: gateways that reach one directory by two paths do not read each other's images either.
            places.Add($"{path}#{id}");
        }

        return string.Join('|', places);
    }

    private static string? Find(string directory)
    {
        try
        {
            var buffer = new byte[IdLength];
            using var file = File.OpenHandle(Path.Join(directory, FileName), share: FileShare.ReadWrite | FileShare.Delete);
            var id = Encoding.ASCII.GetString(buffer, 0, RandomAccess.Read(file, buffer, 0));
            return Guid.TryParseExact(id, "N", out _) ? id : null;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Whole or not at all, and never over that of another gateway which does the same now.</summary>
    private static string? Make(string directory)
    {
        var place = Path.Join(directory, FileName);
        var unfinished = $"{place}-{Guid.NewGuid():N}";
        try
        {
            using (var file = new FileStream(unfinished, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                file.Write(Encoding.ASCII.GetBytes(Guid.NewGuid().ToString("N") + Words));
                file.Flush(flushToDisk: true);
            }

            File.Move(unfinished, place, overwrite: false);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            Remove(unfinished);
        }

        return Find(directory);
    }

    private static void Remove(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // It is small, hidden, and nobody's.
        }
    }
}
