namespace GlanceGateway.Stores;

/// <summary>Compares paths by what they are on disk, not by how they are written.</summary>
public static class RealPath
{
    /// <summary>As many links as the kernel follows before it calls them a loop.</summary>
    private const int MostLinks = 40;

    /// <summary>An absolute path with every existing symbolic link on the way resolved; what does not exist yet stays as written.</summary>
    /// <exception cref="IOException">More than 40 links: a loop.</exception>
    public static string Of(string path)
    {
        var pending = new Stack<string>(Components(path).Reverse());
        var real = "/";
        var links = 0;
        while (pending.TryPop(out var component))
        {
            if (component == "..")
            {
                real = Path.GetDirectoryName(real) ?? "/";
                continue;
            }

            var next = Path.Join(real, component);
            if (LinkTarget(next) is not { } target)
            {
                real = next;
                continue;
            }

            if (++links > MostLinks)
            {
                throw new IOException($"{path} runs in a circle of symbolic links");
            }

            real = Path.IsPathRooted(target) ? "/" : real;
            foreach (var step in Components(target).Reverse())
            {
                pending.Push(step);
            }
        }

        return real;
    }

    /// <summary>Whether a path is a directory or lies in it, by whole components; both must be real.</summary>
    public static bool IsWithin(string path, string directory) =>
        path == directory || directory == "/" || (path.StartsWith(directory, StringComparison.Ordinal) && path[directory.Length] == '/');

    private static IEnumerable<string> Components(string path) =>
        path.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(component => component != ".");

    /// <summary>Null for what is no link, does not exist or cannot be looked at (a dead mount).</summary>
    private static string? LinkTarget(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
