namespace GlanceGateway.MountChecks;

/// <summary>Listings and names.</summary>
internal static class DirectoryChecks
{
    public static void EveryOffset(MountSubject subject)
    {
        foreach (var path in subject.Directories)
        {
            using var directory = Descriptor.Open(path, Posix.DirectoryOnly);
            var all = ReadAll(directory);
            Check.That(all.Take(2).Select(entry => entry.Name).Order(StringComparer.Ordinal).SequenceEqual([".", ".."]), $"{path} does not begin with . and ..");
            Check.That(all.DistinctBy(entry => entry.Name).Count() == all.Count, $"{path} lists a name twice");
            Check.That(all.DistinctBy(entry => entry.Next).Count() == all.Count, $"{path} gives two entries one offset");
            for (var i = 0; i < all.Count - 1; i++)
            {
                Check.Done($"seek to entry {i}", Posix.Seek(directory.Number, all[i].Next, Posix.SeekSet));
                var page = Posix.ReadEntries(directory.Number, 512);
                Check.That(page.Count > 0 && page[0].Name == all[i + 1].Name, $"{path}: behind '{all[i].Name}' comes not '{all[i + 1].Name}' but '{page.Select(entry => entry.Name).FirstOrDefault("the end")}'");
            }

            Check.Done("seek behind the last", Posix.Seek(directory.Number, all[^1].Next, Posix.SeekSet));
            Check.That(Posix.ReadEntries(directory.Number, 512).Count == 0, $"{path}: behind the last entry comes another");
            Check.Done("seek to the beginning", Posix.Seek(directory.Number, 0, Posix.SeekSet));
            Check.That(ReadAll(directory).Count == all.Count, $"{path} rewound has another number of entries");
        }
    }

    public static void LookUpAndForget(MountSubject subject)
    {
        var path = subject.Directories[0];
        List<string> names;
        using (var directory = Descriptor.Open(path, Posix.DirectoryOnly))
            names = [.. ReadAll(directory).Select(entry => entry.Name).Where(name => name is not "." and not "..")];
        var inode = FileStatus.Of(subject.File).Inode;
        var isOver = false;
        var forgetting = subject.MayDropCaches ? new Thread(() =>
        {
            while (!Volatile.Read(ref isOver))
            {
                // 2: names and inodes, which makes the kernel forget those that nobody uses.
                File.WriteAllText("/proc/sys/vm/drop_caches", "2");
                Thread.Sleep(20);
            }
        }) { IsBackground = true } : null;
        forgetting?.Start();
        try
        {
            Check.InParallel(8, subject.Patience * 5, worker =>
            {
                // Each begins elsewhere, and there are at least a thousand looks by each.
                for (var i = 0; i < Math.Max(1000, names.Count); i++)
                    _ = FileStatus.Of(Path.Join(path, names[(i + (worker * 131)) % names.Count]));
                using var file = Descriptor.Open(subject.File);
                Check.That(file.ReadAll(0, 1).Length == 1, "the image does not read meanwhile");
            });
        }
        finally
        {
            Volatile.Write(ref isOver, true);
            forgetting?.Join();
        }

        Check.That(FileStatus.Of(subject.File).Inode == inode, "the inode is another after it was forgotten");
    }

    private static List<(string Name, long Next)> ReadAll(Descriptor directory)
    {
        List<(string, long)> all = [];
        while (Posix.ReadEntries(directory.Number, 32 << 10) is { Count: > 0 } page)
            all.AddRange(page);
        return all;
    }
}
