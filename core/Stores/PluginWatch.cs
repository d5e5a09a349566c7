using Microsoft.Extensions.Logging;

namespace GlanceGateway.Stores;

/// <summary>
/// Tells that something happened in the plugin directories, soon by the kernel's notifications where there are any. It is only a hint: whoever
/// listens looks for himself now and then as well, because notifications get lost (network file systems, a directory that was itself replaced)
/// and are limited in number for each user (<c>fs.inotify.max_user_instances</c> and <c>max_user_watches</c>).
/// </summary>
internal sealed class PluginWatch(IReadOnlyList<string> directories, TimeSpan interval, Action notice, ILogger logger) : IDisposable
{
    private readonly Dictionary<string, FileSystemWatcher> watchers = new(StringComparer.Ordinal);
    private readonly HashSet<string> complained = new(StringComparer.Ordinal);

    /// <summary>Begins to watch what is not watched yet; after a change the directories may be other ones under the same names.</summary>
    /// <param name="anew">Whether to watch everything anew.</param>
    public void Arm(bool anew)
    {
        foreach (var directory in directories)
        {
            if (anew && watchers.Remove(directory, out var old))
                old.Dispose();
            if (!watchers.ContainsKey(directory) && Directory.Exists(directory))
                Watch(directory);
        }
    }

    public void Dispose()
    {
        foreach (var watcher in watchers.Values)
            watcher.Dispose();
        watchers.Clear();
    }

    private void Watch(string directory)
    {
        FileSystemWatcher? watcher = null;
        try
        {
            watcher = new FileSystemWatcher(directory)
            {
                IncludeSubdirectories = true,
                NotifyFilter = NotifyFilters.FileName | NotifyFilters.DirectoryName | NotifyFilters.LastWrite | NotifyFilters.Size | NotifyFilters.Security,
            };
            watcher.Created += (_, _) => notice();
            watcher.Changed += (_, _) => notice();
            watcher.Deleted += (_, _) => notice();
            watcher.Renamed += (_, _) => notice();
            watcher.Error += (_, failure) =>
            {
                Complain(directory, failure.GetException());
                notice();
            };
            watcher.EnableRaisingEvents = true;
            watchers[directory] = watcher;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            watcher?.Dispose();
            Complain(directory, exception);
        }
    }

    private void Complain(string directory, Exception exception)
    {
        lock (complained)
        {
            if (complained.Add(directory))
                logger.NotWatched(directory, ExceptionText.Short(exception), interval);
        }
    }
}
