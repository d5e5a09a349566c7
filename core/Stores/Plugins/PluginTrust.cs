namespace GlanceGateway.Stores;

/// <summary>
/// Decides whether code may be loaded from a folder: only if nobody but root and the service user could have put it there or could replace it.
/// <para>
/// So the folder, everything in it and every directory above it must belong to root or to the service user and be writable by neither group
/// nor others. Exceptions: the service user's own group may write what is the user's; a directory above with the sticky bit (<c>/tmp</c>)
/// may be writable, because others cannot rename what is ours in it; and a symbolic link above is followed, both its own place and its
/// target being judged. Inside the folder there are no links.
/// </para>
/// </summary>
internal static class PluginTrust
{
    private const UnixFileMode OthersMayWrite = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;

    // As many as Linux follows in one path.
    private const int MostLinks = 40;

    /// <summary>Why the folder cannot be trusted, with the remedy; null when it can.</summary>
    public static string? ObjectionTo(string folder)
    {
        try
        {
            var links = MostLinks;
            return ObjectionToPath(Path.GetFullPath(folder), ref links) ?? ObjectionToContents(folder);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return $"'{folder}' cannot be examined: {exception.Message}";
        }
    }

    private static string? ObjectionToPath(string path, ref int links)
    {
        if (Path.GetDirectoryName(path) is not { } parent)
            return ObjectionToDirectory(path, isParent: true);
        if (ObjectionToPath(parent, ref links) is { } objection)
            return objection;
        if (new FileInfo(path).LinkTarget is not { } target)
            return ObjectionToDirectory(path, isParent: true);
        if (ObjectionToOwner(path) is { } owner)
            return owner;
        return links-- == 0
            ? $"'{path}' is behind too many symbolic links."
            : ObjectionToPath(Path.GetFullPath(target, parent), ref links);
    }

    private static string? ObjectionToContents(string folder)
    {
        if (ObjectionToDirectory(folder, isParent: false) is { } own)
            return own;
        foreach (var entry in Directory.EnumerateFileSystemEntries(folder, "*", new EnumerationOptions { AttributesToSkip = FileAttributes.None }))
        {
            var attributes = File.GetAttributes(entry);
            if (attributes.HasFlag(FileAttributes.ReparsePoint))
                return $"'{entry}' is a symbolic link; a plugin's folder must hold its files themselves.";
            var objection = attributes.HasFlag(FileAttributes.Directory)
                ? ObjectionToContents(entry)
                : ObjectionToOwner(entry) ?? ObjectionToMode(entry, File.GetUnixFileMode(entry));
            if (objection is not null)
                return objection;
        }

        return null;
    }

    private static string? ObjectionToDirectory(string path, bool isParent)
    {
        var mode = File.GetUnixFileMode(path);
        return ObjectionToOwner(path)
            ?? (isParent && mode.HasFlag(UnixFileMode.StickyBit) ? null : ObjectionToMode(path, mode));
    }

    private static string? ObjectionToOwner(string path)
    {
        var owner = FileOwner.Of(path);
        return owner == 0 || owner == FileOwner.ServiceUser
            ? null
            : $"'{path}' belongs to user {owner}; a plugin is loaded only from what root or the service user owns: chown root '{path}'.";
    }

    private static string? ObjectionToMode(string path, UnixFileMode mode) =>
        (mode & OthersMayWrite) == UnixFileMode.None || ((mode & UnixFileMode.OtherWrite) == UnixFileMode.None && FileOwner.IsPrivateToServiceUser(path))
            ? null
            : $"'{path}' can be changed by its group or by others, who could thus run code in this process: chmod go-w '{path}'.";
}
