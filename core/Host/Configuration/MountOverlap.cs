using GlanceGateway.Stores;

namespace GlanceGateway.Host.Configuration;

/// <summary>Keeps the gateway's own files out of its mount: a process that waits for a read which it must answer itself hangs for ever,
/// and so does everybody else who looks into the mount.</summary>
public static class MountOverlap
{
    /// <summary>A path that the gateway uses.</summary>
    /// <param name="Name">Its key, or what it is.</param>
    /// <param name="Path">Absolute.</param>
    /// <param name="MayHoldMount">Whether the mount may lie inside it, beside the paths that are in use there.</param>
    public sealed record UsedPath(string Name, string Path, bool MayHoldMount = false);

    /// <summary>One sentence, with the remedy, for each path that lies under the mount or has the mount inside it. Symbolic links are resolved.</summary>
    public static IEnumerable<string> Find(string mountDirectory, IEnumerable<UsedPath> paths)
    {
        var problems = new List<string>();
        if (Resolve("the mount", mountDirectory, problems) is not { } mount)
        {
            return problems;
        }

        var refused = new List<string>();
        foreach (var used in paths)
        {
            // What lies below a refused directory adds nothing: the first sentence names the cause.
            if (Resolve(used.Name, used.Path, problems) is not { } path || refused.Exists(known => RealPath.IsWithin(path, known)))
            {
                continue;
            }

            var shown = path == used.Path ? path : $"{used.Path}, which is {path},";
            if (RealPath.IsWithin(path, mount))
            {
                problems.Add($"{used.Name} ({shown}) lies under the mount {mountDirectory}, so the gateway would wait for itself; mount elsewhere or move it");
                refused.Add(path);
            }
            else if (!used.MayHoldMount && RealPath.IsWithin(mount, path))
            {
                problems.Add($"the mount {mountDirectory} lies inside {used.Name} ({shown}), whose files it would hide; mount elsewhere");
                refused.Add(path);
            }
        }

        return problems;
    }

    private static string? Resolve(string name, string path, List<string> problems)
    {
        try
        {
            return RealPath.Of(path);
        }
        catch (IOException fault)
        {
            problems.Add($"{name}: {fault.Message}; repair the links");
            return null;
        }
    }
}
