namespace GlanceGateway.Stores;

/// <summary>Paths without symbolic links, so that two names of one directory compare equal.</summary>
internal static class RealPath
{
    /// <summary>Resolves every component that exists; what cannot be examined stays as it is.</summary>
    public static string Of(string path)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (Path.GetDirectoryName(full) is not { } parent)
            return full;
        var here = Path.Combine(Of(parent), Path.GetFileName(full));
        try
        {
            return Directory.ResolveLinkTarget(here, returnFinalTarget: true) is { } target ? Of(target.FullName) : here;
        }
        catch (IOException)
        {
            return here;
        }
    }
}
